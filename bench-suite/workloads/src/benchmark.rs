//! The definition of a benchmark. Criterion, callgrind, DHAT, the worker and the smoke test all run the same one.

use anyhow::Result;
use memory::{Remote, Variant};
use worker::Prepared;

use crate::input::Input;

/// One benchmark, with its workload, its size and a check of its answer.
#[derive(Clone, Copy)]
pub struct Benchmark {
    /// The name, family first, as in `codec/encode/large`.
    pub name: &'static str,
    /// One operation, described for a reader of the report.
    pub about: &'static str,
    /// The toggles on its path. No other toggle can change its numbers.
    pub exercises: &'static [&'static str],
    /// The most episodes of the input that it uses: under valgrind, making more would take longer than the work itself.
    pub episodes: usize,
    /// Operations of one exact count: enough that a one-time cost does not hide the cost of each.
    pub operations: u64,
    /// Sets up the state that the operations work on. Never timed or counted.
    pub setup: SetUp,
}

/// Sets up the state of a benchmark.
pub type SetUp = fn(&Setup<'_>) -> Result<Box<dyn Prepared>>;

/// The arguments of a benchmark's setup.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// The strategy of every toggle.
    pub variant: Variant,
    /// Episodes to work on, and the seed of everything random.
    pub input: &'a Input,
    /// The server of a memory with `store=libsql`, its database empty; without one the memory is in a file.
    pub remote: Option<&'a Remote>,
}
