//! The parent's end of the worker protocol: starts a worker, sends commands, and rejects late or wrong answers.
//!
//! A thread reads the answers, so that a worker that never answers can't block the scheduler. Dropping the client kills
//! the process.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command as ChildCommand, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use worker::protocol::{Answer, CaseListing, Command, Ended, Ready, VERSION, Worked};

use super::clocks::{self, SystemClocks};
use super::deadlines::Deadlines;
use super::placement::Placement;
use super::worker_program::WorkerProgram;
use crate::tools::bounded;

/// A running worker.
#[derive(Debug)]
pub struct WorkerClient {
    case: String,
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<std::io::Result<String>>,
    deadlines: Deadlines,
}

impl WorkerClient {
    /// Starts a process without waiting for it, in the round's layout if the program has layouts.
    pub fn start(
        program: &WorkerProgram,
        round: Option<usize>,
        placement: Placement,
        deadlines: Deadlines,
    ) -> Result<WorkerClient> {
        let layout = round.and_then(|round| Some(program.layouts.as_ref()?.path(round)));
        let path: &Path = layout.as_deref().unwrap_or(&program.command.program);
        let mut child = program
            .command
            .configure(&mut ChildCommand::new(path))
            .arg("--serve")
            // Always present and of fixed length: arguments are on the heap, and move the blocks behind them.
            .args(["--extra-work", &format!("{:08.3}", program.extra_percent)])
            .args(["--shift", &format!("{:05}", placement.shift_bytes)])
            .args(placement.core.iter().flat_map(|core| ["--core".to_owned(), core.to_string()]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't start {}", path.display()))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("the worker has no stdout")?;
        let (sender, answers) = channel();
        // The thread ends with the process, which closes the pipe, or when the receiver is gone.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(WorkerClient { case: program.command.case.clone(), child, stdin, answers, deadlines })
    }

    /// Waits for the end of the setup.
    pub fn ready(&mut self) -> Result<Ready> {
        let deadline = self.deadlines.ready;
        match self.answer("setting up", deadline)? {
            Answer::Ready(ready) => {
                ensure!(
                    ready.protocol == VERSION,
                    "the worker speaks protocol {}, this assay {VERSION}: choose a more recent base",
                    ready.protocol
                );
                ensure!(
                    ready.case == self.case,
                    "the worker measures {}, not {}: the sides are mixed up",
                    ready.case,
                    self.case
                );
                Ok(ready)
            }
            other => bail!("the worker answered {other:?} before it was ready"),
        }
    }

    /// Runs a slice.
    pub fn slice(&mut self, command: Command) -> Result<Worked> {
        let (Command::Slice(operations) | Command::Count(operations)) = command else {
            bail!("`{command}` is not a slice");
        };
        let before = SystemClocks::of(self.child.id());
        self.send(command)?;
        let deadline = self.deadlines.slice;
        match self.answer(&command.to_string(), deadline)? {
            Answer::Slice(worked) => {
                if let Some(shown) = worked.clocks {
                    clocks::ensure_between(before, shown, SystemClocks::of(self.child.id()))?;
                }
                ensure!(
                    worked.operations == operations,
                    "the worker did {} operations instead of {operations}",
                    worked.operations
                );
                ensure!(
                    worked.cpu_ns > 0 && worked.wall_ns > 0,
                    "{operations} operations took no time: its clock stands still"
                );
                Ok(worked)
            }
            other => bail!("the worker answered {other:?} to `{command}`"),
        }
    }

    /// Sends the end; [`WorkerClient::ended`] waits for the answer.
    pub fn end(&mut self) -> Result<()> {
        self.send(Command::End)
    }

    /// Waits for the end.
    pub fn ended(mut self) -> Result<Ended> {
        let deadline = self.deadlines.end;
        let ended = match self.answer("end", deadline)? {
            Answer::End(ended) => ended,
            other => bail!("the worker answered {other:?} to `end`"),
        };
        self.stdin = None;
        match self.answers.recv_timeout(deadline) {
            Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => bail!("the worker did not end within {deadline:?}"),
            Ok(_) => bail!("the worker wrote something after its end"),
        }
        let status = self.child.wait().context("can't wait for the worker")?;
        ensure!(status.success(), "the worker failed at its end: {status}");
        Ok(ended)
    }

    fn send(&mut self, command: Command) -> Result<()> {
        let stdin = self.stdin.as_mut().context("the worker has no stdin")?;
        match writeln!(stdin, "{command}").and_then(|()| stdin.flush()) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.death(&format!("before `{command}`")).context(error)),
        }
    }

