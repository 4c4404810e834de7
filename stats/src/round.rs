//! One round: the slice times of a fresh process of A and of B become one number.
//!
//! The unit of all further statistics is the round, not the slice: slices of one process share its memory layout, its
//! hash seeds and its neighbours, so they are not independent (Kalibera and Jones, "Rigorous benchmarking in reasonable
//! time", ISMM 2013, section 3). The two slices of a pair run back to back, so that a slow second hits both (Bulej et
//! al., "Duet benchmarking", ICPE 2020).

use crate::descriptive::{median, median_in_place};
use crate::error::{Result, StatsError};

/// The value of a round: the median over its slice pairs of ln(new/base).
///
/// `base_ns[i]` and `new_ns[i]` are the times of the same work on both sides, in nanoseconds. The value has no unit: 0
/// means "as fast", positive means that the new side is slower, and swapping the sides negates it. [`f64::exp_m1`]
/// turns it into a share: 0.0198 is +2%. Times that no working clock gives are errors: zero, negative or not finite, or
/// the same in all slices.
///
/// ```
/// use stats::round_value;
/// let base_ns = [5_000_100.0, 5_030_000.0, 5_010_000.0];
/// let new_ns = [5_250_105.0, 9_900_000.0, 5_260_500.0]; // 5% more work; the second pair was preempted
/// assert!((round_value(&base_ns, &new_ns)?.exp_m1() - 0.05).abs() < 1e-4);
/// assert!(round_value(&[0.0], &[5e6]).is_err());
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn round_value(base_ns: &[f64], new_ns: &[f64]) -> Result<f64> {
    if base_ns.len() != new_ns.len() {
        return Err(StatsError::Unpaired { base: base_ns.len(), new: new_ns.len() });
    }
    let Some(&first) = base_ns.first() else { return Err(StatsError::Empty) };
    check_times("base", base_ns)?;
    check_times("new", new_ns)?;
    // A clock that always answers alike would make everything equal. One pair alone may agree by chance.
    if base_ns.len() > 1 && base_ns.iter().chain(new_ns).all(|&time_ns| time_ns == first) {
        return Err(StatsError::FrozenClock { slices: 2 * base_ns.len(), time_ns: first });
    }
    // A difference of logarithms, since the logarithm of a quotient would not swap its sign exactly.
    let mut ratios: Vec<f64> = base_ns.iter().zip(new_ns).map(|(base, new)| new.ln() - base.ln()).collect();
    Ok(median_in_place(&mut ratios))
}

/// The value of a round for a part of the time, such as waiting: how much it grew, as a share of the base's whole time.
///
/// `whole_ns[i]` is the time of the base's slice, of which `base_ns[i]` is a part. The value is the median over the
/// pairs of ln(1 + (new - base) / whole), so that it reads like that of [`round_value`]: [`f64::exp_m1`] is the share.
/// Parts may be zero on both sides, which is a value of exactly 0.
///
/// ```
/// use stats::growth_value;
/// let value = growth_value(&[0.0, 1e5], &[2e6, 2.1e6], &[4e6, 4e6])?; // 2 ms more waiting in slices of 4 ms
/// assert!((value.exp_m1() - 0.5).abs() < 1e-12);
/// assert_eq!(growth_value(&[0.0], &[0.0], &[4e6])?, 0.0);
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn growth_value(base_ns: &[f64], new_ns: &[f64], whole_ns: &[f64]) -> Result<f64> {
    if base_ns.len() != new_ns.len() || base_ns.len() != whole_ns.len() {
        return Err(StatsError::Unpaired { base: base_ns.len().max(whole_ns.len()), new: new_ns.len() });
    }
    check_times("base", whole_ns)?;
    let parts = base_ns.iter().zip(new_ns).zip(whole_ns);
    // Waiting can't shrink by all of the time, because the work takes some; clocks may disagree by a little.
    let growths = parts.map(|((base, new), whole)| ((new - base) / whole).max(-0.99).ln_1p());
    median(&growths.collect::<Vec<f64>>())
}

fn check_times(side: &'static str, times_ns: &[f64]) -> Result<()> {
    match times_ns.iter().position(|&time_ns| !(time_ns > 0.0 && time_ns.is_finite())) {
        Some(index) => Err(StatsError::Clock { side, index, time_ns: times_ns[index] }),
        None => Ok(()),
    }
}
