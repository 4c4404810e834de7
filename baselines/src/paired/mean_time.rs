//! The mean time of all slices beside that of the typical one: what is paid now and then.
//!
//! The value of a round is a median over its slices, so that an interrupt does not count. A flush in every fourth slice
//! does not count either. So the sums are compared, too: the value of a round is the logarithm of the new side's sum
//! over the base's, and the growth of the mean is the Hodges-Lehmann estimate of these values. If its interval is
//! beyond the limit although the typical slice passed, that is told. It never blocks: an interrupt does count here, and
//! no calibration has measured how often this is wrong.

use stats::hodges_lehmann::{estimate, rounds_needed};

use super::{Paired, Round, Slices};
use crate::Result;
use crate::delta::{Delta, Verdict};
use crate::metric::{MEAN_CPU_TIME, MEAN_WALL_TIME};

/// The mean of a time that decides.
fn mean_of(metric: &str) -> Option<&'static str> {
    match metric {
        "cpu_time" => Some(MEAN_CPU_TIME),
        "wall_time" => Some(MEAN_WALL_TIME),
        _ => None,
    }
}

/// The mean of the time that decides this pair, if it grew by more than `limit`, a share. `level` is the probability of
/// saying so without a reason.
///
/// # Errors
/// The level is no probability.
pub(super) fn grown(paired: &Paired, limit: f64, level: f64) -> Result<Option<Delta>> {
    let (pair, confidence) = (&paired.pair, 1.0 - 2.0 * level);
    let Some(metric) = mean_of(&pair.metric) else { return Ok(None) };
    let sum = |slices: &Slices| slices.times_ns(&pair.metric).iter().sum::<f64>();
    let value = |round: &Round| (sum(&round.new) / sum(&round.base)).ln();
    let values: Vec<f64> = paired.rounds.iter().map(value).collect();
    if values.len() < rounds_needed(confidence)? || values.iter().any(|value| !value.is_finite()) {
        return Ok(None);
    }
    let (shift, interval) = estimate(&values, confidence)?;
    if interval.low.exp_m1() <= limit {
        return Ok(None);
    }
    let per_operation = |side: fn(&Round) -> &Slices| {
        let (times, slices) =
            paired.rounds.iter().map(side).fold((0.0, 0), |(times, slices), side| {
                (times + sum(side), slices + side.times_ns(&pair.metric).len())
            });
        times / slices as f64 / pair.operations.max(1) as f64
    };
    let why = format!(
        "limit {:.1}%, advises: {:+.2}% [{:+.2}%, {:+.2}%] over all slices of {} rounds, and not in the typical one: \
         something costs much now and then",
        limit * 100.0,
        shift.exp_m1() * 100.0,
        interval.low.exp_m1() * 100.0,
        interval.high.exp_m1() * 100.0,
        values.len(),
    );
    Ok(Some(Delta {
        base: Some(per_operation(|round| &round.base)),
        new: Some(per_operation(|round| &round.new)),
        relative: Some(shift.exp_m1()),
        interval: Some([interval.low.exp_m1(), interval.high.exp_m1()]),
        ..Delta::new(pair.case.clone(), metric, (Verdict::Regressed, why), false)
    }))
}
