//! A program in rounds: what it runs, its layouts, and its slices.

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
