//! The median, on which verdicts rest: on a shared machine, one preempted slice would move a mean. Percentiles describe
//! the slow requests of a load.

use crate::error::{Result, StatsError, check_finite};

/// The median of one or more finite values: the middle one, or the mean of the two middle ones, in their unit.
///
/// ```
/// use stats::descriptive::median;
/// assert_eq!(median(&[3.0, 1.0, 2.0])?, 2.0);
/// assert_eq!(median(&[4.0, 1.0, 2.0, 3.0])?, 2.5);
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn median(values: &[f64]) -> Result<f64> {
    check_finite(values)?;
    Ok(median_in_place(&mut values.to_vec()))
}

/// The median of finite values, of which there is at least one; their order is lost.
pub fn median_in_place(values: &mut [f64]) -> f64 {
    let odd = values.len() % 2 == 1;
    let (below, &mut upper, _) = values.select_nth_unstable_by(values.len() / 2, f64::total_cmp);
    if odd {
        return upper;
    }
    let lower = below.iter().copied().max_by(f64::total_cmp).unwrap_or(upper);
    midpoint(lower, upper)
}

/// The value that this share of one or more finite values does not exceed, by the nearest rank: the smallest value with
/// at least `share` of all at or below it. `share` is over 0 and at most 1.
///
/// ```
/// use stats::descriptive::percentile;
/// assert_eq!(percentile(&[30.0, 10.0, 20.0, 40.0], 0.75)?, 30.0);
/// assert_eq!(percentile(&[30.0, 10.0, 20.0, 40.0], 0.76)?, 40.0);
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn percentile(values: &[f64], share: f64) -> Result<f64> {
    check_finite(values)?;
    if !(share > 0.0 && share <= 1.0) {
        return Err(StatsError::NotAProbability { name: "share", value: share });
    }
    let rank = (share * values.len() as f64).ceil() as usize;
    let mut values = values.to_vec();
    let (_, value, _) = values.select_nth_unstable_by(rank.max(1) - 1, f64::total_cmp);
    Ok(*value)
}

/// The mean of two finite values; halving first keeps it finite. `midpoint(-a, -b)` is `-midpoint(a, b)`, exactly.
pub(crate) fn midpoint(a: f64, b: f64) -> f64 {
    a / 2.0 + b / 2.0
}
