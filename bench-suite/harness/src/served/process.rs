//! Serves a command as a worker serves a case: an operation is a whole process, from its start to its end, and costs
//! what the system says of it when it has ended.
//!
//! This runs in a process of its own. The system keeps the largest memory of a process from before it became another
//! program, so one that a large process starts would seem to be as large.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Child, Command as ChildCommand, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use worker::pin;
use worker::protocol::{Ready, VERSION, Worked};
use worker::slice::InjectedSlowdown;

use super::{answer_requests, end, fail_by_answer};
use crate::tools::bounded::last_lines;
use crate::words;

/// The counter of the most memory that a process held.
pub const PEAK: &str = "peak_resident_bytes";

/// The cost of a process with all that it started and waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessCost {
    /// CPU time of the user and of the system, ns.
    pub cpu_ns: u64,
    /// Wall time, ns.
    pub wall_ns: u64,
    /// The time in which nothing ran, ns, if the system tells it from standing in line for a core.
    pub waiting_ns: Option<u64>,
    /// How often it waited.
    pub voluntary_switches: u64,
    /// How often it was interrupted.
    pub involuntary_switches: u64,
    /// The most resident memory of any of its processes, bytes.
    pub peak_bytes: u64,
}

/// A command line that runs again and again.
#[derive(Debug)]
pub struct WholeProcess {
    line: String,
    words: Vec<String>,
    /// Its stderr, for the error message.
    stderr: File,
}

impl WholeProcess {
    /// The process of a line, in this folder.
    pub fn new(line: &str) -> Result<WholeProcess> {
        let stderr = tempfile::tempfile().context("can't create a file for stderr")?;
        Ok(WholeProcess { line: line.to_owned(), words: words::split(line)?, stderr })
    }

    /// Runs it once. Its output goes nowhere.
    pub fn run(&mut self) -> Result<ProcessCost> {
        self.stderr.set_len(0).and_then(|()| self.stderr.rewind()).context("can't empty the file for stderr")?;
        let mut command = ChildCommand::new(&self.words[0]);
        let stderr = self.stderr.try_clone().context("can't share the file for stderr")?;
        command.args(&self.words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let began = Began { account: Account::of("thread-self"), at: Instant::now() };
        let child = command.spawn().with_context(|| format!("can't start `{}`", self.line))?;
        let (cost, status) = ended(child, began)?;
        if status != 0 {
            let mut said = Vec::new();
            // Without it the error is shorter.
            let _ = self.stderr.rewind().and_then(|()| self.stderr.read_to_end(&mut said));
            bail!("`{}` ended with status {status}: {}", self.line, last_lines(&[], &said));
        }
        Ok(cost)
    }
}

/// Answers requests on stdin until `end`; `extra_percent` of extra work are done beyond what is asked for.
pub fn serve(line: &str, extra_percent: f64, core: Option<usize>) -> Result<()> {
    fail_by_answer(|| converse(line, extra_percent / 100.0, core))
}

fn converse(line: &str, extra: f64, core: Option<usize>) -> Result<()> {
    if let Some(core) = core {
        pin::pin_to_core(core)?;
    }
    let mut process = WholeProcess::new(line)?;
    process.run()?;
    let (variant, seed, input) = Default::default();
    let ready = Ready { protocol: VERSION, case: line.to_owned(), variant, seed, input, counted: 1 };
    let mut peak_bytes = 0;
    let slice = |operations| {
        let cost = work(|| process.run(), operations, extra)?;
        peak_bytes = peak_bytes.max(cost.peak_bytes);
        Ok(Worked {
            operations,
            cpu_ns: cost.cpu_ns,
            wall_ns: cost.wall_ns,
            waiting_ns: cost.waiting_ns,
            voluntary_switches: cost.voluntary_switches,
            involuntary_switches: cost.involuntary_switches,
            ..Worked::default()
        })
    };
    answer_requests(ready, slice)?;
    end([(PEAK.to_owned(), peak_bytes)].into())
}

/// Whole processes, and for a remaining fraction of one the same share of its time.
fn work(mut run: impl FnMut() -> Result<ProcessCost>, operations: u64, extra: f64) -> Result<ProcessCost> {
    let (whole, part) = InjectedSlowdown { share: extra, ..InjectedSlowdown::default() }.operations(operations);
    let mut sum = ProcessCost { waiting_ns: Some(0), ..ProcessCost::default() };
    for _ in 0..whole {
        let one = run()?;
        sum.cpu_ns += one.cpu_ns;
        sum.wall_ns += one.wall_ns;
        sum.waiting_ns = sum.waiting_ns.zip(one.waiting_ns).map(|(sum, one)| sum + one);
        sum.voluntary_switches += one.voluntary_switches;
        sum.involuntary_switches += one.involuntary_switches;
        sum.peak_bytes = sum.peak_bytes.max(one.peak_bytes);
    }
    let (began, spun_ns) = (Instant::now(), sum.cpu_ns as f64 * part / whole as f64);
    while (began.elapsed().as_nanos() as f64) < spun_ns {}
    sum.cpu_ns += spun_ns as u64;
    sum.wall_ns += spun_ns as u64;
    Ok(sum)
}

/// The start of a process, as the one that starts it knows it.
#[derive(Debug, Clone, Copy)]
struct Began {
    account: Option<Account>,
    at: Instant,
}

/// The scheduler's account of a process's first thread.
#[derive(Debug, Clone, Copy)]
struct Account {
    run_ns: u64,
    /// Ready, without a core.
    in_line_ns: u64,
}

impl Account {
    /// Of a folder below `/proc`, where the system keeps accounts.
    fn of(who: &str) -> Option<Account> {
        let text = std::fs::read_to_string(format!("/proc/{who}/schedstat")).ok()?;
        let numbers: Vec<u64> = text.split_ascii_whitespace().map_while(|number| number.parse().ok()).collect();
        match numbers[..] {
            [run_ns, in_line_ns, slices] if slices > 0 => Some(Account { run_ns, in_line_ns }),
            _ => None,
        }
    }
}

/// Waits for the end of a process that began then: its cost, and its status as the system has it.
#[cfg(target_os = "linux")]
fn ended(child: Child, began: Began) -> Result<(ProcessCost, i32)> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let number = i32::try_from(child.id()).context("a process has a number")?;
    let pid = Pid::from_raw(number).context("a process has a number above 0")?;
    // It stays, so that the scheduler's account of it can still be read.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).context("can't wait for the process")?;
    let wall_ns = u64::try_from(began.at.elapsed().as_nanos()).context("a process of centuries")?;
    let not_waiting = Account::of(&number.to_string()).zip(began.account).zip(Account::of("thread-self"));
    let (status, usage) = reap(number)?;
    let count = |number: libc::c_long| u64::try_from(number).unwrap_or(0);
    let ns = |time: libc::timeval| count(time.tv_sec) * 1_000_000_000 + count(time.tv_usec) * 1000;
    let cpu_ns = ns(usage.ru_utime) + ns(usage.ru_stime);
    // This process, too, runs and stands in line, before the other one begins and after it has ended.
    let waiting_ns = not_waiting.map(|((of_process, before), now)| {
        let here_ns = now.run_ns.saturating_sub(before.run_ns) + now.in_line_ns.saturating_sub(before.in_line_ns);
        wall_ns.saturating_sub(cpu_ns + of_process.in_line_ns + here_ns)
    });
    let cost = ProcessCost {
        cpu_ns,
        wall_ns,
        waiting_ns: waiting_ns.map(|ns| if usage.ru_nvcsw == 0 { 0 } else { ns }),
        voluntary_switches: count(usage.ru_nvcsw),
        involuntary_switches: count(usage.ru_nivcsw),
        peak_bytes: count(usage.ru_maxrss) * 1024,
    };
    ensure!(cost.peak_bytes > 0, "the system does not say how much memory a process takes");
    Ok((cost, status))
}

