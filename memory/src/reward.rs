//! The reward.

use serde::{Deserialize, Serialize};

/// What an episode was worth: a total from 0 to 1, and its parts, each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reward {
    /// The weighted sum of the parts.
    pub total: f32,
    /// How much of the task was done.
    pub outcome: f32,
    /// How few steps it took.
    pub efficiency: f32,
    /// How few of the steps failed or repeated an earlier one.
    pub precision: f32,
    /// How many of the failures were overcome.
    pub recovery: f32,
}
