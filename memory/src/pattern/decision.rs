//! Decision points: turns from one tool to another, and what preceded them.
//!
//! After a failure every turn is kept, with the signature of the error as the condition. After a success a turn is kept
//! only if the agent had a choice: if in the same episode it left the same tool for at least two different ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{Found, PatternKind};
use crate::trace::Trace;

pub(super) fn extract(trace: &Trace<'_>) -> Found {
    let mut after_success: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    let mut turns: BTreeMap<(u32, Option<&str>, u32), u64> = BTreeMap::new();
    let mut failures = trace.failures.iter().peekable();
    for (place, pair) in trace.tools.windows(2).enumerate() {
        let signature = failures.next_if(|failure| failure.step == place).map(|failure| failure.signature.as_str());
        let [before, chosen] = [pair[0], pair[1]];
        if before == chosen {
            continue;
        }
        *turns.entry((before, signature, chosen)).or_default() += 1;
        if signature.is_none() {
            after_success.entry(before).or_default().insert(chosen);
        }
    }
    let free = |before: u32| after_success.get(&before).is_some_and(|chosen| chosen.len() > 1);
    turns
        .into_iter()
        .filter(|&((before, signature, _), _)| signature.is_some() || free(before))
        .map(|((before, signature, chosen), count)| (decision(trace, before, signature, chosen), count))
        .collect()
}

fn decision(trace: &Trace<'_>, before: u32, signature: Option<&str>, chosen: u32) -> PatternKind {
    PatternKind::DecisionPoint {
        after_tool: trace.names[before as usize].to_owned(),
        chosen_tool: trace.names[chosen as usize].to_owned(),
        condition: signature.map_or_else(|| "ok".to_owned(), |signature| format!("error:{signature}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::tests::steps;

    fn decisions(written: &[&str]) -> Vec<(String, u64)> {
        let steps = steps(written);
        let text = |kind: PatternKind| match kind {
            PatternKind::DecisionPoint { after_tool, chosen_tool, condition } => {
                format!("{after_tool} ({condition}) {chosen_tool}")
            }
            other => panic!("{other:?}"),
        };
        extract(&Trace::of(&steps)).into_iter().map(|(kind, count)| (text(kind), count)).collect()
    }

    #[test]
    fn turns_after_failures_are_kept() {
        assert_eq!(
            decisions(&["test!error: 4 of 5", "edit", "test!error: 1 of 5", "edit", "test!error: 1 of 5", "test"]),
            [("test (error:error: # of #) edit".to_owned(), 2)]
        );
    }

    #[test]
    fn turns_after_successes_are_kept_where_there_was_a_choice() {
        assert_eq!(
            decisions(&["search", "edit", "test", "edit", "submit"]),
            [("edit (ok) submit".to_owned(), 1), ("edit (ok) test".to_owned(), 1)]
        );
        assert!(decisions(&["search", "edit", "test", "search", "edit"]).is_empty());
        assert!(decisions(&["search"]).is_empty());
    }
}
