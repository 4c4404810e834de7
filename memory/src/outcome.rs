//! How an episode ended: what the caller says ([`Outcome`]), and what the memory makes of it ([`Completion`]).

use serde::{Deserialize, Serialize};

use crate::ids::PatternId;

/// How an episode ended, in the caller's judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The task was done.
    Success {
        /// What speaks for it.
        verdict: String,
    },
    /// A part of the task was done.
    Partial {
        /// What speaks for it.
        verdict: String,
        /// The parts that were done.
        done: Vec<String>,
        /// The parts that failed.
        failed: Vec<String>,
    },
    /// The task failed.
    Failure {
        /// Why.
        reason: String,
    },
    /// The agent decided not to act.
    Abstained {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// The name in JSON, statistics and features.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Success { .. } => "success",
            Outcome::Partial { .. } => "partial",
            Outcome::Failure { .. } => "failure",
            Outcome::Abstained { .. } => "abstained",
        }
    }

    /// Whether the task was done, in whole or in part: what counts as a success of the patterns seen in the episode.
    pub fn succeeded(&self) -> bool {
        matches!(self, Outcome::Success { .. } | Outcome::Partial { .. })
    }
}

/// The end of an episode, with what was learned from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// When, in nanoseconds since 1970.
    pub completed_at_ns: u64,
    /// How.
    pub outcome: Outcome,
    /// What it was worth.
    pub reward: Reward,
    /// What can be said about it.
    pub reflection: Reflection,
    /// The patterns seen in it, in the order of their ids.
    pub patterns: Vec<PatternId>,
}

/// What an episode was worth: a total from 0 to 1, and its parts, each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reward {
    /// The weighted sum of the parts.
    pub total: f32,
    /// How much of the task was done.
    pub outcome: f32,
    /// How few steps it took, for a task of its complexity.
    pub efficiency: f32,
    /// How few of the steps failed or repeated an earlier one.
    pub precision: f32,
    /// How many of the failures were overcome.
    pub recovery: f32,
}

/// What can be said about an episode, as lists of sentences. Empty lists are usual.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reflection {
    /// What went well.
    pub successes: Vec<String>,
    /// What should be done otherwise next time.
    pub improvements: Vec<String>,
    /// What was learned.
    pub insights: Vec<String>,
}
