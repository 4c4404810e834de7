//! The interfaces of a program in rounds and of its process.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::Result;
use worker::protocol::{Command, Ended, Ready, Worked};

use super::placement::Placement;
use crate::budget::Budget;
use crate::build::layouts::Layouts;

/// A program for one side of a round. Equal `Debug` texts mean equal work.
pub trait Program: Debug + Send + Sync {
    /// Starts a process without waiting for it, in the round's layout if the program has layouts.
    fn start(&self, round: Option<usize>, placement: Placement, deadlines: Deadlines) -> Result<Box<dyn Process>>;

    /// Its layouts, if every round has a new one.
    fn layouts(&self) -> Option<&Layouts>;

    /// The case's name, for progress.
    fn case(&self) -> &str;

    /// The slices of a process in a round.
    fn slicing(&self) -> Slicing;
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

/// A running process.
pub trait Process: Send {
    /// Waits for the end of the setup.
    fn ready(&mut self) -> Result<Ready>;

    /// Runs a slice.
    fn slice(&mut self, command: Command) -> Result<Worked>;

    /// Sends the end; [`Process::ended`] waits for the answer.
    fn end(&mut self) -> Result<()>;

    /// Waits for the end.
    fn ended(self: Box<Self>) -> Result<Ended>;
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
