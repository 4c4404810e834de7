//! A program in rounds: what it runs, its layouts, its slices, and how long it may take.

use std::time::Duration;

use crate::budget::Budget;
use crate::build::layouts::Layouts;
use crate::case_command::CaseCommand;

/// A worker that serves slices of a case. Equal `Debug` texts mean equal work.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerProgram {
    /// The worker and its case.
    pub command: CaseCommand,
    /// Its layouts, if every round has a new one.
    pub layouts: Option<Layouts>,
    /// Extra work in per cent: a slowdown of a known size.
    pub extra_percent: f64,
    /// Its slices in a round.
    pub slicing: Slicing,
}

/// The slices of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slicing {
    /// Unpaired slices that warm caches and lazy state. The last of them counts allocations.
    pub warm_up: usize,
    /// Slices that are paired with the other side's.
    pub pairs: usize,
    /// The operations of a slice, if they are fixed.
    pub operations: Option<u64>,
    /// The process may use every core, so that one round runs at a time.
    pub alone: bool,
}

impl Slicing {
    /// The slices of a worker.
    pub const OF_WORKERS: Slicing = Slicing { warm_up: 2, pairs: 8, operations: None, alone: false };
}

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
