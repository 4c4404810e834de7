//! One slice of work of one case: prepared, run, checked. What criterion, valgrind's children, the worker and the smoke test share.

use std::time::Instant;

use anyhow::{Context, Result};
use memory::Remote;
use rustix::time::{ClockId, clock_gettime};

use super::valgrind;
use crate::benchmark::{Prepared, Setup};
use crate::cases::Case;
use crate::engagement;
use crate::input::Input;

/// What one slice cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// CPU time of this process, ns: what a store does on threads of its own counts too.
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
    prepare_at(case, input, None)
}

/// The same on a server, where one is given.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_at(case: &Case, input: &Input, remote: Option<&Remote>) -> Result<(Box<dyn Prepared>, u64)> {
    let operations = case.benchmark.operations;
    let mut prepared = (case.benchmark.setup)(&Setup { variant: case.variant, input, remote })?;
    prepared.refill(operations)?;
    // From here on, so that the simulated caches have seen one round.
    valgrind::start_instrumentation();
    prepared.run(operations)?;
    prepared.check().context("wrong answer")?;
    engagement::check(case, &prepared.counters())?;
    prepared.refill(operations)?;
    Ok((prepared, operations))
}

/// Work beyond what is asked for: a slowdown whose size is known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Extra {
    /// How much, as a part of the work asked for.
    pub share: f64,
    /// The case waits, and so its wall time counts and not its CPU time.
    pub waits: bool,
}

impl Extra {
    /// Whole operations, and the part of one more that is left over.
    pub fn operations(self, asked: u64) -> (u64, f64) {
        let total = asked as f64 * (1.0 + self.share);
        // A product just short of a whole number is that number: 100 x 1.05 is 105 operations.
        let whole = (total + 1e-6).floor();
        (whole as u64, (total - whole).max(0.0))
    }
}

/// Prepares a slice and runs it.
///
/// # Errors
/// The memory refused something.
pub fn measure(prepared: &mut dyn Prepared, operations: u64) -> Result<Slice> {
    prepared.refill(operations)?;
    timed(prepared, operations, Extra::default())
}

/// Runs a slice for which the state was refilled, the operations of the extra work included. Extra work is real operations as far as they go, and
/// for the part of one that is left over, the time that the part would take.
///
/// # Errors
/// The memory refused something.
pub fn timed(prepared: &mut dyn Prepared, operations: u64, extra: Extra) -> Result<Slice> {
    let (whole, part) = extra.operations(operations);
    let cpu = process_cpu_ns();
    let wall = Instant::now();
    run_measured(prepared, whole)?;
    if part > 1e-6 {
        let time_ns = || if extra.waits { elapsed_ns(wall) } else { process_cpu_ns() - cpu };
        let spent_ns = time_ns();
        let until_ns = spent_ns + (spent_ns as f64 / whole as f64 * part) as u64;
        while time_ns() < until_ns {
            std::hint::spin_loop();
        }
    }
    let wall_ns = elapsed_ns(wall);
    Ok(Slice { cpu_ns: process_cpu_ns() - cpu, wall_ns })
}

/// The work and nothing else: profilers know it by its name, [`super::profile::ROOT`].
///
/// # Errors
/// The memory refused something.
#[inline(never)]
pub fn run_measured(prepared: &mut dyn Prepared, operations: u64) -> Result<()> {
    let done = prepared.run(std::hint::black_box(operations));
    // Not a tail call: the function must be on the stack while the work runs.
    std::hint::black_box(&done);
    done
}

fn elapsed_ns(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time of the process, ns.
fn process_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_work_is_whole_operations_and_the_part_left_over() {
        let extra = |share| Extra { share, waits: false };
        assert_eq!(extra(0.0).operations(7), (7, 0.0));
        assert_eq!(extra(0.05).operations(100).0, 105);
        assert!(extra(0.05).operations(100).1 < 1e-6);
        let (whole, part) = extra(0.05).operations(7);
        assert_eq!(whole, 7);
        assert!((part - 0.35).abs() < 1e-9);
        assert_eq!(extra(0.2).operations(1), (1, 0.19999999999999996));
    }
}
