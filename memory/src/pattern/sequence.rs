//! Tool sequences: two to four tools that the agent uses one after the other, again and again.
//!
//! First a tool used several times in a row is collapsed to one; then every window of two, three and four is counted.
//! What occurs at least twice is kept, and a whole episode that is itself that short. A sequence inside a longer one
//! that is just as frequent is dropped.

use std::collections::{HashMap, HashSet};

use super::{Found, PatternKind};
use crate::hash::FixedState;
use crate::trace::Trace;

const LENGTHS: std::ops::RangeInclusive<usize> = 2..=4;

pub(super) fn extract(trace: &Trace<'_>) -> Found {
    let mut tools = trace.tools.clone();
    tools.dedup();
    let mut counts: HashMap<&[u32], u64, FixedState> = HashMap::default();
    for length in LENGTHS {
        for window in tools.windows(length) {
            *counts.entry(window).or_default() += 1;
        }
    }
    let whole = |window: &[u32]| window.len() == tools.len();
    let contained = inside_longer(&counts);
    counts
        .iter()
        .filter(|&(&window, &count)| (count > 1 || whole(window)) && !contained.contains(window))
        .map(|(window, &count)| (PatternKind::ToolSequence { tools: named(window, trace) }, count))
        .collect()
}

/// The sequences that are part of one that is longer by one and as frequent.
fn inside_longer<'t>(counts: &HashMap<&'t [u32], u64, FixedState>) -> HashSet<&'t [u32], FixedState> {
    let mut inside = HashSet::default();
    for (&window, &count) in counts.iter().filter(|(window, _)| window.len() > *LENGTHS.start()) {
        for part in [&window[1..], &window[..window.len() - 1]] {
            if counts.get(part) == Some(&count) {
                inside.insert(part);
            }
        }
    }
    inside
}

fn named(window: &[u32], trace: &Trace<'_>) -> Vec<String> {
    window.iter().map(|&tool| trace.names[tool as usize].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::tests::steps;

    fn sequences(written: &[&str]) -> Vec<(String, u64)> {
        let steps = steps(written);
        let found = extract(&Trace::of(&steps));
        let text = |kind: PatternKind| match kind {
            PatternKind::ToolSequence { tools } => tools.join(" "),
            other => panic!("{other:?}"),
        };
        found.into_iter().map(|(kind, count)| (text(kind), count)).collect()
    }

    #[test]
    fn what_recurs_is_found_and_the_longer_one_speaks_for_its_parts() {
        assert_eq!(
            sequences(&["search", "edit", "test", "shell", "search", "edit", "test"]),
            [("search edit test".to_owned(), 2)]
        );
    }

    #[test]
    fn a_part_that_is_more_frequent_stands_for_itself() {
        assert_eq!(
            sequences(&["search", "edit", "test", "shell", "search", "edit", "test", "edit", "test"]),
            [("edit test".to_owned(), 3), ("search edit test".to_owned(), 2)]
        );
    }

    #[test]
    fn a_short_episode_is_a_sequence() {
        assert_eq!(sequences(&["search", "search", "edit", "test"]), [("search edit test".to_owned(), 1)]);
        assert_eq!(sequences(&["search", "edit"]), [("search edit".to_owned(), 1)]);
        assert!(sequences(&["search", "search"]).is_empty());
        assert!(sequences(&[]).is_empty());
        assert!(sequences(&["a", "b", "c", "d", "e"]).is_empty());
    }
}
