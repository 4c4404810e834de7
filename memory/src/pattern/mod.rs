//! Patterns: what recurs over episodes, extracted when one completes.
//!
//! Four kinds, one extractor a file. A pattern's id is a hash of what it says and of its context key, so that the same pattern of two episodes
//! is one pattern, whose occurrences add up wherever it is stored ([`Pattern::merge`]). Every extractor is a pure function of the
//! episode, deterministic, and linear in its steps.
//!
//! Left out on purpose: patterns over several episodes at once. They come out of merging.


use std::hash::Hasher;

use serde::{Deserialize, Serialize};

use crate::hash::Fnv1a;
use crate::{Outcome, PatternId};

/// Something that recurs over episodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// The hash of its kind and its context key.
    pub id: PatternId,
    /// What it says.
    pub kind: PatternKind,
    /// Where it holds: `domain/language/task type` ([`context_key`]).
    pub context_key: String,
    /// How often it was seen.
    pub occurrences: u64,
    /// How often it was seen in an episode that ended in success, in whole or in part.
    pub successes: u64,
}

/// What a pattern says.
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
        /// What it had seen: `ok` or `error:` with the error's signature.
        condition: String,
    },
    /// A failure, and what made the failed tool work again.
    ErrorRecovery {
        /// What failed: the tool, and the signature of the observation.
        error_signature: String,
        /// The tools used from after the failure up to the step that worked, a tool used several times in a row once.
        recovery_tools: Vec<String>,
    },
    /// What kind of episode it was.
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

    /// The part of its occurrences that were in successful episodes, from 0 to 1.
    pub fn success_rate(&self) -> f64 {
        if self.occurrences == 0 { 0.0 } else { self.successes as f64 / self.occurrences as f64 }
    }
}

/// The id of a pattern that says `kind` in the context of `context_key`.
///
/// The fields are hashed in order, each followed by a byte that no UTF-8 text holds, so that `["ab", "c"]` and `["a", "bc"]` differ.
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
