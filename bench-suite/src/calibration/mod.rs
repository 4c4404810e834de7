//! The measure of the gate itself: what is kept of suites whose truth is known, what criterion says of the same, and what both come to.

mod criterion;
mod record;
mod summary;

pub use criterion::Criterion;
pub use record::{Condition, Judge, SCHEMA, Suite, Tried, append, machine, noise, read, rules, standard_record};
pub use summary::{chart, page, table};

#[cfg(test)]
mod samples {
    use baselines::compare::Verdict;

    use super::{Condition, SCHEMA, Suite, Tried};

    /// A suite of one case measured over and over.
    pub(super) fn suite(number: usize, sizes: &[f64], verdicts: &[(f64, Verdict)]) -> Suite {
        let tried = verdicts.iter().map(|(extra_percent, verdict)| Tried {
            case: "step_log_memory".into(),
            metric: "cpu_time".into(),
            extra_percent: *extra_percent,
            verdict: *verdict,
            relative: Some(0.01),
            noise: 0.0,
            screen: vec![10_000; 10],
            confirm: vec![],
        });
        Suite {
            schema: SCHEMA,
            rules: "r".into(),
            started_at: "2026-01-01T00:00:00Z".into(),
            duration_s: 60.0,
            commit: "c".into(),
            machine: "one, 2 cores".into(),
            number,
            sizes: sizes.to_vec(),
            condition: Condition::default(),
            invalid: vec![],
            controls: vec![],
            tried: tried.collect(),
        }
    }
}
