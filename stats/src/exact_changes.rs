//! The changes of a series of exact values: between which two of them, or over how many.
//!
//! Values without noise need no test: what differs by more than is allowed has changed. A step is a change between two
//! neighbours. Between two steps no neighbours differ by that much, but many small changes may add up to a drift: from
//! the last of the lowest values to the first of the highest ones after it, or the other way round.

use std::ops::RangeInclusive;

use crate::error::{Result, check_finite};

/// A change from one value to another one: a step if they are neighbours, a drift if not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExactChange {
    /// The last value before the change.
    pub from: usize,
    /// The first value after it.
    pub to: usize,
}

/// The fewest values that stick out of a series that isn't exact.
const STICKING_OUT: usize = 4;

/// The steps and drifts of a series, in order. `allowed` is the largest difference to a value that is no change, in
/// the unit of the values.
///
/// # Errors
/// There is no value, or one is not finite.
///
/// ```
/// use stats::exact_changes::{ExactChange, steps_and_drifts};
/// let reverted = [98.0, 98.0, 125.0, 125.0, 98.0, 98.5];
/// let found = steps_and_drifts(&reverted, |value| 0.01 * value)?;
/// assert_eq!(found, [ExactChange { from: 1, to: 2 }, ExactChange { from: 3, to: 4 }]);
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn steps_and_drifts(values: &[f64], allowed: impl Fn(f64) -> f64) -> Result<Vec<ExactChange>> {
    check_finite(values)?;
    let differ = |from: usize, to: usize| (values[to] - values[from]).abs() > allowed(values[from]);
    let (mut found, mut start) = (Vec::new(), 0);
    for to in 1..values.len() {
        if differ(to - 1, to) {
            drifts(values, start..=to - 1, &differ, &mut found);
            found.push(ExactChange { from: to - 1, to });
            start = to;
        }
    }
    drifts(values, start..=values.len() - 1, &differ, &mut found);
    Ok(found)
}

/// True of values that can't be exact, such as counts of threads that race: more than a third of them differ from both
/// neighbours, in the same direction, by more than is allowed. Of pure noise two thirds do (Bienaymé, "Sur une question
/// de probabilités", Bulletin de la SMF 2, 1874, p. 153).
pub fn is_noisy(values: &[f64], allowed: impl Fn(f64) -> f64) -> bool {
    let sticks_out = |part: &&[f64]| {
        let (before, after, most) = (part[1] - part[0], part[1] - part[2], allowed(part[1]));
        before.abs().min(after.abs()) > most && before.signum() == after.signum()
    };
    let number = values.windows(3).filter(sticks_out).count();
    number >= STICKING_OUT && 3 * number > values.len() - 2
}

/// The widest difference between two values of a part is a drift if it is not allowed; what comes before and after it
/// may have others.
fn drifts(
    values: &[f64],
    part: RangeInclusive<usize>,
    differ: &impl Fn(usize, usize) -> bool,
    found: &mut Vec<ExactChange>,
) {
    let ExactChange { from, to } = widest(values, part.clone());
    if differ(from, to) {
        drifts(values, *part.start()..=from, differ, found);
        found.push(ExactChange { from, to });
        drifts(values, to..=*part.end(), differ, found);
    }
}

/// The nearest of the two places in a part whose values differ most.
fn widest(values: &[f64], part: RangeInclusive<usize>) -> ExactChange {
    let start = *part.start();
    let (mut least, mut most, mut found) = (start, start, ExactChange { from: start, to: start });
    let size = |step: ExactChange| (values[step.to] - values[step.from]).abs();
    for to in part {
        for step in [least, most].map(|from| ExactChange { from, to }) {
            if size(step) > size(found) {
                found = step;
            }
        }
        // The last one of equals.
        if values[to] <= values[least] {
            least = to;
        }
        if values[to] >= values[most] {
            most = to;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1% of the value.
    fn found(values: &[f64]) -> Vec<(usize, usize)> {
        let found = steps_and_drifts(values, |value| 0.01 * value).expect("finite");
        found.into_iter().map(|step| (step.from, step.to)).collect()
    }

    #[test]
    fn steps_within_few_values_are_all_found() {
        assert_eq!(found(&[100.0, 100.0, 130.0, 100.0, 100.0, 60.0, 60.0]), [(1, 2), (2, 3), (4, 5)]);
        assert_eq!(found(&[100.0, 130.0]), [(0, 1)]);
        assert_eq!(found(&[0.0, 0.0, 1.0]), [(1, 2)], "there was nothing before");
    }

    #[test]
    fn what_is_allowed_is_no_change() {
        assert_eq!(found(&[100.0, 100.5, 99.9, 100.4, 100.0]), []);
        assert_eq!(found(&[7.0; 20]), []);
        assert_eq!(found(&[7.0]), []);
        assert!(steps_and_drifts(&[], |_| 0.0).is_err());
        assert!(steps_and_drifts(&[1.0, f64::NAN], |_| 0.0).is_err());
    }

    #[test]
    fn small_steps_add_up_to_a_drift() {
        // 0.2% at every second value, between two plateaus, and back after a step.
        let up = (0..40).map(|at| 100.0 + 0.2 * f64::from((at - 9_i32).clamp(0, 20) / 2));
        let down = (0..20).map(|at| 202.0 - 0.5 * f64::from(at.min(10)));
        let values: Vec<f64> = up.chain(down).collect();
        assert_eq!(found(&values), [(10, 29), (39, 40), (40, 50)]);
    }

    #[test]
    fn noise_sticks_out_and_steps_do_not() {
        let allowed = |_| 1.0;
        let noise: Vec<f64> = (0..30_u32).map(|at| f64::from(at * 7 % 17)).collect();
        assert!(is_noisy(&noise, allowed));
        assert!(!is_noisy(&noise, |_| 20.0), "within what is allowed");
        let pulses: Vec<f64> = (0..40).map(|at| if at % 10 < 5 { 100.0 } else { 130.0 }).collect();
        assert!(!is_noisy(&pulses, allowed));
        assert!(!is_noisy(&[100.0, 130.0, 100.0, 130.0], allowed), "too few to tell");
        assert!(!is_noisy(&[], allowed));
    }
}
