//! Order statistics: median, quantile, and a spread that outliers cannot move.
//!
//! Left out on purpose: mean and standard deviation. On a shared machine one preempted slice moves both, and no verdict
//! rests on them.

use super::{Error, Result, check_finite};

/// The median: the middle value, or the mean of the two middle ones, in the unit of the values.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`].
///
/// ```
/// use baselines::stats::descriptive::median;
/// assert_eq!(median(&[3.0, 1.0, 2.0])?, 2.0);
/// assert_eq!(median(&[4.0, 1.0, 2.0, 3.0])?, 2.5);
/// # Ok::<(), baselines::stats::Error>(())
/// ```
pub fn median(values: &[f64]) -> Result<f64> {
    check_finite(values)?;
    let mut values = values.to_vec();
    Ok(median_in_place(&mut values))
}

/// The `q` quantile by linear interpolation between order statistics, in the unit of the values.
///
/// It is type 7 of Hyndman and Fan, "Sample quantiles in statistical packages" (The American Statistician 50, 1996,
/// p. 363), the default of R and NumPy.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`], and [`Error::NotAProbability`] for a `q` outside 0 to 1.
///
/// ```
/// use baselines::stats::descriptive::quantile;
/// assert_eq!(quantile(&[10.0, 20.0, 30.0, 40.0], 0.5)?, 25.0);
/// assert_eq!(quantile(&[10.0, 20.0, 30.0, 40.0], 1.0)?, 40.0);
/// # Ok::<(), baselines::stats::Error>(())
/// ```
pub fn quantile(values: &[f64], q: f64) -> Result<f64> {
    check_finite(values)?;
    if !(0.0..=1.0).contains(&q) {
        return Err(Error::NotAProbability { name: "the quantile", value: q });
    }
    let mut values = values.to_vec();
    let position = (values.len() - 1) as f64 * q;
    let below = position.floor() as usize;
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    let share = position - below as f64;
    Ok(low * (1.0 - share) + high * share)
}

/// The median absolute deviation from the median, unscaled, in the unit of the values.
///
/// For normal noise 1.4826 times it estimates the standard deviation (Rousseeuw and Croux, "Alternatives to the median
/// absolute deviation", JASA 88, 1993, p. 1273); up to half of the values may be outliers without moving it far.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotFinite`].
///
/// ```
/// use baselines::stats::descriptive::mad;
/// assert_eq!(mad(&[1.0, 2.0, 3.0, 4.0, 900.0])?, 1.0);
/// # Ok::<(), baselines::stats::Error>(())
/// ```
pub fn mad(values: &[f64]) -> Result<f64> {
    let center = median(values)?;
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    Ok(median_in_place(&mut deviations))
}

/// The median of finite values, of which there is at least one; their order is lost.
pub(crate) fn median_in_place(values: &mut [f64]) -> f64 {
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
