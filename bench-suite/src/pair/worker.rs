//! The conductor's end of one worker process: starts it, asks, and believes nothing that comes late or does not fit.
//!
//! A thread reads the answers, so that a worker that never answers can't hold up the conductor. The process is killed when it is dropped: by its own
//! handle, nothing else on the machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command as Process, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::layouts::Layouts;
use super::place::Place;
use super::protocol::{Answer, Command, Ended, Known, Ready, VERSION, Worked};
use crate::input::Source;

/// A worker program and what it is told when it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// The file.
    pub path: PathBuf,
    /// Its layouts, where every round has one of its own.
    pub layouts: Option<Layouts>,
    /// The case's identifier.
    pub case: String,
    /// Toggles that are set otherwise than in the list of cases.
    pub set: Vec<String>,
    /// Work that is done beyond what is asked for, in per cent: a slowdown whose size is known.
    pub extra_percent: f64,
    /// What it works on.
    pub source: Source,
}

impl Program {
    /// The same program as a round runs it.
    pub fn of_round(&self, round: usize) -> Program {
        let path = self.layouts.as_ref().map_or_else(|| self.path.clone(), |layouts| layouts.path(round));
        Program { path, ..self.clone() }
    }
}

/// How long an answer may take. Far beyond what any does: a deadline that is missed means that the process hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// From the start to the end of the setup.
    pub ready: Duration,
    /// One slice.
    pub slice: Duration,
    /// Checking the answers.
    pub end: Duration,
}

impl Default for Deadlines {
    fn default() -> Deadlines {
        let seconds = Duration::from_secs;
        Deadlines { ready: seconds(180), slice: seconds(60), end: seconds(60) }
    }
}

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<std::io::Result<String>>,
    deadlines: Deadlines,
}

impl Worker {
    /// Starts the process, and does not wait for it.
    ///
    /// # Errors
    /// There is no such program.
    pub fn start(program: &Program, place: Place, deadlines: Deadlines) -> Result<Worker> {
        let mut child = Process::new(&program.path)
            .arg(&program.case)
            .arg("--serve")
            .args(program.set.iter().flat_map(|pair| ["--set", pair]))
            // Always there and always as long: arguments lie on the heap, and what they move could take for slower what does the same.
            .args(["--extra-work", &format!("{:08.3}", program.extra_percent)])
            .args(["--shift", &format!("{:05}", place.shift_bytes)])
            .args(place.core.iter().flat_map(|core| ["--core".to_owned(), core.to_string()]))
            .envs(program.source.variables())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't start {}", program.path.display()))?;
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
        Ok(Worker { child, stdin, answers, deadlines })
    }

    /// Waits for the end of the setup.
    ///
    /// # Errors
    /// It failed, took too long, or this is another worker than the one that was meant.
    pub fn ready(&mut self, program: &Program) -> Result<Ready> {
        let deadline = self.deadlines.ready;
        match self.answer("setting up", deadline)? {
            Answer::Ready(ready) => {
                ensure!(
                    ready.protocol == VERSION,
                    "the worker speaks protocol {}, this assay {VERSION}: choose a base that is nearer",
                    ready.protocol
                );
                ensure!(
                    ready.case == program.case,
                    "the worker measures {} and not {}: the sides are mixed up",
                    ready.case,
                    program.case
                );
                Ok(ready)
            }
            other => bail!("the worker answered {other:?} before it was ready"),
        }
    }

    /// Has a slice done.
    ///
    /// # Errors
    /// The worker failed, took too long, did not do what it was asked for, or its clock stands still.
    pub fn slice(&mut self, command: Command) -> Result<Worked> {
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

    /// Says that nothing more comes; [`Worker::ended`] waits for the answer.
    ///
    /// # Errors
    /// The worker is dead.
    pub fn end(&mut self) -> Result<()> {
        self.say(Command::End)
    }

    /// Waits for the end after [`Worker::end`].
    ///
    /// # Errors
    /// An answer was wrong, a toggle did not engage, or the process took too long or failed.
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
            Ok(_) => bail!("the worker said something after its end"),
        }
        let status = self.child.wait().context("waiting for the worker")?;
        ensure!(status.success(), "the worker ended badly: {status}");
        Ok(ended)
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

impl Drop for Worker {
    fn drop(&mut self) {
        // Already gone after `ended`; otherwise nothing of it is used.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The cases that a worker program knows.
///
/// # Errors
/// It can't be started, or does not understand the question: then it is older than this protocol.
pub fn known(path: &Path) -> Result<Vec<Known>> {
    let output = Process::new(path)
        .arg("--list")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start {}", path.display()))?;
    ensure!(
        output.status.success(),
        "the worker {} does not list its cases ({}): it is older than the time lane, choose a base that is nearer",
        path.display(),
        output.status
    );
    let text = String::from_utf8(output.stdout).context("the list of cases")?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("no case: {line}"))).collect()
}
