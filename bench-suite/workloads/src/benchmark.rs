//! What a benchmark is: one definition, which criterion, callgrind, DHAT, the worker and the smoke test all run.

use anyhow::Result;
use memory::{Remote, Variant};
use worker::Prepared;

use crate::input::Input;

/// One thing that is measured, with its workload, its size and a check of its answer.
#[derive(Clone, Copy)]
pub struct Benchmark {
    /// The name, families first, as in `codec/encode/large`.
    pub name: &'static str,
    /// What one operation is, for a reader of the report.
    pub about: &'static str,
    /// The toggles that lie on its path. A toggle outside the list can't change its numbers.
    pub exercises: &'static [&'static str],
    /// Episodes of the input that it works on, at the most: making more of them takes longer under valgrind than the
    /// work itself.
    pub episodes: usize,
    /// Operations of one exact count. Enough that what happens once does not drown what happens each time.
    pub operations: u64,
    /// Builds the state that the operations work on. Never timed, never counted.
    pub setup: SetUp,
}

/// Builds the state of a benchmark.
pub type SetUp = fn(&Setup<'_>) -> Result<Box<dyn Prepared>>;

/// What a benchmark is built from.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// The strategy of every toggle.
    pub variant: Variant,
    /// Episodes to work on, and the seed of everything random.
    pub input: &'a Input,
    /// The server that a memory with `store=libsql` is on, instead of in a file: with an empty database.
    pub remote: Option<&'a Remote>,
}
