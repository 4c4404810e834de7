//! Patterns: what recurs over episodes, extracted when one completes.
//!
//! There are four kinds ([`PatternKind`]), one extractor a file. Every extractor is a pure, deterministic function of
//! the episode, and linear in its steps. Patterns over several episodes come from merging.

mod context;
mod decision;
mod recovery;
mod sequence;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::trace::Trace;
use crate::{Head, Outcome, Pattern, PatternKind};

/// The most patterns of one kind of one episode: the most frequent ones.
pub const KEPT_PER_KIND: usize = 8;

/// The patterns of an episode with that head and end, whose steps are digested in `trace`: each once, in the order of
/// their ids.
#[inline(never)]
pub fn extract(head: &Head, trace: &Trace<'_>, outcome: &Outcome) -> Vec<Pattern> {
    let key = context_key(head);
    let kinds =
        [sequence::extract(trace), decision::extract(trace), recovery::extract(trace), context::extract(head, trace)];
    let mut patterns: Vec<Pattern> = kinds
        .into_iter()
        .flat_map(most_frequent)
        .map(|(kind, occurrences)| Pattern::new(kind, &key, occurrences, outcome))
        .collect();
    patterns.sort_unstable_by_key(|pattern| pattern.id);
    patterns
}

/// The context of the patterns of this episode.
pub fn context_key(head: &Head) -> String {
    let known = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_lowercase() };
    let language = head.context.language.as_deref().unwrap_or_default();
    format!("{}/{}/{}", known(&head.context.domain), known(language), known(&head.task_type))
}

/// The patterns of one extractor, and their occurrences.
type Found = BTreeMap<PatternKind, u64>;

/// The [`KEPT_PER_KIND`] most frequent; among equals the longest, then those that sort first.
fn most_frequent(found: Found) -> Vec<(PatternKind, u64)> {
    let mut ranked: Vec<(PatternKind, u64)> = found.into_iter().collect();
    ranked.sort_by_key(|(kind, occurrences)| (Reverse(*occurrences), Reverse(length(kind)))); // stable
    ranked.truncate(KEPT_PER_KIND);
    ranked
}

/// The number of things that it names: of two equally frequent patterns the longer one says more.
fn length(kind: &PatternKind) -> usize {
    match kind {
        PatternKind::ToolSequence { tools } => tools.len(),
        PatternKind::ErrorRecovery { recovery_tools, .. } => recovery_tools.len(),
        PatternKind::ContextPattern { features } => features.len(),
        PatternKind::DecisionPoint { .. } => 1,
    }
}

/// The names of the tools in these places, a tool used several times in a row once.
fn collapsed<'a>(trace: &Trace<'a>, places: std::ops::Range<usize>) -> Vec<&'a str> {
    let mut names: Vec<&str> = places.map(|place| trace.tool(place)).collect();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::tests::steps;
    use crate::{EpisodeId, StartEpisode, TaskContext};

    fn success() -> Outcome {
        Outcome::Success { verdict: String::new() }
    }

    fn head() -> Head {
        let context =
            TaskContext { domain: "Web-API".to_owned(), language: Some("rust".to_owned()), ..TaskContext::default() };
        Head::new(EpisodeId(1), 0, StartEpisode { context, ..StartEpisode::default() })
    }

    #[test]
    fn the_context_key_names_what_is_known() {
        assert_eq!(context_key(&head()), "web-api/rust/-");
    }

    #[test]
    fn patterns_are_unique_sorted_and_repeatable() {
        let steps = steps(&[
            "search",
            "edit",
            "test!error: 1",
            "edit",
            "test",
            "search",
            "edit",
            "test",
            "shell!failed 2",
            "shell",
        ]);
        let patterns = extract(&head(), &Trace::of(&steps), &success());
        assert!(patterns.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert_eq!(patterns, extract(&head(), &Trace::of(&steps), &success()));
        let kinds = |test: fn(&PatternKind) -> bool| patterns.iter().filter(|pattern| test(&pattern.kind)).count();
        assert!(kinds(|kind| matches!(kind, PatternKind::ToolSequence { .. })) > 0);
        assert!(kinds(|kind| matches!(kind, PatternKind::DecisionPoint { .. })) > 0);
        assert_eq!(kinds(|kind| matches!(kind, PatternKind::ErrorRecovery { .. })), 2);
        assert_eq!(kinds(|kind| matches!(kind, PatternKind::ContextPattern { .. })), 1);
    }

    #[test]
    fn only_the_most_frequent_are_kept() {
        let names: Vec<String> = (0..100).flat_map(|place| ["a".to_owned(), format!("t{}", place % 40)]).collect();
        let written: Vec<&str> = names.iter().map(String::as_str).collect();
        let patterns = extract(&head(), &Trace::of(&steps(&written)), &success());
        assert!(patterns.len() <= 3 * KEPT_PER_KIND + 1, "{}", patterns.len());
    }
}
