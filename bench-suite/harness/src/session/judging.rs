//! Judges a comparison.

use baselines::gate::{self, Judgement};
use baselines::{InvalidEntry, Run, compare};

use super::plan::{FinishedRun, Selection};
use super::rulebook::Rulebook;
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

/// How much of the base was judged, if a selection is not everything, or a `brief` run left some of its cases out.
pub fn scope(judged: usize, all: usize, selection: &Selection, brief: bool) -> Option<String> {
    let filter = selection.filter.iter().map(|filter| format!("filter `{filter}`"));
    let mut why: Vec<String> = filter.chain(selection.set.iter().map(|pair| format!("--set {pair}"))).collect();
    why.extend((brief && judged < all).then(|| "a quick run".to_owned()));
    (!why.is_empty()).then(|| format!("{judged} of {all} cases: {}", why.join(", ")))
}

/// Compares two runs, and judges them by today's exceptions. What can't be believed of either makes it invalid.
pub fn judge(base: &Run, new: &Run, rulebook: &Rulebook, scope: Option<&str>) -> Judgement {
    let cases = base.measurements.iter().chain(&new.measurements).map(|measurement| &measurement.case);
    let complaints = rulebook.complaints(Some(cases));
    let of_base =
        base.invalid.iter().map(|entry| InvalidEntry { what: format!("the base: {}", entry.what), ..entry.clone() });
    let invalid: Vec<InvalidEntry> = new.invalid.iter().cloned().chain(of_base).collect();
    let (policy, today) = (&rulebook.policy, runs::today());
    gate::judge(compare::compare(base, new, policy, today), &invalid, &complaints).annotate(policy, scope, today)
}
