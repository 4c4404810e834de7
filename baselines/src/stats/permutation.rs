//! The significance of the best split of a series: how often does the same series, in a random order, split as well?
//!
//! If nothing changed, every order of the values is as likely as the one that was seen. Each random order is split at
//! its own best place, so the search for the place is part of the test: Matteson and James (2014, section 2.3). Hunter
//! (Fleming et al., ICPE 2023, section 3.2) and Apache Otava replace this by Student's t, because it is quicker and repeats. Its
//! p-value is that of a place chosen before looking, and of a normal distribution. Neither holds here, and at the
//! levels that many series need, both errors are large. The seed makes the permutation repeat too.
//!
//! The number of orders is not fixed: Besag and Clifford, "Sequential Monte Carlo p-values" (Biometrika 78, 1991,
//! p. 301) stop when enough orders split as well, so series without a change cost little.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::energy::{Split, best, distances};
use super::error::{Result, check_finite};

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

/// Tests the best split of a series with at most `most` random orders, so that no p-value is below 1/(most + 1). None
/// of too few values, or if all are equal.
///
/// ```
/// use baselines::stats::permutation::tested_split;
/// let step: Vec<f64> = (0..20).map(|at| if at < 12 { 1.0 } else { 2.0 }).collect();
/// let found = tested_split(&step, 999, 1)?.expect("a step");
/// assert_eq!((found.split.at, found.p_value), (12, 0.001));
/// # Ok::<(), baselines::stats::StatsError>(())
/// ```
pub fn tested_split(values: &[f64], most: usize, seed: u64) -> Result<Option<TestedSplit>> {
    check_finite(values)?;
    let distances = distances(values);
    let Some(split) = best(values, &distances).filter(|split| split.divergence > 0.0) else { return Ok(None) };
    // Equal values in another order add up to the same sum but for its last digits.
    let as_good = split.divergence * (1.0 - 1e-9);
    let mut rng = Pcg64::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..values.len()).collect();
    let (mut shuffled, mut shuffled_distances) = (values.to_vec(), distances.clone());
    let mut matched = 0;
    for tried in 1..=most {
        order.shuffle(&mut rng);
        for (place, from) in order.iter().enumerate() {
            shuffled[place] = values[*from];
            shuffled_distances[place] = distances[*from];
        }
        matched += usize::from(best(&shuffled, &shuffled_distances).is_some_and(|other| other.divergence >= as_good));
        if matched == ENOUGH {
            return Ok(Some(TestedSplit { split, p_value: matched as f64 / tried as f64 }));
        }
    }
    Ok(Some(TestedSplit { split, p_value: (matched + 1) as f64 / (most + 1) as f64 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_p_value_is_the_share_of_all_orders() {
        // Of the 20 orders of three low and three high values, two part them: low first, and high first.
        let found = tested_split(&[1.0, 1.0, 1.0, 2.0, 2.0, 2.0], 20_000, 7).expect("finite").expect("a split");
        assert_eq!(found.split.at, 3);
        assert!((0.05..0.2).contains(&found.p_value), "{}", found.p_value);
    }

    #[test]
    fn a_constant_series_has_nothing_to_test_and_a_seed_repeats() {
        assert_eq!(tested_split(&[4.0; 30], 99, 1).expect("finite"), None);
        let values: Vec<f64> = (0..30_u32).map(|at| f64::from(at * at % 17)).collect();
        let p = |seed| tested_split(&values, 99, seed).expect("finite").expect("a split").p_value;
        assert_eq!(p(1), p(1));
        assert!(p(1) > 0.01);
    }
}
