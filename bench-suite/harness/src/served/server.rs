//! Serves a server under load: a slice is one run of the load generator, and costs the CPU time that the server took a
//! request. Its response times go along.
//!
//! The server starts with the worker and ends with it. Each side plays the same schedules: their seeds are the numbers
//! of the slices.

use std::fs::File;
use std::io::{Read, Seek};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use worker::protocol::{Ready, VERSION, Worked};

use super::{answer_requests, cpu_clock, end, fail_by_answer};
use crate::tools::loadgen::{self, GeneratedLoad};
use crate::tools::valgrind::last_lines;
use crate::words;

/// What stands for the port in the command line of a server.
pub const PORT: &str = "{port}";

/// The longest time until a server accepts a connection.
const LONGEST_START: Duration = Duration::from_secs(60);

/// How often a load is tried whose generator was the bottleneck.
const TRIES: usize = 3;

/// A server and its load.
#[derive(Debug)]
pub struct ServerUnderLoad<'a> {
    /// The command line, with [`PORT`].
    pub line: &'a str,
    /// The load generator.
    pub loadgen: PathBuf,
    /// Sessions a second.
    pub rate: f64,
    /// Arguments of the load generator.
    pub arguments: Vec<String>,
}

/// Answers requests on stdin until `end`; the sessions are `extra_percent` more than were asked for, at a rate that is
/// higher by as much.
pub fn serve(load: &ServerUnderLoad<'_>, extra_percent: f64) -> Result<()> {
    fail_by_answer(|| {
        let server = Server::start(load.line)?;
        let (variant, seed, input) = Default::default();
        let ready = Ready { protocol: VERSION, case: load.line.to_owned(), variant, seed, input, counted: 1 };
        let mut slices = 0;
        let slice = |sessions| {
            slices += 1;
            load.slice(&server, sessions, extra_percent / 100.0, slices)
        };
        answer_requests(ready, slice)?;
        end([].into())
    })
}

impl ServerUnderLoad<'_> {
    fn slice(&self, server: &Server, sessions: u64, extra: f64, seed: u64) -> Result<Worked> {
        let played = (sessions as f64 * (1.0 + extra)).round() as u64;
        let mut unhealthy = String::new();
        for _ in 0..TRIES {
            let (before, began) = (cpu_clock::of_tree(server.process.id())?, Instant::now());
            let summary = self.play(server, played, self.rate * (1.0 + extra), seed)?;
            let cpu_ns = cpu_clock::of_tree(server.process.id())? - before;
            ensure!(summary.requests > 0, "the load generator sent no request");
            let wrong: Vec<String> = summary.errors.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            ensure!(wrong.is_empty(), "of {} requests {} were answered wrongly", summary.requests, wrong.join(", "));
            if !summary.unhealthy.is_empty() {
                unhealthy = summary.unhealthy.join("; ");
                continue;
            }
            // A session may have any number of requests, and what is asked for is the cost of one.
            let asked_of_played = sessions as f64 * (1.0 + extra) / summary.requests as f64;
            return Ok(Worked {
                operations: sessions,
                cpu_ns: (cpu_ns as f64 * asked_of_played) as u64,
                wall_ns: u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX),
                response_p50_ns: Some(summary.response_ns.p50),
                response_p95_ns: Some(summary.response_ns.p95),
                ..Worked::default()
            });
        }
        bail!(
            "the load generator was the bottleneck {TRIES} times ({unhealthy}): lower `--rate`, or measure where less \
               is going on"
        )
    }

    /// Plays sessions against the server.
    fn play(&self, server: &Server, sessions: u64, rate: f64, seed: u64) -> Result<GeneratedLoad> {
        let url = format!("http://127.0.0.1:{}", server.port);
        let [sessions, rate, seed] = [sessions.to_string(), rate.to_string(), seed.to_string()];
        // A slice has few requests, of which one in a hundred may be late: the 50th and the 95th are judged.
        let to = ["--max-start-lag", "50ms", "--server", &url];
        let pace = ["--sessions", &sessions, "--rate", &rate, "--seed", &seed];
        let own = self.arguments.iter().map(String::as_str);
        loadgen::run(&self.loadgen, to.into_iter().chain(own).chain(pace))
    }
}

/// A running server, which ends with this value, with all that it started.
#[derive(Debug)]
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts it on a free port, and waits until it accepts a connection.
    fn start(line: &str) -> Result<Server> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = free.context("there is no free port")?.port();
        let words = words::split(&line.replace(PORT, &port.to_string()))?;
        let mut said = tempfile::tempfile().context("can't create a file for stderr")?;
        let mut command = Command::new(&words[0]);
        end_with_this_process(&mut command);
        let process = command
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said.try_clone().context("can't share the file for stderr")?)
            // Whatever it starts ends with it.
            .process_group(0)
            .spawn()
            .with_context(|| format!("can't start `{line}`"))?;
        let mut server = Server { process, port };
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = server.process.try_wait().context("can't wait for the server")? {
                bail!("`{line}` ended with {status} before it accepted a connection: {}", text_of(&mut said));
            }
            ensure!(
                began.elapsed() < LONGEST_START,
                "`{line}` accepts no connection on port {port}: {PORT} stands for the port that it must listen on"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }
}

/// Has the system end a command's process when this one is killed, as a scheduler does with one that hangs. What the
/// command starts itself may stay.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "what runs between fork and exec must be marked, and this is one system call")]
fn end_with_this_process(command: &mut Command) {
    let ask = || Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?);
    // SAFETY: it takes no lock, and no memory.
    unsafe { command.pre_exec(ask) };
}

#[cfg(not(target_os = "linux"))]
fn end_with_this_process(_: &mut Command) {}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            // It has been measured: how it ends is not asked.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.process.wait();
    }
}

/// The last lines of a file, for a message.
fn text_of(file: &mut File) -> String {
    let mut said = Vec::new();
    // Without it the message is shorter.
    let _ = file.rewind().and_then(|()| file.read_to_end(&mut said));
    last_lines(&[], &said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_start_says_why() {
        let error = |line| Server::start(line).expect_err("fails").to_string();
        let ended = error("sh -c 'echo the port is taken >&2; exit 4'");
        assert!(ended.contains("exit status: 4 before it accepted a connection: the port is taken"), "{ended}");
        assert!(error("/no/such/server").contains("can't start `/no/such/server`"));
    }
}
