//! The significance of the best split of a series: how often does the same series, in a random order, split as well?
//!
//! If nothing changed, every order of the values is as likely as the one that was seen. Each random order is split at
//! its own best place, so the search for the place is part of the test, as in Matteson and James (2014). Hunter
//! (Fleming et al., ICPE 2023) and Apache Otava replace this by Student's t, because it is quicker and repeats. Its
//! p-value is that of a place chosen before looking, and of a normal distribution. Neither holds here, and at the
//! levels that many series need, both errors are large. The seed makes the permutation repeat too.
//!
//! The number of orders is not fixed: Besag and Clifford, "Sequential Monte Carlo p-values" (Biometrika 78, 1991,
//! p. 301) stop when enough orders split as well, so series without a change cost little.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use crate::energy::{After, Split, best};
use crate::error::{Result, check_finite};

/// So many orders that split as well end the test: the p-value is then known to a third of itself.
const ENOUGH: usize = 10;

/// A split and its significance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestedSplit {
    /// The best split.
    pub split: Split,
    /// The probability that a series without a change splits as well.
    pub p_value: f64,
}

/// The share of the level that goes to a part after the split that is all the rest. What was reverted stands out so
/// clearly that the remaining fifth is enough for it.
const SHARE_OF_ALL: f64 = 0.8;

/// Tests the best split of a series with at most `most` random orders. None of too few values, or if all are equal.
///
/// Two splits are tested, by what is taken for the part after it ([`After`]). Either p-value is divided by its share of
/// the level (a weighted Bonferroni correction), and the smaller one counts; so none is below 1.25/(most + 1).
///
/// ```
/// use stats::permutation::tested_split;
/// let step: Vec<f64> = (0..20).map(|at| if at < 12 { 1.0 } else { 2.0 }).collect();
/// let found = tested_split(&step, 999, 1)?.expect("a step");
/// assert_eq!((found.split.at, found.p_value), (12, 0.001 / 0.8));
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn tested_split(values: &[f64], most: usize, seed: u64) -> Result<Option<TestedSplit>> {
    check_finite(values)?;
    let tested = |after, share: f64| {
        let (split, p_value) = test(values, after, most, seed)?;
        Some(TestedSplit { split, p_value: (p_value / share).min(1.0) })
    };
    let all = tested(After::All, SHARE_OF_ALL);
    if all.is_some_and(|all| all.p_value <= 1.0 / SHARE_OF_ALL / (most + 1) as f64) {
        return Ok(all);
    }
    let some = tested(After::Some, 1.0 - SHARE_OF_ALL);
    Ok(all.into_iter().chain(some).min_by(|one, other| one.p_value.total_cmp(&other.p_value)))
}

/// The best split, and the share of random orders that split as well.
fn test(values: &[f64], after: After, most: usize, seed: u64) -> Option<(Split, f64)> {
    let split = best(values, after).filter(|split| split.divergence > 0.0)?;
    // Equal values in another order add up to the same sum but for its last digits.
    let as_good = split.divergence * (1.0 - 1e-9);
    let mut rng = Pcg64::seed_from_u64(seed);
    let mut shuffled = values.to_vec();
    let mut matched = 0;
    for tried in 1..=most {
        shuffled.shuffle(&mut rng);
        matched += usize::from(best(&shuffled, after).is_some_and(|other| other.divergence >= as_good));
        if matched == ENOUGH {
            return Some((split, matched as f64 / tried as f64));
        }
    }
    Some((split, (matched + 1) as f64 / (most + 1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_p_value_is_the_share_of_all_orders() {
        // Of the 20 orders of three low and three high values, two part them: low first, and high first.
        let (split, p_value) = test(&[1.0, 1.0, 1.0, 2.0, 2.0, 2.0], After::All, 20_000, 7).expect("a split");
        assert_eq!(split.at, 3);
        assert!((0.05..0.2).contains(&p_value), "{p_value}");
    }

    #[test]
    fn a_slowdown_that_was_reverted_is_found() {
        let values: Vec<f64> = (0..75).map(|at| if (30..42).contains(&at) { 125.7 } else { 98.45 }).collect();
        let found = tested_split(&values, 9999, 1).expect("finite").expect("a split");
        assert!([30, 42].contains(&found.split.at) && found.p_value < 0.001, "{found:?}");
    }

    #[test]
    fn a_constant_series_has_nothing_to_test_and_a_seed_repeats() {
        assert_eq!(tested_split(&[4.0; 30], 99, 1).expect("finite"), None);
        assert!(tested_split(&[1.0, f64::NAN, 2.0, 3.0], 99, 1).is_err());
        let values: Vec<f64> = (0..30_u32).map(|at| f64::from(at * at % 17)).collect();
        let p = |seed| tested_split(&values, 99, seed).expect("finite").expect("a split").p_value;
        assert_eq!(p(1), p(1));
        assert!(p(1) > 0.01);
    }
}
