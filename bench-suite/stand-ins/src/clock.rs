//! The clocks of CPU time, and what the scheduler did with a thread.

use std::os::raw::{c_int, c_long};

/// The CPU time of the process, ns.
pub fn process_cpu_ns() -> u64 {
    read_ns(if cfg!(target_os = "macos") { 12 } else { 2 })
}

/// The CPU time of this thread, ns.
pub fn thread_cpu_ns() -> u64 {
    read_ns(if cfg!(target_os = "macos") { 16 } else { 3 })
}

/// The CPU time of the process's other threads, ns.
pub fn others_cpu_ns() -> u64 {
    let own_ns = thread_cpu_ns();
    process_cpu_ns().saturating_sub(own_ns)
}

/// What the clocks show, as the protocol has it: the CPU time of the process, and the clock that never goes back, ns.
/// The measuring process compares them with the system's, and reads those of Linux only.
pub fn readings() -> Option<String> {
    let (cpu_ns, wall_ns) = (process_cpu_ns(), read_ns(1));
    cfg!(target_os = "linux").then(|| format!(r#","clocks":{{"cpu_ns":{cpu_ns},"wall_ns":{wall_ns}}}"#))
}

/// `struct timespec` of the C library.
#[repr(C)]
struct Timespec {
    seconds: c_long,
    nanoseconds: c_long,
}

#[cfg(unix)]
extern "C" {
    fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int;
}

#[cfg(unix)]
fn read_ns(clock: c_int) -> u64 {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the function writes one `timespec` to where the pointer leads, and `time` lives until it returns.
    unsafe { clock_gettime(clock, &mut time) };
    u64::try_from(time.seconds).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.nanoseconds).unwrap_or(0)
}

/// Elsewhere no clock of CPU time is known, and the time that passes has to do.
#[cfg(not(unix))]
fn read_ns(_clock: c_int) -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let start = START.get_or_init(std::time::Instant::now);
    1 + u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX - 1)
}

/// The scheduler's counts of this thread since its start. Only Linux has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        let read = |name| std::fs::read_to_string(format!("/proc/thread-self/{name}")).unwrap_or_default();
        let (status, statistics) = (read("status"), read("schedstat"));
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
        };
        let numbers: Vec<u64> = statistics.split_whitespace().map_while(|number| number.parse().ok()).collect();
        Scheduling {
            voluntary_switches: field("voluntary_ctxt_switches:"),
            involuntary_switches: field("nonvoluntary_ctxt_switches:"),
            // Where delays are not accounted for, the file is absent, or all zeros.
            run_delay_ns: match numbers[..] {
                [_, delay_ns, time_slices] if time_slices > 0 => Some(delay_ns),
                _ => None,
            },
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

    /// The part of the time off the CPU, ns, in which the thread was blocked: neither running nor ready to run. A
    /// thread that never gave its core up was not.
    pub fn waiting_ns(self, off_cpu_ns: u64) -> Option<u64> {
        let delay_ns = self.run_delay_ns?;
        Some(if self.voluntary_switches == 0 { 0 } else { off_cpu_ns.saturating_sub(delay_ns) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_neither_running_nor_standing_in_line() {
        let counts =
            |voluntary_switches, run_delay_ns| Scheduling { voluntary_switches, involuntary_switches: 0, run_delay_ns };
        assert_eq!(counts(1, Some(300)).waiting_ns(1000), Some(700));
        assert_eq!(counts(0, Some(300)).waiting_ns(1000), Some(0), "it never gave its core up");
        assert_eq!(counts(1, None).waiting_ns(1000), None, "unknown is not 0");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn work_takes_cpu_time_of_thread_and_process() {
        let (thread, process) = (thread_cpu_ns(), process_cpu_ns());
        assert!((0..100_000).all(|number| std::hint::black_box(number) >= 0));
        assert!(thread_cpu_ns() > thread && process_cpu_ns() > process);
    }
}
