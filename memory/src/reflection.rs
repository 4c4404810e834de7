//! The reflection.

use serde::{Deserialize, Serialize};

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
