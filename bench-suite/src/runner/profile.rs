//! True call stacks of a case, in instructions: the worker under callgrind with callers separated.
//!
//! Exact and free of sampling, and it needs no privilege. Stacks deeper than [`DEPTH`] frames are cut at the outer end. The worker's allocator
//! counts, and so its totals differ by a few instructions an allocation from those of the counts lane.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};

use super::callgrind_out::{self, Profile};
use super::owners::{self, DEPTH};
use super::valgrind;
use crate::input::Source;

/// The function below which everything is measured: [`super::slice::run_measured`].
pub const ROOT: &str = "slice::run_measured";

/// What is profiled: one round of a case, in a process of its own.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The worker's file.
    pub worker: &'a Path,
    /// The case's identifier.
    pub id: &'a str,
    /// Toggles that are set otherwise than in the list of cases.
    pub set: &'a [String],
    /// What it works on.
    pub source: &'a Source,
    /// Operations of the round: the same on both sides, or nothing may be compared.
    pub operations: u64,
}

impl Subject<'_> {
    /// The profile, with callers separated, in instructions. It has nothing but what lies below [`ROOT`].
    ///
    /// # Errors
    /// Valgrind or the worker failed, or nothing of the measured function is in the profile.
    pub fn profile(&self) -> Result<Profile> {
        let folder = tempfile::tempdir().context("no folder for the profile")?;
        let file = folder.path().join("callgrind.out");
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", valgrind::INSTRUMENTATION, "--collect-atstart=no", "--dump-line=no"])
            .arg(format!("--toggle-collect=*{ROOT}*"))
            .arg(format!("--separate-callers={DEPTH}"))
            .arg(format!("--callgrind-out-file={}", file.display()))
            .arg(self.worker)
            .args([self.id, "--rounds", "1", "--operations", &self.operations.to_string()])
            .args(self.set.iter().flat_map(|pair| ["--set", pair]))
            .envs(self.source.variables())
            .stdin(Stdio::null())
            .output()
            .context("can't start valgrind")?;
        ensure!(output.status.success(), "profiling failed ({}): {}", output.status, reason(&output.stderr));
        let text = std::fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
        let profile = callgrind_out::parse(&text)?;
        ensure!(profile.total > 0, "the profile of {} has nothing below {ROOT}", self.id);
        Ok(profile)
    }

    /// Folded stacks of [`Subject::profile`].
    ///
    /// # Errors
    /// As [`Subject::profile`].
    pub fn stacks(&self) -> Result<String> {
        let folded = owners::folded(&self.profile()?, ROOT);
        ensure!(!folded.is_empty(), "the profile of {} has nothing below {ROOT}", self.id);
        Ok(folded)
    }
}

/// The profiles of two sides, made at the same time: instructions don't depend on what else runs.
///
/// # Errors
/// As [`Subject::profile`]; the message says which side.
pub fn both(base: Subject<'_>, new: Subject<'_>) -> Result<(Profile, Profile)> {
    std::thread::scope(|scope| {
        let base = scope.spawn(move || base.profile());
        let new = new.profile().context("the new side");
        let base = base.join().unwrap_or_else(|_| Err(anyhow!("the thread that profiled it panicked")));
        Ok((base.context("the base")?, new?))
    })
}

/// What a failed child said last, without valgrind's greetings and addresses.
fn reason(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let telling = |line: &&str| line.contains("error") || line.contains("terminating") || line.contains("panicked");
    text.lines().find(telling).or(text.lines().last()).unwrap_or("it said nothing").trim().to_owned()
}
