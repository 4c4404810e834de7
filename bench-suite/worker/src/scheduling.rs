//! What the system's scheduler did with the measured thread: the basis of the time that it waited.
//!
//! A thread runs, is ready without a core, or is blocked: on a disk, a lock, a timer, or on other threads of the
//! program, whose work is then in the CPU time of the process. Only Linux tells these apart.

use std::fs::File;
use std::io::Read;

/// The scheduler's counts of the calling thread since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// How often the thread gave its core up to wait; 0 if unknown.
    pub voluntary_switches: u64,
    /// How often another thread took its core; 0 if unknown.
    pub involuntary_switches: u64,
    /// The time that it was ready and had no core, ns, if the system says so.
    pub run_delay_ns: Option<u64>,
}

impl Scheduling {
    /// The counts up to now.
    pub fn of_this_thread() -> Scheduling {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
        };
        Scheduling {
            voluntary_switches: field("voluntary_ctxt_switches:"),
            involuntary_switches: field("nonvoluntary_ctxt_switches:"),
            run_delay_ns: run_delay_ns(),
        }
    }

    /// The change since an earlier reading.
    pub fn since(self, before: Scheduling) -> Scheduling {
        Scheduling {
            voluntary_switches: self.voluntary_switches.saturating_sub(before.voluntary_switches),
            involuntary_switches: self.involuntary_switches.saturating_sub(before.involuntary_switches),
            run_delay_ns: self.run_delay_ns.zip(before.run_delay_ns).map(|(now, then)| now.saturating_sub(then)),
        }
    }

    /// The part of the time off the CPU, ns, in which the thread was blocked. A thread that never gave its core up was
    /// not: then it is time of the system or of the machine below it.
    pub fn waiting_ns(self, off_cpu_ns: u64) -> Option<u64> {
        let delay_ns = self.run_delay_ns?;
        Some(if self.voluntary_switches == 0 { 0 } else { off_cpu_ns.saturating_sub(delay_ns) })
    }
}

/// The second number of `schedstat`. Without accounting of delays the file is absent, or all zeros.
///
/// Source: the Linux kernel's `Documentation/scheduler/sched-stats.rst`.
fn run_delay_ns() -> Option<u64> {
    let mut text = String::new();
    File::open("/proc/thread-self/schedstat").ok()?.read_to_string(&mut text).ok()?;
    let numbers: Vec<u64> = text.split_ascii_whitespace().map_while(|number| number.parse().ok()).collect();
    match numbers[..] {
        [_, delay_ns, time_slices] if time_slices > 0 => Some(delay_ns),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn waiting_is_neither_running_nor_standing_in_line() {
        let counts =
            |voluntary_switches, run_delay_ns| Scheduling { voluntary_switches, run_delay_ns, ..Scheduling::default() };
        assert_eq!(counts(1, Some(300)).waiting_ns(1000), Some(700));
        assert_eq!(counts(1, Some(3000)).waiting_ns(1000), Some(0), "the delay began before the clock");
        assert_eq!(counts(0, Some(300)).waiting_ns(1000), Some(0), "it never gave its core up");
        assert_eq!(counts(1, None).waiting_ns(1000), None, "unknown is not 0");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_sleep_gives_the_core_up() {
        let before = Scheduling::of_this_thread();
        std::thread::sleep(Duration::from_micros(100));
        assert!(Scheduling::of_this_thread().since(before).voluntary_switches > 0);
    }
}
