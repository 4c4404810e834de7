//! A worker process as the scheduler sees it: it is started and asked, and no answer that is late or does not fit is
//! used.
//!
//! A thread reads the answers, so that a worker that never answers can't hold up the scheduler. The process is killed
//! when the client is dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command as ChildCommand, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use worker::protocol::{Answer, CaseListing, Command, Ended, Ready, VERSION, Worked};

use super::placement::Placement;
use super::program::{Deadlines, Process, Program, Slicing};
use crate::build::layouts::Layouts;

/// A worker program and what it is told when it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerProgram {
    /// The file.
    pub path: PathBuf,
    /// Its layouts, where every round has its own.
    pub layouts: Option<Layouts>,
    /// The case's identifier.
    pub case: String,
    /// Toggles that are set otherwise than in the list of cases.
    pub set: Vec<String>,
    /// More work than is asked for, in per cent: a slowdown of a known size.
    pub extra_percent: f64,
    /// Variables that say what it works on.
    pub variables: Vec<(&'static str, String)>,
}

impl Program for WorkerProgram {
    fn start(&self, round: Option<usize>, placement: Placement, deadlines: Deadlines) -> Result<Box<dyn Process>> {
        let layout = round.and_then(|round| Some(self.layouts.as_ref()?.path(round)));
        Ok(Box::new(WorkerClient::start(self, layout.as_deref().unwrap_or(&self.path), placement, deadlines)?))
    }

    fn layouts(&self) -> Option<&Layouts> {
        self.layouts.as_ref()
    }

    fn case(&self) -> &str {
        &self.case
    }

    fn slicing(&self) -> Slicing {
        Slicing::OF_WORKERS
    }
}

/// A running worker.
#[derive(Debug)]
struct WorkerClient {
    case: String,
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<std::io::Result<String>>,
    deadlines: Deadlines,
}

impl WorkerClient {
    fn start(program: &WorkerProgram, path: &Path, placement: Placement, deadlines: Deadlines) -> Result<WorkerClient> {
        let mut child = ChildCommand::new(path)
            .arg(&program.case)
            .arg("--serve")
            .args(program.set.iter().flat_map(|pair| ["--set", pair]))
            // Always there and always as long: arguments lie on the heap, and move what lies behind them.
            .args(["--extra-work", &format!("{:08.3}", program.extra_percent)])
            .args(["--shift", &format!("{:05}", placement.shift_bytes)])
            .args(placement.core.iter().flat_map(|core| ["--core".to_owned(), core.to_string()]))
            .envs(program.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't start {}", path.display()))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("the worker has no stdout")?;
        let (sender, answers) = channel();
        // Ends with the process, whose end closes the pipe; or when nobody listens any more.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(WorkerClient { case: program.case.clone(), child, stdin, answers, deadlines })
    }

    fn say(&mut self, command: Command) -> Result<()> {
        let stdin = self.stdin.as_mut().context("the worker has no stdin")?;
        match writeln!(stdin, "{command}").and_then(|()| stdin.flush()) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.death(&format!("before `{command}`")).context(error)),
        }
    }

    fn answer(&mut self, during: &str, deadline: Duration) -> Result<Answer> {
        let line = match self.answers.recv_timeout(deadline) {
            Ok(line) => line.context("reading the worker's answer")?,
            Err(RecvTimeoutError::Timeout) => {
                bail!("the worker did not answer within {deadline:?} ({during}): it hangs, and was killed")
            }
            Err(RecvTimeoutError::Disconnected) => return Err(self.death(&format!("during: {during}"))),
        };
        match serde_json::from_str(&line) {
            Ok(Answer::Failed { why }) => bail!("{why}"),
            Ok(answer) => Ok(answer),
            Err(error) => {
                bail!("the worker's answer is none ({error}): {}", line.chars().take(200).collect::<String>())
            }
        }
    }

    /// What is known of a worker that closed its side: its status and its last words.
    fn death(&mut self, when: &str) -> anyhow::Error {
        // It closed its stdout: it has ended, or never will by itself.
        let killed = self.child.kill();
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let mut words = Vec::new();
        if let (Ok(()), Some(stderr)) = (killed, self.child.stderr.take()) {
            // What can't be read is no reason to fail otherwise than by the death itself.
            let _ = stderr.take(4096).read_to_end(&mut words);
        }
        let words = String::from_utf8_lossy(&words);
        let words = words.trim();
        let said = if words.is_empty() { String::new() } else { format!(", its last words: {words}") };
        anyhow::anyhow!("the worker died {when} ({status}){said}")
    }
}

impl Process for WorkerClient {
    fn ready(&mut self) -> Result<Ready> {
        let deadline = self.deadlines.ready;
        match self.answer("setting up", deadline)? {
            Answer::Ready(ready) => {
                ensure!(
                    ready.protocol == VERSION,
                    "the worker speaks protocol {}, this assay speaks {VERSION}: choose a nearer base",
                    ready.protocol
                );
                ensure!(
                    ready.case == self.case,
                    "the worker measures {} and not {}: the sides are mixed up",
                    ready.case,
                    self.case
                );
                Ok(ready)
            }
            other => bail!("the worker answered {other:?} before it was ready"),
        }
    }

    fn slice(&mut self, command: Command) -> Result<Worked> {
        let (Command::Slice(operations) | Command::Count(operations)) = command else {
            bail!("`{command}` is no slice");
        };
        self.say(command)?;
        let deadline = self.deadlines.slice;
        match self.answer(&command.to_string(), deadline)? {
            Answer::Slice(worked) => {
                ensure!(
                    worked.operations == operations,
                    "the worker did {} operations, it was asked for {operations}",
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

    fn end(&mut self) -> Result<()> {
        self.say(Command::End)
    }

    fn ended(mut self: Box<Self>) -> Result<Ended> {
        let deadline = self.deadlines.end;
        let ended = match self.answer("end", deadline)? {
            Answer::End(ended) => ended,
            other => bail!("the worker answered {other:?} to `end`"),
        };
        self.stdin = None;
        match self.answers.recv_timeout(deadline) {
            Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => bail!("the worker did not end within {deadline:?}"),
            Ok(_) => bail!("the worker said something after its end"),
        }
        let status = self.child.wait().context("waiting for the worker")?;
        ensure!(status.success(), "the worker ended badly: {status}");
        Ok(ended)
    }
}

impl Drop for WorkerClient {
    fn drop(&mut self) {
        // Already gone after `ended`; otherwise nothing of it is used.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The cases of a worker program.
pub fn list_cases(path: &Path) -> Result<Vec<CaseListing>> {
    let output = ChildCommand::new(path)
        .arg("--list")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start {}", path.display()))?;
    ensure!(
        output.status.success(),
        "the worker {} does not list its cases ({}): it is older than the worker protocol: choose a nearer base",
        path.display(),
        output.status
    );
    let text = String::from_utf8(output.stdout).context("the list of cases")?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("no case: {line}"))).collect()
}
