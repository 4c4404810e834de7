//! The model of a report: what every format says comes from here.

use baselines::gate::Judgement;
use baselines::{Case, Run};

/// All that a report says.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was measured.
    pub run: Run,
    /// What the gate made of it; nothing where nothing was compared.
    pub judgement: Option<Judgement>,
    /// What it was compared with, as in `baseline baselines/stored/x.jsonl` or `revision 4bf5022`.
    pub against: Option<String>,
    /// Where the cost of some cases lies, by call stack.
    pub profiles: Vec<Profile>,
    /// What else the reader must know, one sentence each.
    pub notes: Vec<String>,
}

/// The call stacks of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What was profiled.
    pub case: Case,
    /// Folded stacks: `main;outer;inner 42`, one a line, the cost last.
    pub folded: String,
    /// What the costs count, as in `instructions`.
    pub unit: String,
    /// The folded stacks of what it was compared with.
    pub base_folded: Option<String>,
}

impl Report {
    /// A report of a run alone: not judged, not profiled.
    pub fn new(run: Run) -> Report {
        Report { run, judgement: None, against: None, profiles: vec![], notes: vec![] }
    }
}