#[cfg(not(target_os = "linux"))]
fn ended(_: Child, _: Began) -> Result<(ProcessCost, i32)> {
    bail!("what a process costs is read from Linux alone")
}

/// The status and the usage of a process that has ended, which is gone then.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library waits for a process and drops what it cost")]
fn reap(number: i32) -> Result<(i32, libc::rusage)> {
    let mut status = 0;
    // SAFETY: all fields are numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid while the call lasts.
    let reaped = unsafe { libc::wait4(number, &raw mut status, 0, &raw mut usage) };
    ensure!(reaped == number, "can't wait for the process: {}", std::io::Error::last_os_error());
    // An exit code is in the second byte; below it is the signal that killed the process.
    Ok((if status & 0xff == 0 { status >> 8 } else { -(status & 0x7f) }, usage))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<ProcessCost> {
        WholeProcess::new(line)?.run()
    }

    #[test]
    fn a_process_costs_what_it_and_its_children_do() {
        let loops = "'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'";
        let busy = run(&format!("sh -c \"sh -c {loops}; true\"")).expect("runs");
        assert!(busy.cpu_ns > 5_000_000, "{busy:?}");
        let asleep = run("sleep 0.05").expect("runs");
        assert!(asleep.wall_ns >= 50_000_000 && asleep.cpu_ns < 25_000_000, "{asleep:?}");
        assert!(asleep.waiting_ns.is_none_or(|ns| ns > 25_000_000) && asleep.voluntary_switches > 0, "{asleep:?}");
        assert!(asleep.peak_bytes > 100_000, "{asleep:?}");
    }

    #[test]
    fn a_process_that_fails_says_how() {
        let error = |line| run(line).expect_err("fails").to_string();
        assert!(error("sh -c 'echo nothing there >&2; exit 3'").ends_with("status 3: nothing there"));
        assert!(error("sh -c 'kill -9 $$'").contains("status -9"));
        assert!(error("/no/such/program").contains("can't start `/no/such/program`"));
    }

    #[test]
    fn extra_work_is_whole_processes_and_a_share_of_one() {
        let mut runs = 0;
        let run = || {
            runs += 1;
            Ok(ProcessCost { cpu_ns: 1_000_000, wall_ns: 3_000_000, peak_bytes: runs, ..ProcessCost::default() })
        };
        let sum = work(run, 3, 0.5).expect("runs");
        assert_eq!((sum.cpu_ns, sum.wall_ns, sum.peak_bytes), (4_500_000, 12_500_000, 4), "4 and a half");
        assert_eq!((runs, sum.waiting_ns), (4, None), "unknown is not 0");
    }
}
