//! Judges a comparison.

use std::path::Path;

use anyhow::Result;
use baselines::gate::{self, Judgement};
use baselines::policy::Policy;
use baselines::{Run, compare};

use super::plan::FinishedRun;
use super::runs;

/// A judged session.
#[derive(Debug)]
pub struct Judged {
    /// The run and its file.
    pub finished: FinishedRun,
    /// The result of the comparison.
    pub judgement: Judgement,
    /// The name of the base.
    pub against: String,
    /// Notes for the report: on the controls, and on missing results.
    pub notes: Vec<String>,
}

/// The policy in a file, or the built-in one.
pub fn standard_policy(path: Option<&Path>) -> Result<Policy> {
    Ok(match path {
        Some(path) => Policy::read(path)?,
        None => Policy::standard(),
    })
}

/// Compares two runs, and judges them by today's exceptions.
pub fn judge(base: &Run, new: &Run, policy: &Policy) -> Judgement {
    let cases = base.measurements.iter().chain(&new.measurements).map(|measurement| &measurement.case);
    let complaints = policy.complaints(cases, runs::today());
    gate::judge(compare::compare(base, new, policy, runs::today()), &new.invalid, &complaints)
}
