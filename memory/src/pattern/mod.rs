//! Patterns: what recurs over episodes, extracted when one completes.
//!
//! There are four kinds, one extractor a file. The id of a pattern is a hash of its contents and its context key, so
//! that the same pattern of two episodes is one pattern, whose occurrences add up in the store ([`Pattern::merge`]).
//! Every extractor is a pure, deterministic function of the episode, and linear in its steps. Patterns over several
//! episodes come from merging.

mod context;
mod decision;
mod recovery;
mod sequence;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::Hasher;

use serde::{Deserialize, Serialize};

use crate::hash::Fnv1a;
use crate::trace::Trace;
use crate::{Head, Outcome, PatternId};

/// The most patterns of one kind of one episode: the most frequent ones.
pub const KEPT_PER_KIND: usize = 8;

/// Something that recurs over episodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// The hash of its kind and its context key.
    pub id: PatternId,
    /// Its contents.
    pub kind: PatternKind,
    /// Its context: `domain/language/task type`, with `-` for what is not known ([`context_key`]).
    pub context_key: String,
    /// Its occurrences.
    pub occurrences: u64,
    /// Its occurrences in episodes that succeeded, in whole or in part.
    pub successes: u64,
}

/// The contents of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternKind {
    /// Tools used one after the other.
    ToolSequence {
        /// Their names in order, two to four of them; a tool used several times in a row stands once.
        tools: Vec<String>,
    },
    /// The agent turned from one tool to another.
    DecisionPoint {
        /// The tool it had used.
        after_tool: String,
        /// The tool it chose.
        chosen_tool: String,
        /// The condition: `ok`, or `error:` with the error's signature.
        condition: String,
    },
    /// A failure, and what made the failed tool work again.
    ErrorRecovery {
        /// The tool that failed, and the signature of its error.
        error_signature: String,
        /// The tools from after the failure up to the step that worked, a tool used several times in a row once.
        recovery_tools: Vec<String>,
    },
    /// The kind of episode.
    ContextPattern {
        /// Its features, sorted, such as `complexity=simple`, `tag=http`.
        features: Vec<String>,
    },
}

impl PatternKind {
    /// The number of things that it names: of two equally frequent patterns the longer one says more.
    fn length(&self) -> usize {
        match self {
            PatternKind::ToolSequence { tools } => tools.len(),
            PatternKind::ErrorRecovery { recovery_tools, .. } => recovery_tools.len(),
            PatternKind::ContextPattern { features } => features.len(),
            PatternKind::DecisionPoint { .. } => 1,
        }
    }
}

impl Pattern {
    /// A pattern seen `occurrences` times in an episode that ended in `outcome`.
    pub fn new(kind: PatternKind, context_key: &str, occurrences: u64, outcome: &Outcome) -> Pattern {
        let successes = if outcome.succeeded() { occurrences } else { 0 };
        Pattern { id: identify(&kind, context_key), kind, context_key: context_key.to_owned(), occurrences, successes }
    }

    /// Adds what was seen of the same pattern elsewhere.
    ///
    /// # Panics
    /// When the other one has another id: an error in the caller.
    pub fn merge(&mut self, other: &Pattern) {
        assert_eq!(self.id, other.id, "merging different patterns");
        self.occurrences += other.occurrences;
        self.successes += other.successes;
    }

    /// Takes away what was seen in an episode that is deleted. False if nothing is left of the pattern.
    ///
    /// # Panics
    /// When the other one has another id: an error in the caller.
    pub fn unmerge(&mut self, other: &Pattern) -> bool {
        assert_eq!(self.id, other.id, "taking a different pattern away");
        self.occurrences = self.occurrences.saturating_sub(other.occurrences);
        self.successes = self.successes.saturating_sub(other.successes);
        self.occurrences > 0
    }
}

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
    ranked.sort_by_key(|(kind, occurrences)| (Reverse(*occurrences), Reverse(kind.length()))); // stable
    ranked.truncate(KEPT_PER_KIND);
    ranked
}

/// The names of the tools in these places, a tool used several times in a row once.
fn collapsed<'a>(trace: &Trace<'a>, places: std::ops::Range<usize>) -> Vec<&'a str> {
    let mut names: Vec<&str> = places.map(|place| trace.tool(place)).collect();
    names.dedup();
    names
}

/// The id of a pattern. Each field is hashed with a byte behind it that no UTF-8 text holds, so that `["ab", "c"]` and
/// `["a", "bc"]` differ.
fn identify(kind: &PatternKind, context_key: &str) -> PatternId {
    fn text(hasher: &mut Fnv1a, text: &str) {
        hasher.write(text.as_bytes());
        hasher.write(&[0xff]);
    }
    let mut hasher = Fnv1a::default();
    text(&mut hasher, context_key);
    match kind {
        PatternKind::ToolSequence { tools } => {
            text(&mut hasher, "tool_sequence");
            tools.iter().for_each(|tool| text(&mut hasher, tool));
        }
        PatternKind::DecisionPoint { after_tool, chosen_tool, condition } => {
            text(&mut hasher, "decision_point");
            [after_tool, chosen_tool, condition].into_iter().for_each(|field| text(&mut hasher, field));
        }
        PatternKind::ErrorRecovery { error_signature, recovery_tools } => {
            text(&mut hasher, "error_recovery");
            text(&mut hasher, error_signature);
            recovery_tools.iter().for_each(|tool| text(&mut hasher, tool));
        }
        PatternKind::ContextPattern { features } => {
            text(&mut hasher, "context_pattern");
            features.iter().for_each(|feature| text(&mut hasher, feature));
        }
    }
    PatternId(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::tests::steps;
    use crate::{EpisodeId, StartEpisode, TaskContext};

    pub(super) fn success() -> Outcome {
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

    #[test]
    fn successes_follow_the_outcome_and_merging_adds() {
        let kind = PatternKind::ToolSequence { tools: vec!["a".to_owned(), "b".to_owned()] };
        let mut good = Pattern::new(kind.clone(), "x", 3, &success());
        let bad = Pattern::new(kind, "x", 2, &Outcome::Failure { reason: String::new() });
        assert_eq!((good.successes, bad.successes), (3, 0));
        good.merge(&bad);
        assert_eq!((good.occurrences, good.successes), (5, 3));
    }

    #[test]
    fn ids_tell_apart_what_differs() {
        let sequence =
            |tools: &[&str]| PatternKind::ToolSequence { tools: tools.iter().map(ToString::to_string).collect() };
        let recovery =
            PatternKind::ErrorRecovery { error_signature: "ab".to_owned(), recovery_tools: vec!["c".to_owned()] };
        let ids = [
            identify(&sequence(&["ab", "c"]), "x"),
            identify(&sequence(&["a", "bc"]), "x"),
            identify(&sequence(&["ab", "c"]), "y"),
            identify(&recovery, "x"),
        ];
        assert_eq!(std::collections::BTreeSet::from(ids).len(), ids.len());
        assert_eq!(ids[0], identify(&sequence(&["ab", "c"]), "x"));
    }

    #[test]
    #[should_panic(expected = "merging different patterns")]
    fn merging_different_patterns_is_a_mistake() {
        let kind = PatternKind::ContextPattern { features: Vec::new() };
        Pattern::new(kind.clone(), "x", 1, &success()).merge(&Pattern::new(kind, "y", 1, &success()));
    }
}
