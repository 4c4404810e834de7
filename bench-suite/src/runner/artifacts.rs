//! The programs that measure and are measured: built by cargo, found by what cargo says.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace;

/// Where the programs of one build lie.
#[derive(Debug, Clone)]
pub struct Artifacts {
    /// The bench of exact counts.
    pub counts: PathBuf,
    /// The bench of wall times.
    pub times: PathBuf,
    /// The callgrind and DHAT runner that `counts` starts.
    pub gungraun_runner: PathBuf,
    /// The process that runs slices of any benchmark.
    pub worker: PathBuf,
    /// The HTTP front end of the memory.
    pub memory_server: PathBuf,
    /// The load generator.
    pub loadgen: PathBuf,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds all programs of this workspace, if they are not built; cargo's own progress goes to stderr.
///
/// # Errors
/// Cargo is not there or the build fails: its messages are on stderr.
pub fn build() -> Result<Artifacts> {
    let root = workspace::root();
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--workspace", "--bins", "--benches", "--message-format=json-render-diagnostics"])
        .current_dir(&root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("can't start cargo: assay builds what it measures, install Rust from https://rustup.rs")?;
    if !output.status.success() {
        bail!("the build in {} failed: see above", root.display());
    }
    let mut found = Vec::new();
    for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{")) {
        let Ok(message) = serde_json::from_slice::<Message>(line) else { continue };
        if let (true, Some(target), Some(executable)) =
            (message.reason == "compiler-artifact", message.target, message.executable)
        {
            found.push((target.name, executable));
        }
    }
    let find = |name: &str| {
        let artifact = found.iter().find(|(target, _)| target == name).map(|(_, path)| path.clone());
        artifact.with_context(|| format!("the build in {} made no `{name}`", root.display()))
    };
    Ok(Artifacts {
        counts: find("counts")?,
        times: find("times")?,
        gungraun_runner: find("gungraun-runner")?,
        worker: find("assay-worker")?,
        memory_server: find("memory-server")?,
        loadgen: find("loadgen")?,
    })
}
