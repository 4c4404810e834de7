//! The shift of a set of rounds, with an interval that assumes no distribution.
//!
//! The estimate is the pseudo-median: the median of all Walsh averages (the means of all pairs of values, each value
//! paired with itself too). With normal noise it is nearly as sharp as the mean, and outliers hardly move it. The
//! interval is the inverted exact signed-rank test: it holds every shift that the test would not reject.
//!
//! Sources: Hodges and Lehmann, "Estimates of location based on rank tests" (Annals of Mathematical Statistics 34,
//! 1963, p. 598); Tukey (1949) and Walsh (1949) for the averages; Hollander, Wolfe and Chicken, "Nonparametric
//! statistical methods" (3rd edition, 2014, sections 3.2 and 3.3).
//! With too few rounds for the confidence there is an error, and no approximate interval.

use crate::descriptive::{median_in_place, midpoint};
use crate::error::{Result, StatsError, check_finite, check_open_unit};
use crate::wilcoxon::{MAX_VALUES, untied_cumulative};

/// All shifts that the rounds do not reject, ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The smallest, in the unit of the values.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// The achieved confidence: the smallest one of the exact distribution that is not below the one asked for.
    pub confidence: f64,
}

/// The pseudo-median of one to [`MAX_VALUES`] finite values, in their unit.
///
/// ```
/// use stats::hodges_lehmann::pseudo_median;
/// // The outlier counts as a large value, not as 90.
/// assert_eq!(pseudo_median(&[1.0, 2.0, 3.0, 90.0])?, 2.75);
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn pseudo_median(values: &[f64]) -> Result<f64> {
    Ok(median_in_place(&mut walsh_averages(values)?))
}

/// The pseudo-median and its interval at a confidence strictly between 0 and 1, in the unit of the values.
///
/// The ends of the interval are Walsh averages. With tied values it is wider than necessary, never narrower. It takes
/// [`rounds_needed`] to [`MAX_VALUES`] finite values.
///
/// ```
/// use stats::hodges_lehmann::estimate;
/// // Hollander and Wolfe, example 3.3: the changes of table 3.1.
/// let change = [0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01];
/// let (shift, interval) = estimate(&change, 0.96)?;
/// assert!((shift - 0.46).abs() < 1e-9);
/// assert_eq!(interval.confidence, 1.0 - 2.0 * 10.0 / 512.0); // 0.961
/// assert!((interval.low - 0.01).abs() < 1e-12 && (interval.high - 0.786).abs() < 1e-12);
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn estimate(values: &[f64], confidence: f64) -> Result<(f64, Interval)> {
    let mut averages = walsh_averages(values)?;
    let interval = interval_of(values.len(), &untied_cumulative(values.len()), &mut averages, confidence)?;
    Ok((median_in_place(&mut averages), interval))
}

/// The pseudo-median with its interval, and the one-sided bound from above that the shift exceeds with a probability of
/// at most `level`. There is no bound where the values are too few for the level.
///
/// ```
/// use stats::hodges_lehmann::bounded;
/// let change = [0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01];
/// let (_, interval, bound) = bounded(&change, 0.96, 0.02)?;
/// assert_eq!(bound, Some(interval.high)); // one side of 2% is an end of 96%
/// assert_eq!(bounded(&change, 0.96, 0.001)?.2, None); // 2^-9 is more than that
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn bounded(values: &[f64], confidence: f64, level: f64) -> Result<(f64, Interval, Option<f64>)> {
    let mut averages = walsh_averages(values)?;
    let cumulative = untied_cumulative(values.len());
    let interval = interval_of(values.len(), &cumulative, &mut averages, confidence)?;
    let one_sided = 1.0 - 2.0 * level;
    let bound = match values.len() < rounds_needed(one_sided)? {
        true => None,
        false => Some(interval_of(values.len(), &cumulative, &mut averages, one_sided)?.high),
    };
    Ok((median_in_place(&mut averages), interval, bound))
}

/// The least number of values for an interval of this confidence: 8 for 99%.
///
/// With n values the widest interval, from the smallest to the largest, has a confidence of 1 - 2^(1-n).
///
/// ```
/// use stats::hodges_lehmann::rounds_needed;
/// assert_eq!(rounds_needed(0.99)?, 8);
/// assert_eq!(rounds_needed(0.95)?, 6);
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn rounds_needed(confidence: f64) -> Result<usize> {
    check_open_unit("the confidence", confidence)?;
    let mut needed = 1;
    let mut outside = 1.0;
    while outside > 1.0 - confidence {
        outside /= 2.0;
        needed += 1;
    }
    Ok(needed)
}

/// The interval of `n` values with these averages; `cumulative` is [`untied_cumulative`] of `n`.
fn interval_of(n: usize, cumulative: &[f64], averages: &mut [f64], confidence: f64) -> Result<Interval> {
    let needed = rounds_needed(confidence)?;
    if n < needed {
        return Err(StatsError::TooFewRounds { given: n, needed, confidence });
    }
    // Cut off as many averages at each end as the confidence allows; with `needed` values, that is at least 0.
    let cut = cumulative.partition_point(|below| 2.0 * below <= 1.0 - confidence).saturating_sub(1);
    let last = averages.len() - 1;
    let (_, &mut low, _) = averages.select_nth_unstable_by(cut, f64::total_cmp);
    let (_, &mut high, _) = averages.select_nth_unstable_by(last - cut, f64::total_cmp);
    Ok(Interval { low, high, confidence: 1.0 - 2.0 * cumulative[cut] })
}

fn walsh_averages(values: &[f64]) -> Result<Vec<f64>> {
    check_finite(values)?;
    if values.len() > MAX_VALUES {
        return Err(StatsError::TooMany { given: values.len(), limit: MAX_VALUES });
    }
    let mut averages = Vec::with_capacity(values.len() * (values.len() + 1) / 2);
    for (index, &a) in values.iter().enumerate() {
        averages.extend(values[index..].iter().map(|&b| midpoint(a, b)));
    }
    Ok(averages)
}
