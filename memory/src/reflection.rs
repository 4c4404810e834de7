//! The reflection: sentences about an episode, each from a fact of its steps.
//!
//! Each rule adds its sentence when its condition holds, in the order below, so that the same episode always gives the
//! same sentences. Rules look at the trace (failures, recoveries, repetitions, tools), at times and at tokens. Nothing
//! is guessed from texts, and there are no summaries in prose, which would need a model.

use std::collections::BTreeMap;

use crate::reward::step_budget;
use crate::trace::{FailedStep, Trace};
use crate::{Head, Outcome, Reflection, Step};

/// A tool with at least this part of the episode's time is named.
const DOMINANT_PART: f64 = 0.5;

/// The most sentences about single failures.
const FAILURES_NAMED: usize = 3;

/// The reflection on an episode with that head and end, and those steps, digested in `trace`.
#[inline(never)]
pub fn reflect(head: &Head, steps: &[Step], trace: &Trace<'_>, outcome: &Outcome) -> Reflection {
    Reflection {
        successes: successes(head, steps, trace, outcome),
        improvements: improvements(head, steps, trace, outcome),
        insights: insights(steps, trace),
    }
}

fn successes(head: &Head, steps: &[Step], trace: &Trace<'_>, outcome: &Outcome) -> Vec<String> {
    let mut said = Vec::new();
    match outcome {
        Outcome::Success { verdict } => said.push(sentence("the task was done", verdict)),
        Outcome::Partial { done, .. } => said.extend(done.iter().map(|part| format!("done: {part}"))),
        Outcome::Failure { .. } | Outcome::Abstained { .. } => {}
    }
    if outcome.succeeded() && !steps.is_empty() {
        if trace.failures.is_empty() {
            said.push(format!("all {} worked at once", count(steps.len(), "step")));
        }
        if steps.len() * 2 <= step_budget(head.context.complexity) {
            said.push(format!("{} sufficed for a {} task", count(steps.len(), "step"), head.context.complexity.name()));
        }
    }
    if trace.recovered() > 0 {
        said.push(format!("recovered from {} of {}", trace.recovered(), count(trace.failures.len(), "failure")));
    }
    said
}

fn improvements(head: &Head, steps: &[Step], trace: &Trace<'_>, outcome: &Outcome) -> Vec<String> {
    let mut said = Vec::new();
    match outcome {
        Outcome::Failure { reason } => said.push(sentence("the task failed", reason)),
        Outcome::Partial { failed, .. } => said.extend(failed.iter().map(|part| format!("not done: {part}"))),
        Outcome::Abstained { reason } => said.push(sentence("the agent did not act", reason)),
        Outcome::Success { .. } => {}
    }
    let open = trace.failures.iter().filter(|failure| failure.recovered_at.is_none());
    said.extend(open.take(FAILURES_NAMED).map(|failure| {
        format!("step {} failed and {} did not work again{}", failure.step, trace.tool(failure.step), because(failure))
    }));
    if trace.repeated > 0 {
        said.push(format!("{} did again what an earlier one had done", count(trace.repeated, "step")));
    }
    let budget = step_budget(head.context.complexity);
    if steps.len() > budget {
        let complexity = head.context.complexity.name();
        said.push(format!("{} for a {complexity} task; {budget} should do", count(steps.len(), "step")));
    }
    said
}

fn insights(steps: &[Step], trace: &Trace<'_>) -> Vec<String> {
    let mut said = Vec::new();
    let mut recoveries: BTreeMap<(&str, &str, usize), usize> = BTreeMap::new();
    for failure in &trace.failures {
        if let Some(recovered_at) = failure.recovered_at {
            let key = (trace.tool(failure.step), failure.signature.as_str(), recovered_at - failure.step);
            *recoveries.entry(key).or_default() += 1;
        }
    }
    said.extend(recoveries.iter().take(FAILURES_NAMED).map(|((tool, signature, later), times)| {
        let times = if *times > 1 { format!(", {times} times") } else { String::new() };
        format!("{tool} worked {} after `{signature}`{times}", count(*later, "step"))
    }));
    if let Some((tool, part)) = slowest(steps, trace) {
        said.push(format!("{tool} took {:.0}% of the time", part * 100.0));
    }
    let tokens: u64 = steps.iter().filter_map(|step| step.tokens).map(u64::from).sum();
    if tokens > 0 {
        said.push(format!("{tokens} tokens over {}", count(steps.len(), "step")));
    }
    said
}

