//! The median. On a shared machine, one preempted slice would move a mean, so no verdict rests on one.

use crate::error::{Result, check_finite};

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

/// The mean of two finite values; halving first keeps it finite. `midpoint(-a, -b)` is `-midpoint(a, b)`, exactly.
pub(crate) fn midpoint(a: f64, b: f64) -> f64 {
    a / 2.0 + b / 2.0
}
