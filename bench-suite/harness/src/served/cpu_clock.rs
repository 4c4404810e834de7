//! The CPU time of another process and of the processes that it started. Linux only.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Result, bail};

/// The unit of CPU times in `/proc`: USER_HZ is 100 wherever Rust runs on Linux.
pub(super) const TICK_NS: u64 = 10_000_000;

/// A process, as the kernel lists it.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    parent: u32,
    /// The CPU time of its descendants that have ended and that it waited for, in ticks.
    ended_ticks: u64,
}

/// The CPU time of a process and of its descendants until now, ns. Of one that has ended, it is in ticks of 10 ms, and
/// lost if nobody waited for it.
pub(super) fn of_tree(process: u32) -> Result<u64> {
    let listed = listed();
    let is_below = |mut child: u32| {
        // A chain of parents is no longer than there are processes.
        for _ in 0..listed.len() {
            match listed.get(&child) {
                Some(Listed { parent, .. }) if *parent == process => return true,
                Some(Listed { parent, .. }) => child = *parent,
                None => return false,
            }
        }
        false
    };
    let Some(own) = of_process(process) else { bail!("process {process} has ended") };
    let below = || listed.iter().filter(|(child, _)| is_below(**child));
    let running: u64 = below().filter_map(|(child, _)| of_process(*child)).sum();
    let itself = listed.get(&process).map_or(0, |process| process.ended_ticks);
    let ended: u64 = itself + below().map(|(_, process)| process.ended_ticks).sum::<u64>();
    Ok(own + running + ended * TICK_NS)
}

/// All processes.
fn listed() -> BTreeMap<u32, Listed> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    processes
        .filter_map(|process| Some((process, parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)?)))
        .collect()
}

/// A line of `/proc/PID/stat` (proc(5)). The fields are counted after the name, which may have any sign in it.
fn parse(stat: &str) -> Option<Listed> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
    Some(Listed { parent: fields.get(1)?.parse().ok()?, ended_ticks: ticks(13)? + ticks(14)? })
}

/// The CPU time of all threads of a process, also of those that have ended, ns; nothing if there is no such process.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "rustix reads the clocks of its own process only, and /proc counts in ticks of 10 ms")]
pub(crate) fn of_process(process: u32) -> Option<u64> {
    let (mut clock, mut time) = (0, libc::timespec { tv_sec: 0, tv_nsec: 0 });
    // SAFETY: the pointers are valid while the calls last.
    let read = unsafe {
        libc::clock_getcpuclockid(i32::try_from(process).ok()?, &raw mut clock) == 0
            && libc::clock_gettime(clock, &raw mut time) == 0
    };
    let nanoseconds = u64::try_from(time.tv_sec).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?;
    read.then_some(nanoseconds)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn of_process(_: u32) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_charged_for_what_it_started() {
        let loops = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 30";
        let mut shell = Command::new("sh").args(["-c", &format!("sh -c '{loops}' & wait")]).spawn().expect("starts");
        let taken = (0..1_000_000).map(|_| of_tree(shell.id()).expect("runs")).find(|ns| *ns > 20_000_000);
        for (child, Listed { parent, .. }) in listed() {
            if parent == shell.id() {
                Command::new("kill").arg(child.to_string()).status().expect("killed");
            }
        }
        shell.wait().expect("ends");
        assert!(taken.is_some());
        assert!(of_tree(shell.id()).expect_err("gone").to_string().ends_with("has ended"));
    }

    #[test]
    fn a_process_is_charged_for_what_has_ended() {
        let loops = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let mut shell = Command::new("sh")
            .args(["-c", &format!("sh -c '{loops}'; echo ended; exec sleep 30")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut line = String::new();
        BufReader::new(shell.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
        let taken = of_tree(shell.id());
        shell.kill().expect("runs");
        shell.wait().expect("ends");
        assert_eq!(line, "ended\n");
        assert!(taken.expect("ran") > 2 * TICK_NS);
    }

    #[test]
    fn the_name_of_a_process_may_have_brackets() {
        let line = "12 (a) b) S 7 12 12 0 -1 4194560 1 2 3 4 50 60 70 8 20 0 1 0";
        assert_eq!(parse(line), Some(Listed { parent: 7, ended_ticks: 78 }));
        assert_eq!(parse("12"), None);
    }
}
