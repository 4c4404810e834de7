//! Baselines: runs that somebody accepted with a reason, one file per environment, in a folder under version control.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::record::{self, Acceptance};
use crate::{CaseKey, Environment, Error, Measurement, Metric, Result, Run, RunHeader};

/// The result of looking for an environment's baseline.
#[derive(Debug)]
pub enum BaselineLookup {
    /// A baseline whose counts may be compared.
    Found(PathBuf, Box<Run>),
    /// There are baselines of other environments only: this one differs in the fewest fields.
    Incomparable(PathBuf, Box<Run>),
    /// There is no baseline.
    Empty,
}

/// Accepts a run as the baseline `file`. Only exact metrics are kept, and no rounds, because times of another session
/// can't be compared.
///
/// # Errors
/// There is no reason, the tree has uncommitted changes (unless `dirty`), the run is invalid or has no exact metric, or
/// the file can't be written.
pub fn accept(file: &Path, run: &Run, reason: &str, at: &str, dirty: bool) -> Result<()> {
    if reason.trim().is_empty() {
        return Err(Error::NoReason);
    }
    let environment = &run.header.environment;
    if environment.dirty && !dirty {
        return Err(Error::DirtyTree(environment.commit.clone()));
    }
    if let Some(first) = run.invalid.first() {
        return Err(Error::InvalidRun { what: first.what.clone(), why: first.why.clone() });
    }
    let exact = run.measurements.iter().filter(|measurement| Metric::is_exact(&measurement.metric));
    let mut measurements: Vec<Measurement> = exact.cloned().collect();
    if measurements.is_empty() {
        return Err(Error::NothingExact);
    }
    measurements.sort_by(|a, b| (&a.case, &a.metric).cmp(&(&b.case, &b.metric)));
    let accepted = Some(Acceptance { reason: reason.trim().to_owned(), at: at.to_owned() });
    let header = RunHeader { accepted, rounds_seed: None, ..run.header.clone() };
    Run { measurements, complete: run.complete, ..Run::new(header) }.write(file)
}

/// The cases of the baseline `file`, if there is one, that a run does not have: they would be gone after [`accept`].
///
/// # Errors
/// There is a file that can't be read.
pub fn removed_cases(file: &Path, run: &Run) -> Result<BTreeSet<CaseKey>> {
    if !file.exists() {
        return Ok(BTreeSet::new());
    }
    Ok(&cases(&Run::read(file, false)?) - &cases(run))
}

/// The cases of a run that a baseline keeps: those with exact metrics.
pub fn cases(run: &Run) -> BTreeSet<CaseKey> {
    let exact = run.measurements.iter().filter(|measurement| Metric::is_exact(&measurement.metric));
    exact.map(|measurement| measurement.case.clone()).collect()
}

/// The file of an environment's baseline.
pub fn path(folder: &Path, environment: &Environment) -> PathBuf {
    folder.join(format!("{}.jsonl", environment.key()))
}

/// Every baseline of a folder, by name; none if there is no folder. Every file must be a run that somebody accepted.
pub fn list(folder: &Path) -> Result<Vec<(PathBuf, Run)>> {
    let accepted = |path: PathBuf| match Run::read(&path, false)? {
        run if run.header.accepted.is_some() => Ok((path, run)),
        _ => Err(Error::NotAccepted(path)),
    };
    record::files(folder)?.into_iter().map(accepted).collect()
}

/// The baseline of an environment, or the nearest one. Counts of other tools have no environment.
pub fn find(folder: &Path, environment: &Environment) -> Result<BaselineLookup> {
    let distance = |(_, run): &(PathBuf, Run)| run.header.environment.count_differences(environment).len();
    let ours = list(folder)?.into_iter().filter(|(_, run)| !run.header.is_foreign());
    let nearest = ours.map(|entry| (distance(&entry), entry)).min_by_key(|(distance, _)| *distance);
    Ok(match nearest {
        None => BaselineLookup::Empty,
        Some((0, (path, run))) => BaselineLookup::Found(path, Box::new(run)),
        Some((_, (path, run))) => BaselineLookup::Incomparable(path, Box::new(run)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paired::{Pair, Paired};
    use crate::{Durability, Sample};

    #[test]
    fn of_a_gates_run_the_counts_are_kept_and_no_rounds() {
        let case = CaseKey { benchmark: "parse".to_owned(), variant: String::new() };
        let environment = Environment { dirty: false, ..Environment::detect(1, "bench sums") };
        let sample = Sample::new(vec![100.0]).expect("finite");
        let counted = Measurement::new(case.clone(), "instructions", sample, Durability::Memory);
        let pair = Pair {
            case,
            base: "revision 0123456789ab".to_owned(),
            metric: "cpu_time".to_owned(),
            operations: 1,
            randomized_layout: true,
            durability: Durability::Memory,
            control: None,
        };
        let pairs = vec![Paired { pair, rounds: vec![], abandoned: false }];
        let header = RunHeader { rounds_seed: Some(7), ..RunHeader::new("assay gate", "quick", environment) };
        let run = Run { measurements: vec![counted.clone()], pairs, complete: true, ..Run::new(header) };
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("baseline.jsonl");
        accept(&file, &run, " first ", "2026-01-01T00:00:00Z", false).expect("accepted");
        let stored = Run::read(&file, false).expect("reads");
        assert_eq!((stored.measurements, stored.pairs.len()), (vec![counted], 0));
        assert_eq!(stored.header.rounds_seed, None);
        assert_eq!(stored.header.accepted.map(|accepted| accepted.reason).as_deref(), Some("first"));
    }
}
