//! The load lane: starts `memory-server` and lets `loadgen` drive it. Both are processes of their own, on loopback, and end with the measurement.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use baselines::Measurement;
use memory::Variant;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use super::artifacts::{Artifacts, Program};

/// How hard and how long.
#[derive(Debug, Clone, Copy)]
pub struct Pressure {
    /// Seconds during which episodes start.
    pub duration_s: u32,
    /// Episodes a second, on average.
    pub rate: f64,
    /// The seed of the schedule and the mix.
    pub seed: u64,
}

/// The variants that a plain run puts under load.
pub const VARIANTS: [&str; 3] = [
    "store=memory",
    "store=redb,durability=fsynced,codec=postcard",
    "store=libsql,durability=committed,codec=postcard,pool=keepalive",
];

#[derive(Deserialize)]
struct Ready {
    listening: String,
}

/// A server that ends when this is dropped.
struct Server {
    child: Child,
    url: String,
}

/// Drives a variant with the episodes of a corpus file.
///
/// # Errors
/// The server does not start, or the load generator failed: its own messages follow.
pub fn drive(variant: &Variant, corpus: &Path, artifacts: &Artifacts, pressure: Pressure) -> Result<Vec<Measurement>> {
    let (rate, duration) = (pressure.rate.to_string(), format!("{}s", pressure.duration_s));
    let pace = ["--arrivals", "gamma", "--rate", &rate, "--duration", &duration];
    drive_through(variant, corpus, artifacts, pressure.seed, &pace, |server| Ok(format!("http://{server}")))
}

/// Drives a variant at the pace that the load generator's arguments say, over the way that leads from the URL to the server's address.
///
/// # Errors
/// As [`drive`], and what the way says.
pub fn drive_through(
    variant: &Variant,
    corpus: &Path,
    artifacts: &Artifacts,
    seed: u64,
    pace: &[&str],
    way: impl FnOnce(SocketAddr) -> Result<String>,
) -> Result<Vec<Measurement>> {
    let folder = tempfile::tempdir_in(scratch()?).context("no folder for the server's store")?;
    let server = Server::start(artifacts, variant, folder.path(), seed)?;
    let address = server.url.strip_prefix("http://").and_then(|address| address.parse().ok());
    let url = way(address.with_context(|| format!("the server says it listens on {}", server.url))?)?;
    let loadgen = artifacts.path(Program::Loadgen)?;
    let output = Command::new(loadgen)
        .args(["--server", &url, "--quiet", "--seed", &seed.to_string(), "--wire", variant.wire.name()])
        .args(pace)
        .arg("--corpus")
        .arg(corpus)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start {}", loadgen.display()))?;
    if !output.status.success() {
        bail!("the load generator failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    server.stop()?;
    let text = String::from_utf8(output.stdout).context("the load generator's output")?;
    let mut measurements = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        measurements.push(
            serde_json::from_str(line).with_context(|| format!("the load generator wrote no measurement: {line}"))?,
        );
    }
    Ok(measurements)
}

fn scratch() -> Result<std::path::PathBuf> {
    let folder = crate::workspace::output().join("scratch");
    std::fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    Ok(folder)
}

impl Server {
    fn start(artifacts: &Artifacts, variant: &Variant, folder: &Path, seed: u64) -> Result<Server> {
        let program = artifacts.path(Program::MemoryServer)?;
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
        BufReader::new(stdout).read_line(&mut line).context("reading the server's address")?;
        let mut server = Server { child, url: String::new() };
        match serde_json::from_str::<Ready>(&line) {
            Ok(ready) => {
                server.url = ready.listening;
                Ok(server)
            }
            Err(_) => {
                let mut message = String::new();
                if let Some(stderr) = &mut server.child.stderr {
                    stderr.read_to_string(&mut message).context("reading the server's message")?;
                }
                bail!("the memory server did not start: {}", message.trim())
            }
        }
    }

    /// Asks the server to end, and waits until its store is closed.
    fn stop(mut self) -> Result<()> {
        let pid =
            i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("the server has no process id")?;
        kill_process(pid, Signal::TERM).context("asking the server to end")?;
        let status = self.child.wait().context("waiting for the server")?;
        if !status.success() {
            bail!("the memory server ended badly: {status}");
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone after `stop`; otherwise the run failed, and nothing of it is kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
