//! Compares the clocks of a worker with the system's: times are what the worker says, and a program can replace the
//! functions by which it reads its clocks.
//!
//! What a clock showed as a command came lies between what the system says before the command was sent and after it was
//! answered. A clock that is slow by a hundredth falls behind after a slice or two. A program that gives false answers
//! on purpose is not found.

use anyhow::{Result, ensure};
use worker::protocol::Clocks;

use crate::served::cpu_clock;

/// The most by which two readings of one clock may be in the wrong order: on different cores they are not exact.
const MARGIN_NS: u64 = 100_000;

/// What the system says of the clocks of a process. The CPU time is unknown where it has no such clock, or if the
/// process has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct SystemClocks {
    cpu_ns: Option<u64>,
    wall_ns: u64,
}

impl SystemClocks {
    /// What they show now.
    pub(super) fn of(process: u32) -> SystemClocks {
        SystemClocks { cpu_ns: cpu_clock::of_process(process), wall_ns: worker::slice::clocks().wall_ns }
    }
}

/// Refuses a worker whose clocks did not show a time between the two.
pub(super) fn ensure_between(before: SystemClocks, shown: Clocks, after: SystemClocks) -> Result<()> {
    let cpu = before.cpu_ns.zip(after.cpu_ns).map(|between| ("CPU time", shown.cpu_ns, between));
    let wall = Some(("monotonic clock", shown.wall_ns, (before.wall_ns, after.wall_ns)));
    for (clock, shown_ns, (from_ns, to_ns)) in cpu.into_iter().chain(wall) {
        ensure!(
            (from_ns.saturating_sub(MARGIN_NS)..=to_ns.saturating_add(MARGIN_NS)).contains(&shown_ns),
            "the worker's {clock} is {shown_ns} ns, the system's is {from_ns} to {to_ns} ns: something in the program \
                replaces the clocks, so its times can't be believed"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_falls_behind_or_runs_ahead_is_refused() {
        let system = |cpu_ns, wall_ns| SystemClocks { cpu_ns, wall_ns };
        let (before, after) = (system(Some(50_000_000), 900_000_000), system(Some(53_000_000), 904_000_000));
        let check = |cpu_ns, wall_ns| ensure_between(before, Clocks { cpu_ns, wall_ns }, after);
        check(50_020_000, 900_030_000).expect("as it should be");
        check(49_950_000, 899_950_000).expect("within the margin");
        let why = |cpu_ns, wall_ns| format!("{:#}", check(cpu_ns, wall_ns).expect_err("refused"));
        assert!(why(49_500_000, 900_030_000).contains("CPU time is 49500000 ns, the system's is 50000000 to 53000000"));
        assert!(why(54_000_000, 900_030_000).contains("CPU time"));
        assert!(why(50_020_000, 891_000_000).contains("monotonic clock"));
        assert!(why(50_020_000, 905_000_000).contains("replaces the clocks"));
        ensure_between(system(None, 1), Clocks { cpu_ns: 7, wall_ns: 2 }, after).expect("nothing to compare with");
    }
}
