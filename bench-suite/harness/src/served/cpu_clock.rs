//! The CPU time of another process and of the processes that it started, while they run. Linux only.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Result, bail};

/// The CPU time of a process and of its living descendants until now, ns. What one that has ended took is lost.
pub(super) fn of_tree(process: u32) -> Result<u64> {
    let parents = parents();
    let is_below = |mut child: u32| {
        // A chain of parents is no longer than there are processes.
        for _ in 0..parents.len() {
            match parents.get(&child) {
                Some(parent) if *parent == process => return true,
                Some(parent) => child = *parent,
                None => return false,
            }
        }
        false
    };
    let Some(own) = of_process(process) else { bail!("process {process} has ended") };
    Ok(own + parents.keys().filter(|child| is_below(**child)).filter_map(|child| of_process(*child)).sum::<u64>())
}

/// The parent of every process.
fn parents() -> BTreeMap<u32, u32> {
    let listed = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = listed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    processes
        .filter_map(|process| Some((process, parent(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)?)))
        .collect()
}

/// The parent in a line of `/proc/PID/stat`: the second field after the name, which may have any sign in it.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
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
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_charged_for_what_it_started() {
        let loops = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 30";
        let mut shell = Command::new("sh").args(["-c", &format!("sh -c '{loops}' & wait")]).spawn().expect("starts");
        let taken = (0..1_000_000).map(|_| of_tree(shell.id()).expect("runs")).find(|ns| *ns > 20_000_000);
        for (child, parent) in parents() {
            if parent == shell.id() {
                Command::new("kill").arg(child.to_string()).status().expect("killed");
            }
        }
        shell.wait().expect("ends");
        assert!(taken.is_some());
        assert!(of_tree(shell.id()).expect_err("gone").to_string().ends_with("has ended"));
    }

    #[test]
    fn the_name_of_a_process_may_have_brackets() {
        assert_eq!(parent("12 (a) b) S 7 12 12 0 -1"), Some(7));
        assert_eq!(parent("12"), None);
    }
}
