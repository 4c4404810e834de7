//! The programs that measure and are measured: built by cargo, found by what cargo says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace;

/// A program of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// The bench of exact counts.
    Counts,
    /// The callgrind and DHAT runner that `counts` starts.
    GungraunRunner,
    /// The bench of wall times.
    Times,
    /// The process that runs slices of any benchmark.
    Worker,
    /// The HTTP front end of the memory.
    MemoryServer,
    /// The load generator.
    Loadgen,
}

impl Program {
    /// What the counts lane needs, call stacks included.
    pub const COUNTS: [Program; 3] = [Program::Counts, Program::GungraunRunner, Program::Worker];

    /// Cargo's name of the target, and the flag that builds it.
    fn target(self) -> (&'static str, &'static str) {
        match self {
            Program::Counts => ("--bench", "counts"),
            Program::GungraunRunner => ("--bin", "gungraun-runner"),
            Program::Times => ("--bench", "times"),
            Program::Worker => ("--bin", "assay-worker"),
            Program::MemoryServer => ("--bin", "memory-server"),
            Program::Loadgen => ("--bin", "loadgen"),
        }
    }
}

/// Where the programs of one build lie.
#[derive(Debug, Clone)]
pub struct Artifacts(BTreeMap<Program, PathBuf>);

impl Artifacts {
    /// The program's file.
    ///
    /// # Errors
    /// It was not among those that were built.
    pub fn path(&self, program: Program) -> Result<&Path> {
        let path = self.0.get(&program).map(PathBuf::as_path);
        path.with_context(|| format!("the build made no `{}`", program.target().1))
    }
}

impl FromIterator<(Program, PathBuf)> for Artifacts {
    fn from_iter<I: IntoIterator<Item = (Program, PathBuf)>>(programs: I) -> Artifacts {
        Artifacts(programs.into_iter().collect())
    }
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

/// How the variables begin by which cargo tells a test, or what `cargo run` starts, of its package.
const OF_A_PACKAGE: [&str; 4] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_CRATE_", "CARGO_BIN_"];

/// Cargo, as a user starts it who has none of the variables of a package. Build scripts may ask to be run again when these change, and ring's does:
/// a build from within a test would build it again, and with it libSQL and everything that is measured, and so would the next one from outside.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if OF_A_PACKAGE.iter().any(|beginning| name.to_string_lossy().starts_with(beginning)) {
            command.env_remove(name);
        }
    }
    command
}

/// Builds programs of this workspace, as far as they are not built; cargo's own progress goes to stderr. Nothing else is built: counts don't wait
/// for a load generator.
///
/// # Errors
/// Cargo is not there or the build fails: its messages are on stderr.
pub fn build(programs: &[Program]) -> Result<Artifacts> {
    build_in(&workspace::root(), None, &[], programs)
}

/// The same for the workspace in `root`, with some variables set, into another target folder where one is given; its `Cargo.lock` is taken as it is.
///
/// # Errors
/// As [`build`].
pub fn build_in(
    root: &Path,
    target: Option<&Path>,
    variables: &[(&str, &str)],
    programs: &[Program],
) -> Result<Artifacts> {
    let mut command = cargo();
    if let Some(target) = target {
        command.arg("build").arg("--locked").env("CARGO_TARGET_DIR", target);
    } else {
        command.arg("build");
    }
    let output = command
        .envs(variables.iter().copied())
        // The whole workspace, so that features are those of every other build of it, and nothing is built twice.
        .args(["--release", "--workspace", "--message-format=json-render-diagnostics"])
        .args(programs.iter().flat_map(|program| <[&str; 2]>::from(program.target())))
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("can't start cargo: assay builds what it measures, install Rust from https://rustup.rs")?;
    if !output.status.success() {
        bail!("the build in {} failed: see above", root.display());
    }
    let mut found = BTreeMap::new();
    for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{")) {
        let Ok(message) = serde_json::from_slice::<Message>(line) else { continue };
        let (Some(target), Some(executable)) = (message.target, message.executable) else { continue };
        let program = programs.iter().find(|program| program.target().1 == target.name);
        if let (true, Some(program)) = (message.reason == "compiler-artifact", program) {
            found.insert(*program, executable);
        }
    }
    Ok(Artifacts(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_not_told_of_the_package_of_a_test() {
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "cargo tells a test of its package");
        let command = cargo();
        let changed: Vec<_> = command.get_envs().collect();
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION_MAJOR"] {
            assert!(changed.contains(&(name.as_ref(), None)), "{name} is still there");
        }
        assert!(changed.iter().all(|(name, _)| *name != "CARGO_TARGET_DIR" && *name != "CARGO_HOME"), "{changed:?}");
    }
}
