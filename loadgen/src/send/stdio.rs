//! A server that reads one message per line from stdin and answers on stdout, as MCP servers do. It is started for the
//! run and ends with it.
//!
//! All users share it, as there is only one stdin: answers find their requests by their ids, in any order.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::http::RequestError;

/// The time that a server gets to end by itself, once its stdin is closed.
const GRACE: Duration = Duration::from_secs(5);

/// The requests that wait for an answer, by their ids; none once the server has ended.
type Waiting = Arc<Mutex<Option<BTreeMap<u64, oneshot::Sender<Vec<u8>>>>>>;

/// A running server.
#[derive(Debug)]
pub struct StdioServer {
    program: String,
    process: Child,
    waiting: Waiting,
    /// Lines for the server; none while it is being ended.
    lines: Option<Sender<String>>,
    /// Says when the server's stdout has ended.
    ended: Mutex<Receiver<()>>,
    timeout: Duration,
}

/// What tells an answer from other messages.
#[derive(Deserialize)]
struct Head {
    id: u64,
    #[serde(default)]
    method: Option<String>,
}

impl StdioServer {
    /// Starts a program with its arguments; `timeout` is that of each request.
    pub fn start(command: &[String], timeout: Duration) -> Result<StdioServer> {
        let (program, arguments) = command.split_first().context("the command is empty")?;
        let started = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = started.with_context(|| format!("can't start {program}"))?;
        let stdin = process.stdin.take().context("the server has no stdin")?;
        let stdout = process.stdout.take().context("the server has no stdout")?;
        let waiting: Waiting = Arc::new(Mutex::new(Some(BTreeMap::new())));
        let ((lines, to_write), (end, ended)) = (channel(), channel());
        thread::spawn(move || write(stdin, &to_write));
        let answered = Arc::clone(&waiting);
        thread::spawn(move || {
            read(stdout, &answered);
            *answered.lock() = None;
            // Nobody listens while the server is in use.
            let _ = end.send(());
        });
        let (program, ended) = (program.clone(), Mutex::new(ended));
        Ok(StdioServer { program, process, waiting, lines: Some(lines), ended, timeout })
    }

    /// The program, as messages name it.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Sends a message that nobody answers.
    pub fn tell(&self, message: &str) -> Result<(), RequestError> {
        // JSON has line ends only between its parts.
        let line = message.replace(['\n', '\r'], " ") + "\n";
        self.lines.as_ref().and_then(|lines| lines.send(line).ok()).ok_or_else(gone)
    }

    /// Sends a message with that id, and returns its answer.
    pub async fn ask(&self, id: u64, message: &str, timeout: Option<Duration>) -> Result<Vec<u8>, RequestError> {
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().as_mut().ok_or_else(gone)?.insert(id, sender);
        self.tell(message)?;
        match tokio::time::timeout(timeout.unwrap_or(self.timeout), answer).await {
            Ok(answered) => answered.map_err(|_| gone()),
            Err(_) => {
                if let Some(waiting) = self.waiting.lock().as_mut() {
                    waiting.remove(&id);
                }
                Err(RequestError { timed_out: true, reason: "timed out".to_owned() })
            }
        }
    }
}

fn gone() -> RequestError {
    RequestError { timed_out: false, reason: "the server has ended".to_owned() }
}

fn write(mut stdin: ChildStdin, lines: &Receiver<String>) {
    for line in lines {
        if stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()).is_err() {
            return; // the reader notices that the server has ended
        }
    }
}

fn read(stdout: ChildStdout, waiting: &Waiting) {
    for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
        let Ok(Head { id, method: None }) = serde_json::from_slice(&line) else { continue };
        let asked = waiting.lock().as_mut().and_then(|waiting| waiting.remove(&id));
        if let Some(asked) = asked {
            // One that timed out wants no answer.
            let _ = asked.send(line);
        }
    }
}

impl Drop for StdioServer {
    fn drop(&mut self) {
        self.lines = None;
        if self.ended.lock().recv_timeout(GRACE).is_err() {
            // How it ends is not asked.
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}
