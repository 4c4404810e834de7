//! What a comparison comes to.

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
    /// What it means.
    pub judgement: Judgement,
    /// What it was compared with.
    pub against: String,
    /// Sentences for the report: on the controls, and on what is missing.
    pub notes: Vec<String>,
}

/// The policy of a file, or the built-in one.
pub fn standard_policy(path: Option<&Path>) -> Result<Policy> {
    Ok(match path {
        Some(path) => Policy::read(path)?,
        None => Policy::standard(),
    })
}

/// Compares and judges two runs today.
pub fn judge(base: &Run, new: &Run, policy: &Policy) -> Judgement {
    let cases = base.measurements.iter().chain(&new.measurements).map(|measurement| &measurement.case);
    let complaints = policy.complaints(cases, runs::today());
    gate::judge(compare::compare(base, new, policy, runs::today()), &new.invalid, &complaints)
}
