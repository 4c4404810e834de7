//! What can go wrong with records, baselines and policies. Each message names the thing and the remedy.

use std::ops::RangeInclusive;
use std::path::PathBuf;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A sample without a value.
    #[error("a sample needs at least one value")]
    EmptySample,
    /// NaN or an infinity among the values.
    #[error("a sample's values must be finite, found {value}")]
    NotFinite {
        /// The offending value.
        value: f64,
    },
    /// A metric that the table does not have.
    #[error("unknown metric `{name}`: `assay run --metrics` lists them")]
    UnknownMetric {
        /// The name as written.
        name: String,
    },
    /// A file that can't be read or written.
    #[error("can't {action} {path}: {source}")]
    Io {
        /// What was tried, as in `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of records that does not start with a header.
    #[error("{path} is not a run: its first line is no header ({reason})")]
    NoHeader {
        /// The file.
        path: PathBuf,
        /// What is wrong with the first line.
        reason: String,
    },
    /// A schema that this version does not read.
    #[error(
        "{path} has schema version {found}, this assay reads {} to {}: use the assay that wrote it",
        .known.start(),
        .known.end()
    )]
    UnknownSchema {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: u64,
        /// The versions that this crate reads.
        known: RangeInclusive<u64>,
    },
    /// A line that is no record.
    #[error("{path}:{line}: not a record ({reason})")]
    BadRecord {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A run that stops before its end line: the process was killed or the disk was full.
    #[error(
        "{path} is truncated after {measurements} measurements: the run did not end; pass --partial to use what is there"
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// How many whole measurements it has.
        measurements: usize,
    },
    /// A run without a measurement.
    #[error("{path} is an empty run: nothing was measured")]
    EmptyRun {
        /// The file.
        path: PathBuf,
    },
    /// The same metric of the same case twice.
    #[error("{path} measures {metric} of {case} twice: remove one")]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The case.
        case: String,
        /// The metric.
        metric: String,
    },
    /// A round of a pair that the run does not have.
    #[error("a round of pair {pair}, the run has {pairs} pairs until then: the pair comes first")]
    NoPair {
        /// The position that the round names.
        pair: usize,
        /// How many pairs there are.
        pairs: usize,
    },
    /// Rounds that can't be judged.
    #[error(transparent)]
    Statistics(#[from] crate::stats::Error),
    /// A policy that can't be used.
    #[error("policy {path}: {reason}")]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A baseline was accepted without saying why.
    #[error("a baseline is accepted with a reason: --reason \"..\"")]
    NoReason,
    /// A run that was measured with changes that no commit holds.
    #[error("the run was measured on a dirty tree (commit {commit}): commit first, or pass --dirty")]
    DirtyTree {
        /// The commit it started from.
        commit: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { action, path, source }
    }
}
