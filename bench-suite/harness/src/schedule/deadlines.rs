//! How long a worker may take for its answers.

use std::time::Duration;

use crate::budget::Budget;

/// The longest times for an answer, far longer than usual: a process that exceeds one hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// The setup, from the start of the process.
    pub ready: Duration,
    /// One slice.
    pub slice: Duration,
    /// Checking the answers.
    pub end: Duration,
}

impl Deadlines {
    /// The same, or what is left of a budget.
    pub fn within(self, budget: Budget) -> Deadlines {
        let [ready, slice, end] = [self.ready, self.slice, self.end].map(|deadline| budget.at_most(deadline));
        Deadlines { ready, slice, end }
    }
}

impl Default for Deadlines {
    fn default() -> Deadlines {
        let seconds = Duration::from_secs;
        Deadlines { ready: seconds(180), slice: seconds(60), end: seconds(60) }
    }
}
