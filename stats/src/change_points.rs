//! E-divisive with means over many series: the places where a series changed for good.
//!
//! A series is split at its best place, and each part again, as long as a split is significant
//! ([`super::permutation`]). The first splits of all series are corrected together by Holm ([`super::holm`]), so that
//! the probability of any change point in series of pure noise is at most the level, however many there are. A series
//! that changed is split further at the level divided by the number of all series.
//!
//! The method takes it that the values between two changes are exchangeable. A slow drift, or noise that depends on the
//! noise before, is found as a change.

use crate::energy::LEAST;
use crate::error::{Result, check_open_unit};
use crate::holm;
use crate::permutation::{TestedSplit, tested_split};

/// The most random orders of one series. More than 10,000 series at 1% would need more.
const MOST_ORDERS: usize = 1_000_000;

/// A place where a series changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// The first value after the change.
    pub at: usize,
    /// The p-value, corrected for the number of series.
    pub p_value: f64,
}

/// The change points of each series, in order; `level` bounds the probability of any in series of pure noise.
///
/// ```
/// use stats::change_points::change_points;
/// let step: Vec<f64> = (0..40).map(|at| if at < 25 { 100.0 } else { 103.0 }).collect();
/// let found = change_points(&[step, vec![7.0; 40]], 0.01, 1)?;
/// assert_eq!((found[0][0].at, found[0].len(), found[1].len()), (25, 1, 0));
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn change_points(series: &[Vec<f64>], level: f64, seed: u64) -> Result<Vec<Vec<ChangePoint>>> {
    check_open_unit("the level of change points", level)?;
    // A series that is too short or constant has no split, and so can't be found changed by chance.
    let has_split = |values: &&Vec<f64>| values.len() >= 2 * LEAST && values.iter().any(|value| *value != values[0]);
    let number = series.iter().filter(has_split).count().max(1) as f64;
    // The smallest p-value must be well below the level of one series, or nothing could be found.
    let orders = ((4.0 * number / level).ceil() as usize).clamp(999, MOST_ORDERS);
    let test = |values: &[f64]| if values.is_empty() { Ok(None) } else { tested_split(values, orders, seed) };
    let first: Vec<Option<TestedSplit>> = series.iter().map(|values| test(values)).collect::<Result<_>>()?;
    let p_values: Vec<f64> = first.iter().flatten().map(|tested| tested.p_value).collect();
    let mut corrected = holm::adjusted(&p_values)?.into_iter();
    let mut all = Vec::with_capacity(series.len());
    for (values, first) in series.iter().zip(first) {
        let corrected = first.and_then(|tested| Some((tested, corrected.next()?)));
        let Some((tested, adjusted)) = corrected.filter(|(_, adjusted)| *adjusted <= level) else {
            all.push(vec![]);
            continue;
        };
        let mut found = vec![ChangePoint { at: tested.split.at, p_value: adjusted }];
        let mut parts = vec![0..tested.split.at, tested.split.at..values.len()];
        while let Some(part) = parts.pop() {
            let Some(tested) = test(&values[part.clone()])? else { continue };
            let p_value = (tested.p_value * number).min(1.0);
            if p_value <= level {
                let at = part.start + tested.split.at;
                found.push(ChangePoint { at, p_value });
                parts.extend([part.start..at, at..part.end]);
            }
        }
        found.sort_by_key(|point| point.at);
        all.push(found);
    }
    Ok(all)
}
