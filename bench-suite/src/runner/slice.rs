//! One slice of work of one case: prepared, run, checked. What criterion, valgrind's children, the worker and the smoke test share.

use std::time::Instant;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

use crate::benchmark::{Prepared, Setup};
use crate::cases::Case;
use crate::engagement;
use crate::input::Input;

/// What one slice cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// CPU time of this thread, ns.
    pub cpu_ns: u64,
    /// Wall time, ns.
    pub wall_ns: u64,
}

/// Builds a case and runs its operations once, so that what follows works on a memory that is in use. Gives the state, refilled, and the number of
/// operations of one exact count.
///
/// # Errors
/// The setup failed, an answer is wrong, or a toggle did not engage.
pub fn prepare(case: &Case, input: &Input) -> Result<(Box<dyn Prepared>, u64)> {
    let operations = case.benchmark.operations;
    let mut prepared = (case.benchmark.setup)(&Setup { variant: case.variant, input })?;
    prepared.refill(operations)?;
    prepared.run(operations)?;
    prepared.check().context("wrong answer")?;
    engagement::check(case, &prepared.counters())?;
    prepared.refill(operations)?;
    Ok((prepared, operations))
}

/// Runs a slice.
///
/// # Errors
/// The memory refused something.
pub fn measure(prepared: &mut dyn Prepared, operations: u64) -> Result<Slice> {
    prepared.refill(operations)?;
    let cpu = thread_cpu_ns();
    let wall = Instant::now();
    run_measured(prepared, operations)?;
    let wall_ns = u64::try_from(wall.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Ok(Slice { cpu_ns: thread_cpu_ns() - cpu, wall_ns })
}

/// The work and nothing else: profilers know it by its name.
#[inline(never)]
fn run_measured(prepared: &mut dyn Prepared, operations: u64) -> Result<()> {
    let done = prepared.run(std::hint::black_box(operations));
    // Not a tail call: the function must be on the stack while the work runs.
    std::hint::black_box(&done);
    done
}

/// CPU time of the calling thread, ns.
fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
