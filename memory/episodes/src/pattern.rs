//! Patterns: what recurs over episodes.
//!
//! The id of a pattern is a hash of its contents and its context key, so that the same pattern of two episodes is one
//! pattern, whose occurrences add up ([`Pattern::merge`]).

use std::hash::Hasher;

use fnv::FnvHasher;
use serde::{Deserialize, Serialize};

use crate::{Outcome, PatternId};

/// Something that recurs over episodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// The hash of its kind and its context key.
    pub id: PatternId,
    /// Its contents.
    pub kind: PatternKind,
    /// Its context: `domain/language/task type`, with `-` for what is not known.
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

/// The id of a pattern. Each field is hashed with a byte behind it that no UTF-8 text holds, so that `["ab", "c"]` and
/// `["a", "bc"]` differ.
fn identify(kind: &PatternKind, context_key: &str) -> PatternId {
    fn text(hasher: &mut FnvHasher, text: &str) {
        hasher.write(text.as_bytes());
        hasher.write(&[0xff]);
    }
    let mut hasher = FnvHasher::default();
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

    fn success() -> Outcome {
        Outcome::Success { verdict: String::new() }
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
