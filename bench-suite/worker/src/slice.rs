//! One slice of work of one case under the clocks.

use std::time::Instant;

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

use crate::{Prepared, valgrind};

/// The part of a symbol by which profilers know the measured work: [`run_measured`].
pub const ROOT: &str = "slice::run_measured";

/// What one slice cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// CPU time of this process, ns: what a store does on threads of its own counts too.
    pub cpu_ns: u64,
    /// Wall time, ns.
    pub wall_ns: u64,
}

/// Runs the operations of one exact count once and checks them, so that what follows works on a program in use; then
/// prepares as many again.
///
/// # Errors
/// The program under test refused something, or an answer is wrong.
pub fn warm_up(prepared: &mut dyn Prepared, operations: u64) -> Result<()> {
    prepared.prepare_inputs(operations)?;
    // From here on, so that the simulated caches have seen one round.
    valgrind::start_instrumentation();
    prepared.run(operations)?;
    prepared.check()?;
    prepared.prepare_inputs(operations)
}

/// More work than was asked for: a slowdown whose size is known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct InjectedSlowdown {
    /// How much, as a part of the work asked for.
    pub share: f64,
    /// The case waits, and so its wall time counts and not its CPU time.
    pub waits: bool,
}

impl InjectedSlowdown {
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
    prepared.prepare_inputs(operations)?;
    timed(prepared, operations, InjectedSlowdown::default())
}

/// Runs a slice for which the state was prepare_inputsed, the operations of the extra work included. InjectedSlowdown
/// work is real operations as far as they go, and for the part of one that is left over, the time that the part would
/// take.
///
/// # Errors
/// The memory refused something.
pub fn timed(prepared: &mut dyn Prepared, operations: u64, extra: InjectedSlowdown) -> Result<Slice> {
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

/// The work and nothing else: profilers know it by its name, [`ROOT`].
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
        let extra = |share| InjectedSlowdown { share, waits: false };
        assert_eq!(extra(0.0).operations(7), (7, 0.0));
        assert_eq!(extra(0.05).operations(100).0, 105);
        assert!(extra(0.05).operations(100).1 < 1e-6);
        let (whole, part) = extra(0.05).operations(7);
        assert_eq!(whole, 7);
        assert!((part - 0.35).abs() < 1e-9);
        assert_eq!(extra(0.2).operations(1), (1, 0.19999999999999996));
    }
}
