//! A program that takes part in rounds, and a running process of it.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::Result;
use worker::protocol::{Command, Ended, Ready, Worked};

use super::placement::Placement;
use crate::build::layouts::Layouts;

/// What is started on one side of a round. Two programs whose `Debug` texts are equal do the same.
pub trait Program: Debug + Send + Sync {
    /// Starts a process, in the layout of a round where there are layouts and a round is given. It is not waited for.
    fn start(&self, round: Option<usize>, placement: Placement, deadlines: Deadlines) -> Result<Box<dyn Process>>;

    /// Its layouts, where every round has its own.
    fn layouts(&self) -> Option<&Layouts>;

    /// The case, as progress names it.
    fn case(&self) -> &str;

    /// How many slices a process does in a round.
    fn slicing(&self) -> Slicing;
}

/// The shape of a round on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slicing {
    /// Slices that are not used: caches fill, lazily made state is made. Allocations are counted in the last of them.
    pub warm_up: usize,
    /// Slices that are paired with those of the other side.
    pub pairs: usize,
    /// How many operations a slice has, where that can't be chosen.
    pub operations: Option<u64>,
}

impl Slicing {
    /// The shape of a round of workers.
    pub const OF_WORKERS: Slicing = Slicing { warm_up: 2, pairs: 8, operations: None };
}

/// A running process of a program.
pub trait Process: Send {
    /// Waits for the end of the setup.
    fn ready(&mut self) -> Result<Ready>;

    /// Has a slice done.
    fn slice(&mut self, command: Command) -> Result<Worked>;

    /// Says that nothing more comes; [`Process::ended`] waits for the answer.
    fn end(&mut self) -> Result<()>;

    /// Waits for the end.
    fn ended(self: Box<Self>) -> Result<Ended>;
}

/// How long an answer may take. Far beyond what any does: a deadline that is missed means that the process hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// From the start to the end of the setup.
    pub ready: Duration,
    /// One slice.
    pub slice: Duration,
    /// Checking the answers.
    pub end: Duration,
}

impl Default for Deadlines {
    fn default() -> Deadlines {
        let seconds = Duration::from_secs;
        Deadlines { ready: seconds(180), slice: seconds(60), end: seconds(60) }
    }
}
