//! The energy statistic of a split: the difference between what comes before a place in a series and what comes after.
//!
//! Matteson and James, "A nonparametric approach for multiple change point analysis of multivariate data" (JASA 109,
//! 2014, p. 334, equations 5 to 7), with distances to the power of 1. The right part always reaches to the end of the
//! series, as in Daly et al., "The use of change point detection to identify software performance regressions in a
//! continuous integration system" (ICPE 2020, section 3): the part behind a later change is found by splitting again.

use super::error::{Result, check_finite};

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

/// The split with the largest divergence; none of fewer values than two parts need.
///
/// ```
/// use baselines::stats::energy::best_split;
/// let split = best_split(&[1.0, 1.0, 1.0, 3.0, 3.0])?.expect("enough values");
/// assert_eq!((split.at, split.divergence), (3, 3.0 * 2.0 / 5.0 * 4.0));
/// # Ok::<(), baselines::stats::StatsError>(())
/// ```
pub fn best_split(values: &[f64]) -> Result<Option<Split>> {
    check_finite(values)?;
    Ok(best(values, &distances(values)))
}

/// For each value, the sum of its distances to all others. It moves with its value when values change places.
pub(super) fn distances(values: &[f64]) -> Vec<f64> {
    values.iter().map(|one| values.iter().map(|other| (one - other).abs()).sum()).collect()
}

/// The same for values whose [`distances`] are known. Takes time in proportion to the square of the number of values.
pub(super) fn best(values: &[f64], distances: &[f64]) -> Option<Split> {
    let n = values.len();
    if n < 2 * LEAST {
        return None;
    }
    let mut within_left = 0.0;
    let mut within_right: f64 = distances.iter().sum::<f64>() / 2.0;
    let total = within_right;
    let mut best: Option<Split> = None;
    for at in 1..=n - LEAST {
        let moved = at - 1;
        let to_left: f64 = values[..moved].iter().map(|other| (values[moved] - other).abs()).sum();
        within_left += to_left;
        within_right -= distances[moved] - to_left;
        if at < LEAST {
            continue;
        }
        let (left, right) = (at as f64, (n - at) as f64);
        let between = (total - within_left - within_right).max(0.0);
        let mean = |within: f64, size: f64| within.max(0.0) / (size * (size - 1.0) / 2.0);
        let distance = 2.0 * between / (left * right) - mean(within_left, left) - mean(within_right, right);
        let divergence = left * right / (left + right) * distance;
        if best.is_none_or(|best| divergence > best.divergence) {
            best = Some(Split { at, divergence });
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, pair by pair.
    fn divergence(left: &[f64], right: &[f64]) -> f64 {
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
        let of_all = (LEAST..=values.len() - LEAST).map(|at| (at, divergence(&values[..at], &values[at..])));
        let (at, expected) = of_all.max_by(|one, other| one.1.total_cmp(&other.1)).expect("splits");
        let found = best_split(&values).expect("finite").expect("enough");
        assert_eq!(found.at, at);
        assert!((found.divergence - expected).abs() < 1e-12, "{} and {expected}", found.divergence);
    }

    #[test]
    fn a_short_series_has_no_split_and_a_constant_one_no_divergence() {
        assert_eq!(best_split(&[1.0, 2.0, 3.0]).expect("finite"), None);
        assert!(best_split(&[1.0, f64::NAN, 2.0, 3.0]).is_err());
        assert_eq!(best_split(&[5.0; 9]).expect("finite").expect("enough").divergence, 0.0);
    }
}
