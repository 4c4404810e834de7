//! `assay compare`: two runs beside each other.

use std::path::{Path, PathBuf};

use anyhow::Result;
use baselines::exit::Exit;
use baselines::gate::{self, Judgement};
use baselines::policy::Policy;
use baselines::{Run, compare as comparison};
use clap::Args;
use reports::Format;

use super::runs;

/// Compare two stored runs
#[derive(Debug, Args)]
#[command(after_help = "\
Exact counts are judged where toolchain, valgrind, C library, CPU and corpus are the same. Times of two sessions are shown, never judged.

Examples:
  assay compare baselines/stored/x.jsonl latest
  assay compare 20261121T213300Z-4bf5022 latest --format markdown")]
pub struct Compare {
    /// The base: a path, a name in target/assay/runs, or `latest`
    base: String,

    /// What is compared with it
    new: String,

    /// How far metrics may move [default: the built-in policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// text, markdown, html, junit, json or github
    #[arg(long, default_value = "text")]
    format: Format,

    /// Take runs that were cut off, as far as they go
    #[arg(long)]
    partial: bool,
}

impl Compare {
    /// Compares, and ends with what a gate would end with.
    ///
    /// # Errors
    /// A run or the policy can't be read.
    pub fn execute(&self) -> Result<Exit> {
        let (base_path, new_path) = (runs::find(&self.base)?, runs::find(&self.new)?);
        let base = Run::read(&base_path, self.partial)?;
        let mut report = runs::report(&new_path, Run::read(&new_path, self.partial)?)?;
        let judgement = judge(&base, &report.run, &standard_policy(self.policy.as_deref())?);
        let exit = judgement.outcome.exit();
        report.judgement = Some(judgement);
        report.against = Some(format!("run {}", base_path.display()));
        print!("{}", reports::render(&report, self.format)?);
        Ok(exit)
    }
}

/// The policy of a file, or the built-in one.
///
/// # Errors
/// The file can't be read or used.
pub fn standard_policy(path: Option<&Path>) -> Result<Policy> {
    Ok(match path {
        Some(path) => Policy::read(path)?,
        None => Policy::standard(),
    })
}

/// Compares and judges two runs today.
pub fn judge(base: &Run, new: &Run, policy: &Policy) -> Judgement {
    let today = runs::today();
    let cases = base.measurements.iter().chain(&new.measurements).map(|measurement| &measurement.case);
    let unmatched = policy.unmatched(cases).into_iter().map(|pattern| {
        format!("the policy names `{pattern}`, and no benchmark matches it: correct or remove the rule")
    });
    let complaints: Vec<String> = unmatched.chain(policy.expired(today)).collect();
    gate::judge(comparison::compare(base, new, policy, today), &new.invalid, &complaints)
}
