//! Serves a server under load: a slice is one schedule of the load generator, and costs the CPU time that the server
//! took a request. Its response times go along.
//!
//! The server and the load generator start with the worker and end with it. Each side plays the same schedules, other
//! ones in each round.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use worker::protocol::{Ready, VERSION, Worked};

use super::{answer_requests, cpu_clock, end, fail_by_answer};
use crate::process_group::{self, ProcessGroup};
use crate::tools::loadgen::{SliceGenerator, SliceRequest};
use crate::words;

/// What stands for the port in the command line of a server.
pub const PORT: &str = "{port}";

/// How often a load is tried whose generator was the bottleneck.
const TRIES: u64 = 3;

/// Seeds of a round: more than it has slices.
const SEEDS: u64 = 1000;

/// A server and its load.
#[derive(Debug)]
pub struct ServerUnderLoad<'a> {
    /// The command line, with [`PORT`].
    pub line: &'a str,
    /// The load generator.
    pub loadgen: PathBuf,
    /// Sessions per second.
    pub rate: f64,
    /// Users of the load generator, unless its arguments say another number.
    pub users: u64,
    /// What was drawn for the round, for both sides: their schedules depend on it.
    pub drawn: u64,
    /// Arguments of the load generator.
    pub arguments: Vec<String>,
}

/// Answers requests on stdin until `end`; the sessions are `extra_percent` more than were asked for, at a rate that is
/// higher by as much.
pub fn serve(load: &ServerUnderLoad<'_>, extra_percent: f64) -> Result<()> {
    fail_by_answer(|| {
        let server = ServerProcess::start(load.line)?;
        let (variant, seed, input) = Default::default();
        let ready = Ready { protocol: VERSION, case: load.line.to_owned(), variant, seed, input, counted: 1 };
        let mut generator = load.generator(&server)?;
        generator.ready()?;
        let until_now = cpu_clock::of_tree(server.id())?;
        let mut slices = Slices {
            load,
            server: &server,
            generator,
            extra: extra_percent / 100.0,
            until_now,
            next: load.drawn * SEEDS,
            first: 0,
        };
        answer_requests(ready, |sessions| slices.slice(sessions))?;
        end([].into())
    })
}

impl ServerUnderLoad<'_> {
    fn generator(&self, server: &ServerProcess) -> Result<SliceGenerator> {
        // A slice has few requests, of which one in a hundred may be late: the 50th and the 95th are judged.
        let to = ["--max-start-lag", "50ms", "--server", &server.url()].map(str::to_owned);
        SliceGenerator::start(&self.loadgen, self.users, to.iter().chain(&self.arguments))
    }
}

/// The slices of a server.
struct Slices<'a> {
    load: &'a ServerUnderLoad<'a>,
    server: &'a ServerProcess,
    generator: SliceGenerator,
    /// The part of sessions that is played beyond those that are asked for.
    extra: f64,
    /// The server's CPU time at the end of the slice before.
    until_now: u64,
    /// The seed of the next slice.
    next: u64,
    /// The number of its first session.
    first: u64,
}

impl Slices<'_> {
    fn slice(&mut self, sessions: u64) -> Result<Worked> {
        let more = 1.0 + self.extra;
        let (played, rate) = ((sessions as f64 * more).round() as u64, self.load.rate * more);
        let (seed, first) = (self.next, self.first);
        (self.next, self.first) = (seed + 1, first + TRIES * played);
        let mut unhealthy = String::new();
        for tried in 0..TRIES {
            // Each try has sessions of its own, as a server may refuse to create something twice.
            let request = SliceRequest { sessions: played, rate, seed, first: first + tried * played };
            let began = Instant::now();
            let summary = self.generator.slice(request)?;
            let cpu_ns = self.cpu_ns()?;
            ensure!(summary.requests > 0, "the load generator sent no request");
            let wrong: Vec<String> = summary.errors.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            ensure!(wrong.is_empty(), "of {} requests {} were answered wrongly", summary.requests, wrong.join(", "));
            if !summary.unhealthy.is_empty() {
                unhealthy = summary.unhealthy.join("; ");
                continue;
            }
            ensure!(summary.sessions == played, "the load generator played {} of {played} sessions", summary.sessions);
            // A session may have any number of requests, and what is asked for is the cost of one.
            let asked_of_played = sessions as f64 * more / summary.requests as f64;
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
            "the load generator was the bottleneck {TRIES} times ({unhealthy}): lower `--rate`, or measure on a \
               quieter machine"
        )
    }

    /// The CPU time since the slice before, so that what a slice puts off is charged to the next one.
    fn cpu_ns(&mut self) -> Result<u64> {
        let now = cpu_clock::of_tree(self.server.id())?;
        // What a process took that ended since is rounded down, its time in the system by itself.
        ensure!(
            now + 2 * cpu_clock::TICK_NS >= self.until_now,
            "a process of the server ended, and its CPU time is lost: start the server so that it waits for what it \
             starts"
        );
        let since = now.saturating_sub(self.until_now);
        self.until_now = now.max(self.until_now);
        Ok(since)
    }
}

/// A running server, which ends with this value, with all that it started.
#[derive(Debug)]
pub struct ServerProcess {
    process: ProcessGroup,
    port: u16,
}

impl ServerProcess {
    /// Starts it on a free port, and waits until it accepts a connection. [`PORT`] in the line becomes the port.
    pub fn start(line: &str) -> Result<ServerProcess> {
        let port = process_group::free_port()?;
        let words = words::split(&line.replace(PORT, &port.to_string()))?;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = ProcessGroup::start(command, line)?;
        process.accept_on(port)?;
        Ok(ServerProcess { process, port })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_start_says_why() {
        let error = |line| ServerProcess::start(line).expect_err("fails").to_string();
        let ended = error("sh -c 'echo the port is taken >&2; exit 4'");
        assert!(ended.contains("exit status: 4 before it accepted a connection: the port is taken"), "{ended}");
        assert!(error("/no/such/server").contains("can't start `/no/such/server`"));
    }
}
