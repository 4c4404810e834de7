//! The load lane: runs `memory-server` and has `loadgen` drive it. Both are processes on loopback, and end with the
//! measurement.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use baselines::{Measurement, RunWriter};
use memory::Variant;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use workloads::cases::{self, Tag};

use super::{Plan, corpus_file};
use crate::build::cargo::OwnProgram;
use crate::progress::Progress;
use crate::workspace;

/// The duration and rate of a load.
#[derive(Debug, Clone, Copy)]
pub struct Pressure {
    /// Seconds during which episodes start.
    pub duration_s: u32,
    /// Episodes per second, on average.
    pub rate: f64,
    /// The seed of the schedule and the mix.
    pub seed: u64,
}

/// The programs of a load test.
#[derive(Debug, Clone, Copy)]
pub struct LoadPrograms<'a> {
    /// The server.
    pub server: &'a Path,
    /// The load generator.
    pub loadgen: &'a Path,
}

impl<'a> LoadPrograms<'a> {
    /// The programs of a plan.
    pub fn of(plan: &'a Plan<'_>) -> Result<LoadPrograms<'a>> {
        Ok(LoadPrograms {
            server: plan.program(OwnProgram::MemoryServer)?,
            loadgen: plan.program(OwnProgram::Loadgen)?,
        })
    }
}

/// Measures the lane: the variants tagged for it. A variant that fails becomes an invalid entry.
pub fn measure(plan: &Plan<'_>, writer: &mut RunWriter) -> Result<()> {
    let duration_s = if plan.full { 60 } else { 4 };
    let pressure = Pressure { duration_s, rate: 20.0, seed: plan.input.seed };
    let chosen = cases::variants(Tag::Load, plan.filter, plan.set)?;
    if chosen.is_empty() {
        return Ok(());
    }
    let (_home, corpus) = corpus_file(plan.input)?;
    let progress = Progress::start("load", chosen.len());
    for case in &chosen {
        match drive(&case.variant, &corpus, LoadPrograms::of(plan)?, pressure) {
            Ok(measurements) => measurements.into_iter().try_for_each(|measurement| writer.measurement(measurement))?,
            Err(error) => super::invalid(&case.label(), &error, writer, &progress)?,
        }
        progress.done(&case.label());
    }
    Ok(())
}

#[derive(Deserialize)]
struct Ready {
    listening: String,
}

/// A server process, killed when dropped.
struct Server {
    child: Child,
    url: String,
}

/// Drives a variant with the episodes of a corpus file.
pub fn drive(
    variant: &Variant,
    corpus: &Path,
    programs: LoadPrograms<'_>,
    pressure: Pressure,
) -> Result<Vec<Measurement>> {
    let (rate, duration) = (pressure.rate.to_string(), format!("{}s", pressure.duration_s));
    let pace = ["--arrivals", "gamma", "--rate", &rate, "--duration", &duration];
    drive_through(variant, corpus, programs, pressure.seed, &pace, |server| Ok(format!("http://{server}")))
}

/// Drives a variant with `pace`, arguments of the load generator. `route` maps the server's address to a URL.
pub fn drive_through(
    variant: &Variant,
    corpus: &Path,
    programs: LoadPrograms<'_>,
    seed: u64,
    pace: &[&str],
    route: impl FnOnce(SocketAddr) -> Result<String>,
) -> Result<Vec<Measurement>> {
    let folder = workspace::temporary("server-")?;
    let server = Server::start(programs.server, variant, folder.path(), seed)?;
    let address = server.url.strip_prefix("http://").and_then(|address| address.parse().ok());
    let url = route(address.with_context(|| format!("the server listens on {}: not an address", server.url))?)?;
    let loadgen = programs.loadgen;
    let output = Command::new(loadgen)
        .args(["--server", &url, "--quiet", "--seed", &seed.to_string(), "--wire", variant.wire.name()])
        .args(pace)
        .arg("--corpus")
        .arg(corpus)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start {}", loadgen.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("the load generator ended with {}: {}", output.status, reason(&said));
    }
    server.stop()?;
    let text = String::from_utf8(output.stdout).context("the load generator's output is not UTF-8")?;
    let mut measurements = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        measurements.push(
            serde_json::from_str(line).with_context(|| format!("the load generator wrote no measurement: {line}"))?,
        );
    }
    Ok(measurements)
}

/// The reason why a load generator failed: it stands last, behind the summary of the run.
fn reason(said: &str) -> &str {
    let last = said.lines().rfind(|line| line.starts_with("loadgen: ")).unwrap_or(said);
    last.trim_start_matches("loadgen: ").trim()
}

impl Server {
    fn start(program: &Path, variant: &Variant, folder: &Path, seed: u64) -> Result<Server> {
        let mut child = Command::new(program)
            .args(["--variant", &variant.to_string(), "--listen", "127.0.0.1:0", "--seed", &seed.to_string()])
            .arg("--path")
            .arg(folder.join("memory"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't start {}", program.display()))?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the server has no stdout")?;
        BufReader::new(stdout).read_line(&mut line).context("can't read the server's address")?;
        let mut server = Server { child, url: String::new() };
        match serde_json::from_str::<Ready>(&line) {
            Ok(ready) => {
                server.url = ready.listening;
                Ok(server)
            }
            Err(_) => {
                let mut message = String::new();
                if let Some(stderr) = &mut server.child.stderr {
                    stderr.read_to_string(&mut message).context("can't read the server's message")?;
                }
                bail!("the memory server did not start: {}", message.trim())
            }
        }
    }

    /// Asks the server to end, and waits until it has closed its store.
    fn stop(mut self) -> Result<()> {
        let pid =
            i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("the server has no process id")?;
        kill_process(pid, Signal::TERM).context("can't send the server a signal to end")?;
        let status = self.child.wait().context("can't wait for the server")?;
        if !status.success() {
            bail!("the memory server failed: {status}");
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended after `stop`; otherwise the run failed, and its results are not used.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_told_without_the_summary() {
        let said =
            "load/episodes [store=memory]\n  8 episodes\nloadgen: invalid: all 16 users were busy; raise --users\n";
        assert_eq!(reason(said), "invalid: all 16 users were busy; raise --users");
        assert_eq!(reason("thread 'main' panicked"), "thread 'main' panicked");
    }
}
