//! One round: the slice times of a fresh process of A and of B become one number.
//!
//! The unit of all further statistics is the round, not the slice: slices of one process share its memory layout, its
//! hash seeds and its neighbours, so they are not independent (Kalibera and Jones, "Rigorous benchmarking in reasonable
//! time", ISMM 2013, section 3). The two slices of a pair run back to back, so that a slow second hits both (Bulej et
//! al., "Duet benchmarking", ICPE 2020).

use super::descriptive::median_in_place;
use super::error::{Result, StatsError};

/// The value of a round: the median over its slice pairs of ln(new/base).
///
/// `base_ns[i]` and `new_ns[i]` are the times of the same work on both sides, in nanoseconds. The value has no unit: 0
/// means "as fast", positive means that the new side is slower, and swapping the sides negates it. [`f64::exp_m1`]
/// turns it into a share: 0.0198 is +2%. Times that no working clock gives are errors: zero, negative or not finite, or
/// the same in all slices.
///
/// ```
/// use baselines::stats::round_value;
/// let base_ns = [5_000_100.0, 5_030_000.0, 5_010_000.0];
/// let new_ns = [5_250_105.0, 9_900_000.0, 5_260_500.0]; // 5% more work; the second pair was preempted
/// assert!((round_value(&base_ns, &new_ns)?.exp_m1() - 0.05).abs() < 1e-4);
/// assert!(round_value(&[0.0], &[5e6]).is_err());
/// # Ok::<(), baselines::stats::StatsError>(())
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

fn check_times(side: &'static str, times_ns: &[f64]) -> Result<()> {
    match times_ns.iter().position(|&time_ns| !(time_ns > 0.0 && time_ns.is_finite())) {
        Some(index) => Err(StatsError::Clock { side, index, time_ns: times_ns[index] }),
        None => Ok(()),
    }
}
