//! perf: where running processes spend their CPU time, by samples of their stacks.
//!
//! The software clock `cpu-clock` exists in virtual machines, too. Stacks come from the tables for unwinding that every
//! Rust program has, so nothing needs to be built with frame pointers. Processes that one had started before are left
//! out.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::bounded;
use super::bounded::last_lines;
use crate::workspace;

/// Samples per second of CPU time: not a round number, so that they do not keep step with timers.
const SAMPLES: &str = "99";

/// The longest time for the names of all functions.
const LONGEST_SCRIPT: Duration = Duration::from_secs(600);

/// The reason why there are no profiles under load, with the remedy.
pub fn missing() -> Option<String> {
    let found = Command::new("perf").arg("--version").stdin(Stdio::null()).output();
    match found {
        Ok(output) if output.status.success() => None,
        _ => Some(
            "perf is not installed: run `sudo apt-get install linux-perf` (`linux-tools-generic` on Ubuntu)".to_owned(),
        ),
    }
}

/// A process whose stacks are sampled until it ends, or until [`StackSampling::finish`].
#[derive(Debug)]
pub struct StackSampling {
    /// None of a program that perf has started.
    process: Option<u32>,
    perf: Child,
    stderr: File,
    folder: TempDir,
}

impl StackSampling {
    /// Starts to sample a process and what it will start.
    pub fn start(process: u32) -> Result<StackSampling> {
        let folder = workspace::temporary("perf-")?;
        let stderr = tempfile::tempfile().context("can't create a file for stderr")?;
        let perf = recording(&folder)
            .args(["--pid", &process.to_string()])
            .stdout(Stdio::null())
            .stderr(stderr.try_clone().context("can't share the file for stderr")?)
            .spawn()
            .context("can't start perf")?;
        Ok(StackSampling { process: Some(process), perf, stderr, folder })
    }

    /// Starts a program that is sampled from its first thread on: perf can't attach while threads come and go.
    pub fn launch(program: &Path, arguments: &[OsString]) -> Result<StackSampling> {
        let folder = workspace::temporary("perf-")?;
        let stderr = tempfile::tempfile().context("can't create a file for stderr")?;
        let perf = recording(&folder).arg("--").arg(program).args(arguments).spawn().context("can't start perf")?;
        Ok(StackSampling { process: None, perf, stderr, folder })
    }

    /// Waits for the end of a program that was launched: perf has its exit code.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.perf.wait().context("can't wait for perf")
    }

    /// The samples, as `perf script` prints them: empty if the process took no CPU time.
    pub fn finish(mut self) -> Result<String> {
        // It ends with the process. A signal while it writes what it has would cut that off.
        let is_running = self.process.is_some_and(|it| Path::new("/proc").join(it.to_string()).exists());
        if is_running && self.perf.try_wait().context("can't wait for perf")?.is_none() {
            kill_process(Pid::from_child(&self.perf), Signal::INT).context("can't stop perf")?;
        }
        self.perf.wait().context("can't wait for perf")?;
        let data: PathBuf = self.folder.path().join(DATA);
        let is_there = data.metadata().is_ok_and(|data| data.len() > 0);
        ensure!(is_there, "perf recorded nothing: {}", self.last_words());
        let mut script = Command::new("perf");
        script.args(["script", "--no-inline", "--fields", "comm,pid,tid,time,period,event,ip,sym,dso", "--input"]);
        let text = bounded::successful(script.arg(&data), "perf script", LONGEST_SCRIPT)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn last_words(&self) -> String {
        let mut said = Vec::new();
        // Without it the message is shorter.
        let _ = (&self.stderr).rewind().and_then(|()| (&self.stderr).read_to_end(&mut said));
        last_lines(&[], &said)
    }
}

impl Drop for StackSampling {
    fn drop(&mut self) {
        // It has ended after `finish`; otherwise nobody wants its samples.
        let _ = self.perf.kill();
        let _ = self.perf.wait();
    }
}

/// The file of perf's samples.
const DATA: &str = "perf.data";

fn recording(folder: &TempDir) -> Command {
    let mut command = Command::new("perf");
    command.args(["record", "--quiet", "--event", "cpu-clock", "--freq", SAMPLES, "--call-graph", "dwarf,16384"]);
    command.arg("--output").arg(folder.path().join(DATA)).stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_is_sampled_and_one_that_is_gone_is_told() {
        if let Some(why) = missing() {
            println!("skipped: {why}");
            return;
        }
        let busy =
            |script: &str| Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).spawn().expect("starts");
        let mut shell = busy("read go; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done");
        let mut sampling = StackSampling::start(shell.id()).expect("starts");
        // perf is about to attach when its file is there: the loop may begin.
        let data = sampling.folder.path().join(DATA);
        while !data.exists() && sampling.perf.try_wait().expect("it can be waited for").is_none() {}
        drop(shell.stdin.take());
        shell.wait().expect("ends");
        match sampling.finish() {
            Ok(script) => assert!(script.contains("cpu-clock"), "{script}"),
            // Where the system forbids it, or the process was too quick for perf to attach.
            Err(error) => assert!(error.to_string().starts_with("perf "), "{error:#}"),
        }
        let gone = StackSampling::start(shell.id()).expect("starts").finish().expect_err("gone").to_string();
        assert!(gone.starts_with("perf recorded nothing: "), "{gone}");
    }
}
