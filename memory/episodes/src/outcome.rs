//! The end of an episode: the caller's [`Outcome`], and the memory's [`Completion`] with [`Reward`] and [`Reflection`].

use serde::{Deserialize, Serialize};

use crate::ids::PatternId;

/// The outcome of an episode, in the caller's judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The task was done.
    Success {
        /// The evidence.
        verdict: String,
    },
    /// A part of the task was done.
    Partial {
        /// The evidence.
        verdict: String,
        /// The parts that were done.
        done: Vec<String>,
        /// The parts that failed.
        failed: Vec<String>,
    },
    /// The task failed.
    Failure {
        /// The reason.
        reason: String,
    },
    /// The agent decided not to act.
    Abstained {
        /// The reason.
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

    /// The task was done, in whole or in part, which counts as a success of the patterns in the episode.
    pub fn succeeded(&self) -> bool {
        matches!(self, Outcome::Success { .. } | Outcome::Partial { .. })
    }
}

/// The end of an episode, and the lessons from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// Its time, in nanoseconds since 1970.
    pub completed_at_ns: u64,
    /// The outcome.
    pub outcome: Outcome,
    /// The reward.
    pub reward: Reward,
    /// The reflection.
    pub reflection: Reflection,
    /// Its patterns, in the order of their ids.
    pub patterns: Vec<PatternId>,
}

/// The worth of an episode: a total and its parts, each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reward {
    /// The weighted sum of the parts.
    pub total: f32,
    /// The part of the task that was done.
    pub outcome: f32,
    /// The economy of steps, for the complexity of the task.
    pub efficiency: f32,
    /// The part of the steps that neither failed nor repeated an earlier one.
    pub precision: f32,
    /// The part of the failures that were overcome.
    pub recovery: f32,
}

/// Sentences about an episode. Empty lists are usual.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reflection {
    /// Successes.
    pub successes: Vec<String>,
    /// Advice for the next time.
    pub improvements: Vec<String>,
    /// Observations.
    pub insights: Vec<String>,
}
