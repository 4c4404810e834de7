//! Error recoveries: a failure, and the tools up to the step in which the failed tool worked again.
//!
//! The trace finds the recoveries ([`crate::trace::FailedStep`]). Of several failures that the same success ended, only
//! the first is kept: it has the whole story. The time is linear, because a recovery is looked for within a window of
//! steps.

use std::collections::BTreeSet;

use super::{Found, PatternKind, collapsed};
use crate::trace::Trace;

pub(super) fn extract(trace: &Trace<'_>) -> Found {
    let mut found = Found::new();
    let mut told = BTreeSet::new(); // the successes that a failure was told of: each ends the failures of one tool
    for failure in &trace.failures {
        let Some(recovered_at) = failure.recovered_at.filter(|&place| told.insert(place)) else {
            continue;
        };
        let recovery_tools = collapsed(trace, failure.step + 1..recovered_at + 1);
        let kind = PatternKind::ErrorRecovery {
            error_signature: format!("{}: {}", trace.tool(failure.step), failure.signature),
            recovery_tools: recovery_tools.into_iter().map(str::to_owned).collect(),
        };
        *found.entry(kind).or_default() += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::tests::steps;

    fn recoveries(written: &[&str]) -> Vec<(String, u64)> {
        let steps = steps(written);
        let text = |kind: PatternKind| match kind {
            PatternKind::ErrorRecovery { error_signature, recovery_tools } => {
                format!("{error_signature} > {}", recovery_tools.join(" "))
            }
            other => panic!("{other:?}"),
        };
        extract(&Trace::of(&steps)).into_iter().map(|(kind, count)| (text(kind), count)).collect()
    }

    #[test]
    fn the_way_back_is_told_once_from_the_first_failure() {
        assert_eq!(
            recoveries(&["test!error 1", "search", "edit", "edit", "test!error 2", "edit", "test"]),
            [("test: error # > search edit test edit test".to_owned(), 1)]
        );
    }

    #[test]
    fn the_same_way_back_is_counted() {
        assert_eq!(
            recoveries(&["test!error 1", "edit", "test", "test!error 7", "edit", "test", "shell!denied"]),
            [("test: error # > edit test".to_owned(), 2)]
        );
    }

    #[test]
    fn a_failure_at_the_end_is_none() {
        assert!(recoveries(&["edit", "test!error"]).is_empty());
    }
}
