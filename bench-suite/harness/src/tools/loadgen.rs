//! The load generator: where its program is, one run of it with its summary, and slices with theirs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use baselines::exit_code::Exit;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::build::cargo::{self, OwnProgram};
use crate::process_group::ProcessGroup;
use crate::workspace;

/// Finds the load generator: in the tree of the memory it is built, elsewhere it is beside this program or in `PATH`.
pub fn find() -> Result<PathBuf> {
    if workspace::has_the_memory() {
        return cargo::build_one(OwnProgram::Loadgen);
    }
    let name = format!("loadgen{}", std::env::consts::EXE_SUFFIX);
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = beside.into_iter().chain(std::env::split_paths(&paths)).map(|folder| folder.join(&name));
    found.into_iter().find(|file| file.is_file()).context(
        "there is no `loadgen` beside this program or in PATH: install it with `cargo install --path loadgen` in the \
         clone of assay",
    )
}

/// The meaning of the load generator's exit code.
pub fn exit_of(status: ExitStatus) -> Exit {
    let known = Exit::TABLE.into_iter().find(|(exit, _)| status.code() == Some(i32::from(exit.code())));
    known.map_or(Exit::Error, |(exit, _)| exit)
}

/// A run, as far as its summary is read here. FORMAT.md describes all of it.
#[derive(Debug, Deserialize)]
pub struct GeneratedLoad {
    /// Requests that were sent.
    pub requests: u64,
    /// Sessions that were played to their end.
    pub sessions: u64,
    /// Those that failed or were answered wrongly, by message.
    pub errors: BTreeMap<String, u64>,
    /// Right answers per second, if the run lasted.
    pub throughput: Option<f64>,
    /// Times from the intended start.
    pub response_ns: Times,
    /// Times from the sending.
    pub service_ns: Times,
    /// The requests over `--count-over`, if that was given.
    pub over: Option<CountOver>,
    /// Reasons not to believe it: the generator was the bottleneck.
    pub unhealthy: Vec<String>,
}

/// Times of requests, ns.
#[derive(Debug, Deserialize)]
pub struct Times {
    /// Their mean.
    pub mean: f64,
    /// Half of them are below.
    pub p50: u64,
    /// 95 of 100 are below.
    pub p95: u64,
    /// 99 of 100 are below.
    pub p99: u64,
}

/// Requests over a limit.
#[derive(Debug, Deserialize)]
pub struct CountOver {
    /// From the intended start.
    pub count: u64,
    /// From the sending.
    pub service_count: u64,
    /// Those of `count` that failed or were answered wrongly.
    pub wrong_count: u64,
}

/// Users enough for any load here. Each takes CPU time to start.
pub const MOST_USERS: u64 = 256;

/// Runs the load generator once, with open arrivals of sessions for so many users.
pub fn run(
    loadgen: &Path,
    users: u64,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<GeneratedLoad> {
    let folder = workspace::temporary("load-")?;
    let summary = folder.path().join("summary.json");
    let output = command(loadgen, users, arguments)
        .arg("--summary")
        .arg(&summary)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start {}", loadgen.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    // 3: it was measured, and the summary says why it can't be believed.
    if !output.status.success() && output.status.code() != Some(3) {
        bail!("the load generator failed ({}): {}", output.status, said.trim());
    }
    let text = std::fs::read_to_string(&summary)
        .with_context(|| format!("the load generator wrote no summary: {}", said.trim()))?;
    serde_json::from_str(&text).context("the load generator's summary can't be read")
}

/// The command line of open arrivals of sessions for so many users.
fn command(loadgen: &Path, users: u64, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(loadgen);
    command.args(["--quiet", "--arrivals", "poisson", "--users", &users.to_string()]).args(arguments);
    command
}

/// A running load generator that plays slices with the same users and connections, because its start takes longer than
/// a slice. It ends with this value.
#[derive(Debug)]
pub struct SliceGenerator {
    process: ProcessGroup,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl SliceGenerator {
    /// Starts it, with open arrivals of sessions for so many users.
    pub fn start(
        loadgen: &Path,
        users: u64,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<SliceGenerator> {
        let mut command = command(loadgen, users, arguments);
        command.arg("--slices").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = ProcessGroup::start(command, &loadgen.display().to_string())?;
        let (requests, answers) = (process.head().stdin.take(), process.head().stdout.take());
        let requests = requests.context("the load generator has no stdin")?;
        let answers = BufReader::new(answers.context("the load generator has no stdout")?);
        Ok(SliceGenerator { process, requests, answers })
    }

    /// Waits until its users are there, and what comes before the slices was played.
    pub fn ready(&mut self) -> Result<()> {
        self.answer::<serde_json::Value>().map(drop)
    }

    /// Plays a slice.
    pub fn slice(&mut self, request: SliceRequest) -> Result<GeneratedLoad> {
        let line = serde_json::to_string(&request).context("can't serialize the request")?;
        // A load generator that can't be written to has ended: its answer is missing too.
        let _ = writeln!(self.requests, "{line}");
        self.answer()
    }

    fn answer<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        if self.answers.read_line(&mut line).context("can't read what the load generator answers")? == 0 {
            // Its stdout is closed: it has ended, or would never end by itself.
            let _ = self.process.head().kill();
            let status = self.process.head().wait().context("can't wait for the load generator")?;
            bail!("the load generator failed ({status}): {}", self.process.last_words());
        }
        serde_json::from_str(&line).with_context(|| format!("the load generator's answer can't be read: {line}"))
    }
}

/// What a slice is asked for.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SliceRequest {
    /// Sessions to play.
    pub sessions: u64,
    /// Sessions per second.
    pub rate: f64,
    /// The seed of the arrivals.
    pub seed: u64,
    /// The number of the first session.
    pub first: u64,
}
