//! The errors of records, baselines and policies. Each message names the thing and the remedy.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use stats::StatsError;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A sample without a value.
    #[error("a sample needs at least one value")]
    EmptySample,
    /// NaN or an infinity among the values.
    #[error("a sample's values must be finite, found {0}")]
    NotFinite(f64),
    /// A quantity that nothing can have.
    #[error("{metric} is {value}, but no quantity is negative or beyond 2^53, where counts are inexact: measure again")]
    Absurd {
        /// The metric.
        metric: String,
        /// The value.
        value: f64,
    },
    /// A metric that the table does not have.
    #[error("unknown metric `{0}`: `assay run --metrics` lists them")]
    UnknownMetric(String),
    /// A file that can't be read or written.
    #[error("can't {action} {path}: {source}")]
    Io {
        /// The action, as in `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file of records that does not start with a header.
    #[error("{path} is not a run: its first line is no header ({reason})")]
    NoHeader {
        /// The file.
        path: PathBuf,
        /// The fault of the first line.
        reason: String,
    },
    /// A header after the first line.
    #[error("a second header")]
    SecondHeader,
    /// An end line that counts other measurements than the file has.
    #[error("the end line counts {counted} measurements, the file has {found}")]
    WrongEnd {
        /// Measurements by the end line.
        counted: usize,
        /// Measurements in the file.
        found: usize,
    },
    /// A schema version that this crate does not read.
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
        /// The fault.
        reason: String,
    },
    /// A run that stops before its end line: the process was killed, or the disk was full.
    #[error(
        "{path} is truncated after {measurements} measurements: the run did not end; pass --partial to use what is there"
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The number of whole measurements.
        measurements: usize,
    },
    /// A run without a measurement.
    #[error("{0} is an empty run: nothing was measured")]
    EmptyRun(PathBuf),
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
    #[error("a round of pair {pair}, but only {pairs} pairs precede it: put the pair first")]
    NoPair {
        /// The position that the round names.
        pair: usize,
        /// The number of pairs.
        pairs: usize,
    },
    /// Rounds that can't be judged.
    #[error(transparent)]
    Statistics(#[from] StatsError),
    /// A policy that can't be used.
    #[error("policy {path}: {reason}")]
    Policy {
        /// The file.
        path: PathBuf,
        /// The fault and the remedy.
        reason: String,
    },
    /// Shards that are not the parts of one gate.
    #[error("{reason}: {remedy}")]
    Shards {
        /// The fault.
        reason: String,
        /// The remedy.
        remedy: String,
    },
    /// A run among the baselines that nobody accepted.
    #[error(
        "{0} is among the baselines, but nobody accepted it: move it away, then `assay baseline accept` it with a reason"
    )]
    NotAccepted(PathBuf),
    /// A baseline that was accepted without a reason.
    #[error("a baseline is accepted with a reason: --reason \"..\"")]
    NoReason,
    /// A run that can't be believed, accepted as a baseline.
    #[error("the run can't be believed, so it is no baseline: {what}: {why}")]
    InvalidRun {
        /// The case or control.
        what: String,
        /// The reason.
        why: String,
    },
    /// A run without an exact metric, accepted as a baseline.
    #[error(
        "there is no exact count to keep, and a time of another session can't be compared: \
        `assay compare BASE NEW` shows two runs side by side"
    )]
    NothingExact,
    /// A run of uncommitted changes, which belongs to no commit. Holds the commit below them.
    #[error(
        "the run was measured on a dirty tree (commit {0}), and a history is of commits: commit, and measure again"
    )]
    DirtyRun(String),
    /// A run of uncommitted changes. Holds the commit below them.
    #[error("the run was measured on a dirty tree (commit {0}): commit first, or pass --dirty")]
    DirtyTree(String),
}

impl Error {
    /// The result of reading something that may not exist.
    pub(crate) fn if_exists<T>(read: std::io::Result<T>, path: &std::path::Path) -> Result<Option<T>> {
        match read {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    pub(crate) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { action, path, source }
    }
}