/// The tool that took the most time, and its part of the whole: if there were several tools and it took at least
/// [`DOMINANT_PART`].
fn slowest<'a>(steps: &[Step], trace: &Trace<'a>) -> Option<(&'a str, f64)> {
    if trace.names.len() < 2 {
        return None;
    }
    let mut times = vec![0u64; trace.names.len()];
    for (step, &tool) in steps.iter().zip(&trace.tools) {
        times[tool as usize] = times[tool as usize].saturating_add(step.latency_ns);
    }
    let whole: f64 = times.iter().map(|&time| time as f64).sum();
    // The first of equals: `max_by_key` would give the last.
    let (place, time) = times.into_iter().enumerate().rev().max_by_key(|&(_, time)| time)?;
    let part = if whole > 0.0 { time as f64 / whole } else { 0.0 };
    (part >= DOMINANT_PART).then(|| (trace.names[place], part))
}

fn sentence(what: &str, why: &str) -> String {
    if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") }
}

fn because(failure: &FailedStep) -> String {
    if failure.signature.is_empty() { String::new() } else { format!(": {}", failure.signature) }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::tests::steps;
    use crate::{EpisodeId, StartEpisode};

    fn reflect_on(steps: &[Step], outcome: &Outcome) -> Reflection {
        let head = Head::new(EpisodeId(1), 0, StartEpisode::default());
        reflect(&head, steps, &Trace::of(steps), outcome)
    }

    #[test]
    fn a_clean_success() {
        let outcome = Outcome::Success { verdict: "tests pass".to_owned() };
        let reflection = reflect_on(&steps(&["edit", "test"]), &outcome);
        assert_eq!(
            reflection.successes,
            ["the task was done: tests pass", "all 2 steps worked at once", "2 steps sufficed for a moderate task"]
        );
        assert!(reflection.improvements.is_empty() && reflection.insights.is_empty(), "{reflection:?}");
    }

    #[test]
    fn a_failure_with_one_recovery() {
        let mut steps = steps(&["test!error: 3 failed", "edit", "test", "shell!command not found", "edit"]);
        steps[1].latency_ns = 10;
        steps[2].latency_ns = 90;
        steps[4].action = steps[1].action.clone();
        steps[4].tokens = Some(40);
        let reflection = reflect_on(&steps, &Outcome::Failure { reason: String::new() });
        assert_eq!(reflection.successes, ["recovered from 1 of 2 failures"]);
        assert_eq!(
            reflection.improvements,
            [
                "the task failed",
                "step 3 failed and shell did not work again: command not found",
                "1 step did again what an earlier one had done"
            ]
        );
        assert_eq!(
            reflection.insights,
            ["test worked 2 steps after `error: # failed`", "test took 90% of the time", "40 tokens over 5 steps"]
        );
    }

    #[test]
    fn a_long_partial_episode() {
        let outcome = Outcome::Partial {
            verdict: String::new(),
            done: vec!["parser".to_owned()],
            failed: vec!["printer".to_owned()],
        };
        let reflection = reflect_on(&steps(&["edit"; 21]), &outcome);
        assert_eq!(reflection.successes, ["done: parser", "all 21 steps worked at once"]);
        assert_eq!(reflection.improvements, ["not done: printer", "21 steps for a moderate task; 20 should do"]);
    }

    #[test]
    fn an_abstention_without_steps() {
        let reflection = reflect_on(&[], &Outcome::Abstained { reason: "too risky".to_owned() });
        assert_eq!(reflection.improvements, ["the agent did not act: too risky"]);
        assert!(reflection.successes.is_empty() && reflection.insights.is_empty());
    }
}
