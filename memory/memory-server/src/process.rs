//! The cost of the server's process, so that a client on another machine can compute CPU time per request.

use std::fs;

use episodes::api::ProcessStats;
use rustix::time::{ClockId, clock_gettime};

/// The cost of this process until now.
pub(super) fn stats() -> ProcessStats {
    ProcessStats { cpu_time_ns: cpu_time_ns(), peak_resident_bytes: peak_resident_bytes() }
}

fn cpu_time_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // CPU time is never negative.
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// Linux only: there is no `/proc` elsewhere, and then no number.
fn peak_resident_bytes() -> Option<u64> {
    parse_peak(&fs::read_to_string("/proc/self/status").ok()?)
}

fn parse_peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_bytes() {
        assert_eq!(parse_peak("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"), Some(2048 * 1024));
        assert_eq!(parse_peak("Name:\tx\n"), None);
        assert_eq!(parse_peak("VmHWM:\tmany kB\n"), None);
    }

    #[test]
    fn a_process_has_used_some_cpu_time() {
        assert!(stats().cpu_time_ns > 0);
    }
}
