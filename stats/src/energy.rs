//! The energy statistic of a split: the difference between what comes before a place in a series and what comes after.
//!
//! Matteson and James, "A nonparametric approach for multiple change point analysis of multivariate data" (JASA 109,
//! 2014, p. 334), with distances to the power of 1. In that paper, what comes after ends where the difference is
//! largest: else, what follows a slowdown that was reverted hides it. In Daly et al., "The use of change point
//! detection to identify software performance regressions in a continuous integration system" (ICPE 2020), and in
//! Apache Otava after them, it ends with the series: that finds a small step sooner. [`After`] chooses.

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

/// The split with the largest divergence, of finite values; none of fewer than two parts need. Takes time in proportion
/// to the square of the number of values.
pub(super) fn best(values: &[f64], after: After) -> Option<Split> {
    let n = values.len();
    let sums = Sums::of(values);
    let mut best: Option<Split> = None;
    // For each end, the sum of the distances among the values from the current start to it.
    let mut within = vec![0.0; n + 1];
    for at in (LEAST.min(n)..n).rev() {
        let first_end = match after {
            After::All => {
                within[n] += sums.to_later(at);
                n
            }
            After::Some => {
                let mut from_first = 0.0;
                for (within, value) in within[at + 1..].iter_mut().zip(&values[at..]) {
                    from_first += (value - values[at]).abs();
                    *within += from_first;
                }
                at + LEAST
            }
        };
        if first_end < at + LEAST {
            continue; // the part after it would be too short
        }
        let divergences = (first_end..=n).map(|end| sums.divergence(at, end, within[end]));
        let divergence = divergences.fold(f64::NEG_INFINITY, f64::max);
        if best.is_none_or(|best| divergence > best.divergence) {
            best = Some(Split { at, divergence });
        }
    }
    best
}

/// Sums of distances within a series, and what every divergence needs of the sizes.
struct Sums {
    /// For each end, among all values before it.
    before: Vec<f64>,
    /// For each value, to those before it.
    to_earlier: Vec<f64>,
    /// For each value, to all.
    to_all: Vec<f64>,
    /// 1/n for each n.
    inverse: Vec<f64>,
}

impl Sums {
    fn of(values: &[f64]) -> Sums {
        let (mut before, mut to_earlier) = (vec![0.0], Vec::with_capacity(values.len()));
        let mut to_all = vec![0.0; values.len()];
        for (end, last) in values.iter().enumerate() {
            let mut to_last = 0.0;
            for (value, to_all) in values[..end].iter().zip(&mut to_all) {
                let distance = (value - last).abs();
                to_last += distance;
                *to_all += distance;
            }
            to_all[end] += to_last;
            to_earlier.push(to_last);
            before.push(before[end] + to_last);
        }
        let inverse = (0..=values.len()).map(|number| 1.0 / number as f64).collect();
        Sums { before, to_earlier, to_all, inverse }
    }

    fn to_later(&self, at: usize) -> f64 {
        self.to_all[at] - self.to_earlier[at]
    }

    /// The divergence between the values before `at` and those from there to `end`, from the sum of the distances
    /// within the latter. With m and n values, and sums B between the parts and L and R within them:
    /// mn/(m+n) * (2B/(mn) - 2L/(m(m-1)) - 2R/(n(n-1))) = 2/(m+n) * (B - nL/(m-1) - mR/(n-1)).
    fn divergence(&self, at: usize, end: usize, within_right: f64) -> f64 {
        let (left, right) = (at as f64, (end - at) as f64);
        let within_left = self.before[at];
        let between = self.before[end] - within_left - within_right;
        let means = right * within_left * self.inverse[at - 1] + left * within_right * self.inverse[end - at - 1];
        2.0 * self.inverse[end] * (between - means)
    }
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
            let found = best(&values, after).expect("enough");
            assert_eq!((found.at, at), (4, 4));
            assert!((found.divergence - expected).abs() < 1e-12, "{} and {expected}", found.divergence);
        }
    }

    #[test]
    fn a_short_series_has_no_split_and_a_constant_one_no_divergence() {
        assert_eq!(best(&[1.0, 2.0, 3.0], After::All), None);
        assert_eq!(best(&[5.0; 9], After::Some).expect("enough").divergence, 0.0);
        assert_eq!(best(&[1.0], After::Some), None);
    }
}
