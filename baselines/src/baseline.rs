//! Runs that somebody accepted, with the reason: one file an environment, in a folder that a project keeps under version control.

use std::path::{Path, PathBuf};

use crate::record::Acceptance;
use crate::{Assume, Environment, Error, Result, Run};

/// What a folder of baselines has for an environment.
#[derive(Debug)]
pub enum Lookup {
    /// A baseline whose counts may be compared.
    Found(PathBuf, Box<Run>),
    /// Baselines, but of other environments only: the one that differs in the fewest fields.
    Incomparable(PathBuf, Box<Run>),
    /// None at all.
    Empty,
}

/// Accepts a run as the baseline of its environment. Only exact metrics are kept: a remembered time is worth nothing.
/// Gives the file.
///
/// # Errors
/// No reason, a tree with uncommitted changes (unless `dirty`), a run that can't be believed or has no exact metric, or the file can't be written.
pub fn accept(folder: &Path, run: &Run, reason: &str, at: &str, dirty: bool) -> Result<PathBuf> {
    if reason.trim().is_empty() {
        return Err(Error::NoReason);
    }
    if run.header.environment.dirty && !dirty {
        return Err(Error::DirtyTree { commit: run.header.environment.commit.clone() });
    }
    let path = path(folder, &run.header.environment);
    let mut baseline = run.clone();
    baseline.measurements.retain(|measurement| measurement.metric().is_ok_and(|metric| metric.assume == Assume::Exact));
    baseline.skipped.clear();
    baseline.header.accepted = Some(Acceptance { reason: reason.trim().to_owned(), at: at.to_owned() });
    if baseline.measurements.is_empty() || !baseline.invalid.is_empty() {
        return Err(Error::EmptyRun { path });
    }
    baseline.measurements.sort_by(|a, b| (&a.case, &a.metric).cmp(&(&b.case, &b.metric)));
    baseline.write(&path)?;
    Ok(path)
}

/// The baseline's file for an environment.
pub fn path(folder: &Path, environment: &Environment) -> PathBuf {
    folder.join(format!("{}.jsonl", environment.key()))
}

/// Every baseline of a folder, by name; none where there is no folder.
///
/// # Errors
/// The folder or a file can't be read, or a file is no run.
pub fn list(folder: &Path) -> Result<Vec<(PathBuf, Run)>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(Error::io("read", folder)(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::io("read", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.into_iter().map(|path| Run::read(&path, false).map(|run| (path, run))).collect()
}

/// What the folder has for an environment.
///
/// # Errors
/// As [`list`].
pub fn find(folder: &Path, environment: &Environment) -> Result<Lookup> {
    let mut nearest: Option<(usize, PathBuf, Run)> = None;
    for (path, run) in list(folder)? {
        let distance = run.header.environment.count_differences(environment).len();
        if nearest.as_ref().is_none_or(|(best, _, _)| distance < *best) {
            nearest = Some((distance, path, run));
        }
    }
    Ok(match nearest {
        None => Lookup::Empty,
        Some((0, path, run)) => Lookup::Found(path, Box::new(run)),
        Some((_, path, run)) => Lookup::Incomparable(path, Box::new(run)),
    })
}