    fn answer(&mut self, during: &str, deadline: Duration) -> Result<Answer> {
        let line = match self.answers.recv_timeout(deadline) {
            Ok(line) => line.context("can't read the worker's answer")?,
            Err(RecvTimeoutError::Timeout) => {
                bail!("the worker did not answer within {deadline:?} ({during}): it hung and was killed")
            }
            Err(RecvTimeoutError::Disconnected) => return Err(self.death(&format!("during: {during}"))),
        };
        match serde_json::from_str(&line) {
            Ok(Answer::Failed { why }) => bail!("{why}"),
            Ok(answer) => Ok(answer),
            Err(error) => {
                bail!("the worker sent an invalid answer ({error}): {}", line.chars().take(200).collect::<String>())
            }
        }
    }

    /// An error with the status and stderr of a worker that closed its end.
    fn death(&mut self, when: &str) -> anyhow::Error {
        // Its stdout is closed: it has ended, or would never end by itself.
        let killed = self.child.kill();
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let mut words = Vec::new();
        if let (Ok(()), Some(stderr)) = (killed, self.child.stderr.take()) {
            // If stderr can't be read, the error is without it.
            let _ = stderr.take(4096).read_to_end(&mut words);
        }
        let words = String::from_utf8_lossy(&words);
        let words = words.trim();
        let stderr = if words.is_empty() { String::new() } else { format!(", stderr: {words}") };
        anyhow::anyhow!("the worker died {when} ({status}){stderr}")
    }
}

impl Drop for WorkerClient {
    fn drop(&mut self) {
        // It has ended after `ended`; otherwise its results are not used.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The longest time for a list of cases: a bench sets all of them up for it.
const LONGEST_LIST: Duration = Duration::from_secs(600);

/// The cases of a worker program, which the command starts.
pub fn list_cases(worker: &mut ChildCommand) -> Result<Vec<CaseListing>> {
    Ok(listed(worker)?.0)
}

/// The same of a program that must have one.
pub fn list_some(worker: &mut ChildCommand) -> Result<Vec<CaseListing>> {
    let (cases, said) = listed(worker)?;
    ensure!(!cases.is_empty(), "it ended before it listed a benchmark{said}");
    Ok(cases)
}

/// The cases of a program, and how it ended.
fn listed(worker: &mut ChildCommand) -> Result<(Vec<CaseListing>, String)> {
    let what = format!("the list of cases of {}", worker.get_program().to_string_lossy());
    // Of a panic, the last lines are to be the message.
    let output = bounded::output(worker.arg("--list").env("RUST_BACKTRACE", "0"), &what, LONGEST_LIST)?;
    let said = match bounded::last_lines(&[], &output.stderr) {
        nothing if nothing.is_empty() => format!(" ({})", output.status),
        last => format!(" ({}): {last}", output.status),
    };
    ensure!(output.status.success(), "it ended before it listed a benchmark{said}");
    let text = String::from_utf8(output.stdout).context("the worker's list of cases is not UTF-8")?;
    let case = |line| serde_json::from_str(line).with_context(|| format!("not a case: {line}"));
    Ok((text.lines().map(case).collect::<Result<_>>()?, said))
}
