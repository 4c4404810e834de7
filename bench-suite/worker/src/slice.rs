//! Runs one slice of a case's work under the clocks.

use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::time::{ClockId, clock_gettime};

use crate::protocol::Clocks;
use crate::{Prepared, valgrind};

/// The part of a symbol by which profilers find the measured work: [`run_measured`].
pub const ROOT: &str = "slice::run_measured";

/// The cost of one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// The CPU time of this process, ns, including the threads of a store.
    pub cpu_ns: u64,
    /// The wall time, ns.
    pub wall_ns: u64,
    /// The part of it in which this thread did not run, ns.
    pub off_cpu_ns: u64,
}

/// Runs the operations of one exact count once and checks them, so that what follows measures a program in use; then
/// prepares as many again.
///
/// # Errors
/// The program under test refused something, or an answer is wrong.
pub fn warm_up(prepared: &mut dyn Prepared, operations: u64) -> Result<()> {
    prepared.prepare_inputs(operations)?;
    // From here on, so that the simulated caches are warm after one round.
    valgrind::start_instrumentation();
    prepared.run(operations)?;
    prepared.check()?;
    prepared.prepare_inputs(operations)
}

/// A slowdown of a known size: extra work, or a wait.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct InjectedSlowdown {
    /// The extra work, as a part of the work asked for.
    pub share: f64,
    /// The wait at the end of a slice, as a part of the time that its work took.
    pub wait_share: f64,
    /// The case waits, so its wall time counts instead of its CPU time.
    pub waits: bool,
}

impl InjectedSlowdown {
    /// The whole operations to run, and the fraction of one that is left over.
    pub fn operations(self, asked: u64) -> (u64, f64) {
        let total = asked as f64 * (1.0 + self.share);
        // Just below a whole number counts as that number: 100 x 1.05 is 105 operations.
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

/// Runs a slice whose inputs were prepared, those of the extra work included. Extra work is real operations; for the
/// fraction of one that is left over it spins for the time that the fraction would take. A wait is one sleep.
///
/// # Errors
/// The memory refused something.
pub fn timed(prepared: &mut dyn Prepared, operations: u64, extra: InjectedSlowdown) -> Result<Slice> {
    let (whole, part) = extra.operations(operations);
    let cpu = read_ns(ClockId::ProcessCPUTime);
    let thread = read_ns(ClockId::ThreadCPUTime);
    let wall = read_ns(ClockId::Monotonic);
    run_measured(prepared, whole)?;
    if part > 1e-6 {
        let (clock, begun) = if extra.waits { (ClockId::Monotonic, wall) } else { (ClockId::ProcessCPUTime, cpu) };
        let time_ns = || read_ns(clock) - begun;
        let spent_ns = time_ns();
        let until_ns = spent_ns + (spent_ns as f64 / whole as f64 * part) as u64;
        while time_ns() < until_ns {
            std::hint::spin_loop();
        }
    }
    if extra.wait_share > 0.0 {
        let worked_ns = read_ns(ClockId::Monotonic) - wall;
        std::thread::sleep(Duration::from_nanos((worked_ns as f64 * extra.wait_share) as u64));
    }
    let wall_ns = read_ns(ClockId::Monotonic) - wall;
    let off_cpu_ns = wall_ns.saturating_sub(read_ns(ClockId::ThreadCPUTime) - thread);
    Ok(Slice { cpu_ns: read_ns(ClockId::ProcessCPUTime) - cpu, wall_ns, off_cpu_ns })
}

/// Lets sleeps of this thread end on time. Linux may let them end 50 us late otherwise, to wake several at once.
pub fn wake_on_time() {
    #[cfg(target_os = "linux")]
    let _late_where_it_is_refused = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// The measured work and nothing else. Profilers find it by its name, [`ROOT`].
///
/// # Errors
/// The memory refused something.
#[inline(never)]
pub fn run_measured(prepared: &mut dyn Prepared, operations: u64) -> Result<()> {
    let done = prepared.run(std::hint::black_box(operations));
    // Not a tail call, so that this function is on the stack while the work runs.
    std::hint::black_box(&done);
    done
}

/// The readings of the clocks that time a slice.
pub fn clocks() -> Clocks {
    Clocks { cpu_ns: read_ns(ClockId::ProcessCPUTime), wall_ns: read_ns(ClockId::Monotonic) }
}

/// The CPU time of this process's other threads since its start, ns.
pub fn others_cpu_ns() -> u64 {
    let own = read_ns(ClockId::ThreadCPUTime);
    read_ns(ClockId::ProcessCPUTime).saturating_sub(own)
}

/// Refuses a process that has children: what they do is in none of its clocks and counts.
///
/// # Errors
/// There is one, or it ended and nobody waited for it.
pub fn ensure_no_children() -> Result<()> {
    let child = rustix::process::wait(rustix::process::WaitOptions::NOHANG);
    ensure!(
        child.err() == Some(rustix::io::Errno::CHILD),
        "the case started another process, whose work is not measured: do the work in this one"
    );
    Ok(())
}

/// The reading of a clock, ns.
fn read_ns(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_work_is_whole_operations_and_the_part_left_over() {
        let extra = |share| InjectedSlowdown { share, ..InjectedSlowdown::default() };
        assert_eq!(extra(0.0).operations(7), (7, 0.0));
        assert_eq!(extra(0.05).operations(100).0, 105);
        assert!(extra(0.05).operations(100).1 < 1e-6);
        let (whole, part) = extra(0.05).operations(7);
        assert_eq!(whole, 7);
        assert!((part - 0.35).abs() < 1e-9);
        assert_eq!(extra(0.2).operations(1), (1, 0.19999999999999996));
    }
}
