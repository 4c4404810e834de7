//! Judges a comparison: with the base, as far as a selection asks for it, or with the stored baseline.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;
use baselines::baseline::{self, BaselineLookup};
use baselines::gate::{self, Judgement};
use baselines::{CaseKey, InvalidEntry, Run, compare};
use workloads::cases::{self, Tag};

use super::plan::{FinishedRun, RunProfile, Selection};
use super::rulebook::Rulebook;
use super::runs;
use crate::recorded::{Recorded, selects};
use crate::workspace;

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
    gate::judge(compare::compare(base, new, policy, today), &invalid, &complaints).annotate(new, policy, scope, today)
}

/// A run without its `unsteady` cases: their counts differ from run to run.
pub fn steady(run: &Run, unsteady: &[CaseKey]) -> Run {
    let mut run = run.clone();
    run.measurements.retain(|measurement| !unsteady.contains(&measurement.case));
    run
}

/// Removes cases from the base that the new run did not select: those that a filter or overridden toggles rule out, and
/// those that a brief run leaves out, are not missing. Returns how many are left, if anything rules cases out.
pub fn narrow(base: &mut Run, new: &Run, selection: &Selection) -> Result<Option<String>> {
    let (filter, set) = (selection.filter.as_deref(), &selection.set);
    let brief = new.header.profile == RunProfile::Quick.name();
    let mut not_quick = Vec::new();
    // What is named is measured in brief runs as well.
    if brief && filter.is_none() {
        for listed in cases::LISTED.iter().filter(|listed| !listed.has(Tag::Quick)) {
            not_quick.push(listed.resolve(&[])?.key());
        }
    }
    let all = number_of_cases(base);
    base.measurements.retain(|before| {
        let measured = || new.measurements.iter().any(|measurement| measurement.case == before.case);
        let selected = set.is_empty() && selects(filter, "", &before.case) && !not_quick.contains(&before.case);
        selected || measured()
    });
    Ok(scope(number_of_cases(base), all, selection, brief))
}

/// The number of cases that a run measured.
pub fn number_of_cases(run: &Run) -> usize {
    run.measurements.iter().map(|measurement| &measurement.case).collect::<BTreeSet<&CaseKey>>().len()
}

/// The judgement of a run by its environment's stored baseline, with the baseline's file; `None` if no baseline fits.
pub fn by_baseline(new: &Run, selection: &Selection) -> Result<Option<(PathBuf, Judgement)>> {
    let BaselineLookup::Found(path, mut base) =
        baseline::find(&workspace::stored_baselines(), &new.header.environment)?
    else {
        return Ok(None);
    };
    let rulebook = Rulebook::of_this_tree(None)?;
    let scope = narrow(&mut base, new, selection)?;
    Ok(Some((path, judge(&base, new, &rulebook, scope.as_deref()))))
}
