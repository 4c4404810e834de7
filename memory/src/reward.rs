//! The reward: the worth of an episode, as one number with its parts.
//!
//! ```text
//! total      = 0.70 outcome + 0.10 efficiency + 0.10 precision + 0.10 recovery
//!
//! outcome    = 1 for success, 0.25 for abstained, 0 for failure,
//!              done / (done + failed) for partial (a half if neither is named)
//! efficiency = min(1, budget / steps)           budget: 10, 20 or 40 steps for a simple, moderate or complex task
//! precision  = 1 - wasted / steps               wasted: failed, or the same call as before
//! recovery   = recovered / failures             recovered: the tool worked again within 16 steps
//! ```
//!
//! The last three are 1 where there is nothing to divide by. The weights make every success (at least 0.70) worth more
//! than every failure (at most 0.30), and still rank successes by the way there. Abstaining does no harm, so it is
//! worth more than failing. The budgets are about half of and twice the usual 20 steps. Single precision, because its
//! decimal form survives JSON exactly.

use crate::trace::Trace;
use crate::{Complexity, Outcome, Reward, TaskContext};

const OUTCOME_WEIGHT: f32 = 0.7;
const EFFICIENCY_WEIGHT: f32 = 0.1;
const PRECISION_WEIGHT: f32 = 0.1;
const RECOVERY_WEIGHT: f32 = 0.1;

/// The reward of an episode in that context, with those steps and that end.
#[inline(never)]
pub fn reward(context: &TaskContext, trace: &Trace<'_>, ended: &Outcome) -> Reward {
    let steps = trace.tools.len();
    let outcome = outcome_part(ended);
    let efficiency = ratio(step_budget(context.complexity), steps).min(1.0);
    let precision = 1.0 - if steps == 0 { 0.0 } else { ratio(trace.wasted, steps) };
    let recovery = ratio(trace.recovered(), trace.failures.len());
    let total = OUTCOME_WEIGHT * outcome
        + EFFICIENCY_WEIGHT * efficiency
        + PRECISION_WEIGHT * precision
        + RECOVERY_WEIGHT * recovery;
    // Rounding may leave the sum a little above 1.
    Reward { total: total.min(1.0), outcome, efficiency, precision, recovery }
}

/// The steps that a task of that complexity may take at full efficiency.
pub fn step_budget(complexity: Complexity) -> usize {
    match complexity {
        Complexity::Simple => 10,
        Complexity::Moderate => 20,
        Complexity::Complex => 40,
    }
}

fn outcome_part(outcome: &Outcome) -> f32 {
    match outcome {
        Outcome::Success { .. } => 1.0,
        Outcome::Partial { done, failed, .. } if done.is_empty() && failed.is_empty() => 0.5,
        Outcome::Partial { done, failed, .. } => ratio(done.len(), done.len() + failed.len()),
        Outcome::Abstained { .. } => 0.25,
        Outcome::Failure { .. } => 0.0,
    }
}

/// `part / whole`; 1 if there is no whole.
fn ratio(part: usize, whole: usize) -> f32 {
    if whole == 0 { 1.0 } else { part as f32 / whole as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::tests::steps;

    fn success() -> Outcome {
        Outcome::Success { verdict: String::new() }
    }

    fn failure() -> Outcome {
        Outcome::Failure { reason: String::new() }
    }

    fn reward_of(written: &[&str], outcome: &Outcome) -> Reward {
        reward(&TaskContext::default(), &Trace::of(&steps(written)), outcome)
    }

    #[test]
    fn a_clean_success_is_worth_one_and_the_worst_failure_nothing() {
        assert_eq!(reward_of(&["edit", "test"], &success()).total, 1.0);
        assert_eq!(reward_of(&[], &success()).total, 1.0);
        let worst = reward_of(&["test!error"; 100], &failure());
        assert_eq!((worst.outcome, worst.precision, worst.recovery), (0.0, 0.0, 0.0));
        assert!(worst.total <= 0.1 * 0.2 + f32::EPSILON, "only what is left of efficiency: {}", worst.total);
    }

    #[test]
    fn the_worst_success_beats_the_best_failure() {
        let worst = reward_of(&["test!error"; 1000], &success());
        let best = reward_of(&["edit", "test"], &failure());
        assert!(worst.total > best.total, "{} against {}", worst.total, best.total);
    }

    #[test]
    fn the_parts_are_as_the_formula_says() {
        // 4 steps, 2 failures, 1 of them recovered
        let reward = reward_of(&["test!error", "edit", "test", "shell!error"], &success());
        assert_eq!((reward.efficiency, reward.precision, reward.recovery), (1.0, 0.5, 0.5));
        assert!((reward.total - 0.9).abs() < 1e-6, "{}", reward.total);
        let slow = reward_of(&["edit"; 40], &success());
        assert_eq!(slow.efficiency, 0.5);
        let complex = TaskContext { complexity: Complexity::Complex, ..TaskContext::default() };
        assert_eq!(super::reward(&complex, &Trace::of(&steps(&["edit"; 40])), &success()).efficiency, 1.0);
    }

    #[test]
    fn outcomes_have_their_worth() {
        let partial = |done: usize, failed: usize| Outcome::Partial {
            verdict: String::new(),
            done: vec![String::new(); done],
            failed: vec![String::new(); failed],
        };
        assert_eq!(outcome_part(&partial(0, 0)), 0.5);
        assert_eq!(outcome_part(&partial(3, 1)), 0.75);
        assert_eq!(outcome_part(&Outcome::Abstained { reason: String::new() }), 0.25);
    }
}
