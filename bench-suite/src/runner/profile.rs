//! True call stacks of a case, in instructions: the worker under callgrind with callers separated.
//!
//! Exact and free of sampling, and it needs no privilege. Stacks deeper than [`DEPTH`] frames are cut at the outer end.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{callgrind_out, valgrind};
use crate::input::Source;

/// Frames that callgrind keeps apart.
const DEPTH: u32 = 40;

/// The function below which everything is measured: [`super::slice::run_measured`].
pub const ROOT: &str = "slice::run_measured";

/// The call stacks of one case, as they are kept beside a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stacks {
    /// What was profiled.
    pub case: baselines::Case,
    /// What the costs count.
    pub unit: String,
    /// Folded stacks, outermost frame first.
    pub folded: String,
    /// The folded stacks of the base, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_folded: Option<String>,
}

/// Folded stacks of one round of a case, in instructions.
///
/// # Errors
/// Valgrind or the worker failed, or nothing of the measured function is in the profile.
pub fn stacks(worker: &Path, id: &str, set: &[String], source: &Source) -> Result<String> {
    let folder = tempfile::tempdir().context("no folder for the profile")?;
    let file = folder.path().join("callgrind.out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", valgrind::INSTRUMENTATION, "--collect-atstart=no", "--dump-line=no"])
        .arg(format!("--toggle-collect=*{ROOT}*"))
        .arg(format!("--separate-callers={DEPTH}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(worker)
        .args([id, "--rounds", "1"])
        .args(set.iter().flat_map(|pair| ["--set", pair]))
        .envs(source.variables())
        .stdin(Stdio::null())
        .output()
        .context("can't start valgrind")?;
    ensure!(output.status.success(), "profiling failed ({}): {}", output.status, reason(&output.stderr));
    let text = std::fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
    let folded = callgrind_out::parse(&text)?.folded(ROOT);
    ensure!(!folded.is_empty(), "the profile of {id} has nothing below {ROOT}");
    Ok(folded)
}

/// What a failed child said last, without valgrind's greetings and addresses.
fn reason(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let telling = |line: &&str| line.contains("error") || line.contains("terminating") || line.contains("panicked");
    text.lines().find(telling).or(text.lines().last()).unwrap_or("it said nothing").trim().to_owned()
}
