//! The energy statistic of a split: the difference between what comes before a place in a series and what comes after.
//!
//! Matteson and James, "A nonparametric approach for multiple change point analysis of multivariate data" (JASA 109,
//! 2014, p. 334), with distances to the power of 1. In that paper, what comes after ends where the difference is
//! largest: else, what follows a slowdown that was reverted hides it. In Daly et al., "The use of change point
//! detection to identify software performance regressions in a continuous integration system" (ICPE 2020), and in
//! Apache Otava after them, it ends with the series: that finds a small step sooner. [`After`] chooses.

use crate::error::{Result, check_finite};

/// The fewest values on either side of a split.
pub const LEAST: usize = 2;

/// The best place to split a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The first value of the right part.
    pub at: usize,
    /// The scaled divergence between the parts: mn/(m+n) times the energy distance, in the unit of the values.
    pub divergence: f64,
}

/// What is taken for the part after a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Everything.
    All,
    /// As many values as differ most.
    Some,
}

/// The split with the largest divergence; none of fewer values than two parts need. Takes time in proportion to the
/// square of the number of values.
///
/// ```
/// use stats::energy::{After, best_split};
/// let split = best_split(&[1.0, 1.0, 1.0, 3.0, 3.0], After::All)?.expect("enough values");
/// assert_eq!((split.at, split.divergence), (3, 3.0 * 2.0 / 5.0 * 4.0));
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn best_split(values: &[f64], after: After) -> Result<Option<Split>> {
    check_finite(values)?;
    Ok(best(values, after))
}

/// The same of values that are finite.
pub(super) fn best(values: &[f64], after: After) -> Option<Split> {
    let n = values.len();
    let before = before(values);
    let mut best: Option<Split> = None;
    // For each end, the sum of the distances among the values from the current start to it.
    let mut within = vec![0.0; n + 1];
    for at in (LEAST.min(n)..n).rev() {
        let mut from_first = 0.0;
        for end in at + 1..=n {
            from_first += (values[end - 1] - values[at]).abs();
            if after == After::Some {
                within[end] += from_first;
            }
        }
        if after == After::All {
            within[n] += from_first;
        }
        let first_end = if after == After::All { n } else { at + LEAST };
        for end in first_end.max(at + LEAST)..=n {
            let divergence = divergence(at, end - at, before[at], before[end], within[end]);
            if best.is_none_or(|best| divergence > best.divergence) {
                best = Some(Split { at, divergence });
            }
        }
    }
    best
}

/// For each end, the sum of the distances among all values before it.
fn before(values: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; values.len() + 1];
    for (end, last) in values.iter().enumerate() {
        let mut to_last = 0.0;
        for value in &values[..end] {
            to_last += (value - last).abs();
        }
        sums[end + 1] = sums[end] + to_last;
    }
    sums
}

/// The divergence between two parts of these sizes, from the sums of the distances within the left one, within both
/// together, and within the right one.
fn divergence(left: usize, right: usize, within_left: f64, together: f64, within_right: f64) -> f64 {
    let (left, right) = (left as f64, right as f64);
    let mean = |within: f64, size: f64| within / (size * (size - 1.0) / 2.0);
    let between = together - within_left - within_right;
    let distance = 2.0 * between / (left * right) - mean(within_left, left) - mean(within_right, right);
    left * right / (left + right) * distance
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, pair by pair.
    fn by_pairs(left: &[f64], right: &[f64]) -> f64 {
        let between: f64 = left.iter().flat_map(|one| right.iter().map(move |other| (one - other).abs())).sum();
        let within = |part: &[f64]| {
            let pairs = (0..part.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
            let sum: f64 = pairs.clone().map(|(one, other)| (part[one] - part[other]).abs()).sum();
            sum / pairs.count() as f64
        };
        let (m, n) = (left.len() as f64, right.len() as f64);
        m * n / (m + n) * (2.0 * between / (m * n) - within(left) - within(right))
    }

    #[test]
    fn the_best_split_is_that_of_the_definition() {
        let values = [3.0, 1.5, 2.25, 2.0, 7.0, 6.5, 9.0, 6.0, 2.0, 1.0];
        for (after, least_end) in [(After::All, values.len()), (After::Some, 0)] {
            let ends = |at: usize| (at + LEAST).max(least_end)..=values.len();
            let splits = (LEAST..values.len() - 1).flat_map(|at| ends(at).map(move |end| (at, end)));
            let of_all = splits.map(|(at, end)| (at, by_pairs(&values[..at], &values[at..end])));
            let (at, expected) = of_all.max_by(|one, other| one.1.total_cmp(&other.1)).expect("splits");
            let found = best_split(&values, after).expect("finite").expect("enough");
            assert_eq!((found.at, at), (4, 4));
            assert!((found.divergence - expected).abs() < 1e-12, "{} and {expected}", found.divergence);
        }
    }

    #[test]
    fn a_short_series_has_no_split_and_a_constant_one_no_divergence() {
        assert_eq!(best_split(&[1.0, 2.0, 3.0], After::All).expect("finite"), None);
        assert!(best_split(&[1.0, f64::NAN, 2.0, 3.0], After::All).is_err());
        assert_eq!(best_split(&[5.0; 9], After::Some).expect("finite").expect("enough").divergence, 0.0);
        assert_eq!(best_split(&[1.0], After::Some).expect("finite"), None);
    }
}
