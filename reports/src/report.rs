//! The model of a report. Every format is made from it.

use std::path::Path;

use baselines::gate::Judgement;
use baselines::history::changes::ChangedSeries;
use baselines::{CallStacks, CaseKey, Run};

/// A report: a run with everything that is said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The run.
    pub run: Run,
    /// The gate's judgement; none if nothing was compared.
    pub judgement: Option<Judgement>,
    /// The base of the comparison, as in `baseline baselines/stored/x.jsonl` or `revision 4bf5022`.
    pub against: Option<String>,
    /// Call stacks of some cases.
    pub profiles: Vec<CallStacks>,
    /// Notes for the reader, a sentence each.
    pub notes: Vec<String>,
    /// The naive strategy of each toggle. Without it, the first variant of a benchmark stands for the naive one.
    pub naive: Vec<(String, String)>,
    /// The phases of optimisation that the run has, in their order: the name of each, and its case of a benchmark.
    pub phases: Vec<(String, CaseKey)>,
    /// The files that the report is made of, for the page to keep.
    pub raw: Vec<RawFile>,
    /// Series of the stored history in the run's environment, with their changes.
    pub trends: Vec<ChangedSeries>,
    /// Every delta gets a row with both sides, in place of the run's own tables.
    pub shows_all_deltas: bool,
}

impl Report {
    /// A report of a run alone: not judged, not profiled.
    pub fn new(run: Run) -> Report {
        Report {
            run,
            judgement: None,
            against: None,
            profiles: vec![],
            notes: vec![],
            naive: vec![],
            phases: vec![],
            raw: vec![],
            trends: vec![],
            shows_all_deltas: false,
        }
    }
}

/// A file of a report's raw data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFile {
    /// Its name, without a folder.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl RawFile {
    /// The content of the file at a path, which need not exist.
    pub fn new(path: &Path, bytes: Vec<u8>) -> RawFile {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        RawFile { name, bytes }
    }
}
