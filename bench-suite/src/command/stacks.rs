//! The call stacks of both sides, for cases whose counts got worse: what the flamegraphs of a report show beside the functions that are named.

use std::path::Path;

use anyhow::Result;
use baselines::CallStacks;
use baselines::compare::Verdict;
use baselines::gate::Judgement;

use super::lanes;
use crate::cases::Case;
use crate::input::Source;
use crate::progress::Progress;
use crate::runner::profile::{self, ROOT};
use crate::runner::{owners, valgrind};

/// Cases at the most: each takes a process of valgrind on both sides, and each makes a report longer by three pictures.
const MOST: usize = 5;

/// The sides of a comparison, as workers.
#[derive(Debug, Clone, Copy)]
pub struct Workers<'a> {
    /// The base's file.
    pub base: &'a Path,
    /// The new side's file.
    pub new: &'a Path,
    /// Toggles that are set otherwise than in the list of cases, on both.
    pub set: &'a [String],
    /// What both work on.
    pub source: &'a Source,
}

/// The stacks of the cases that got worse in an exact count, those that got worst first; and sentences on what is not there.
pub fn of_regressed(judgement: &Judgement, cases: &[Case], workers: Workers<'_>) -> (Vec<CallStacks>, Vec<String>) {
    let worst = worst(judgement, cases);
    if worst.is_empty() || valgrind::missing().is_some() {
        return (vec![], vec![]);
    }
    let (mut stacks, mut notes) = (Vec::new(), Vec::new());
    if worst.len() > MOST {
        notes.push(format!(
            "flamegraphs of the {MOST} cases that got worst, of {}: `assay profile CASE --against REV` draws those of any",
            worst.len()
        ));
    }
    let progress = Progress::start("causes", worst.len().min(MOST));
    for case in worst.into_iter().take(MOST) {
        match both(case, workers) {
            Ok(both) => stacks.push(both),
            Err(error) => notes.push(format!("no call stacks of {}: {error:#}", case.label())),
        }
        progress.done(&case.label());
    }
    (stacks, notes)
}

fn both(case: &Case, workers: Workers<'_>) -> Result<CallStacks> {
    let Workers { base, new, set, source } = workers;
    let (base, new) = profile::both(lanes::subject(case, base, set, source), lanes::subject(case, new, set, source))?;
    Ok(CallStacks {
        case: case.record(),
        unit: "instructions".to_owned(),
        folded: owners::folded(&new, ROOT),
        base_folded: Some(owners::folded(&base, ROOT)),
    })
}

/// The cases with a count that regressed, the largest relative change first.
fn worst<'a>(judgement: &Judgement, cases: &'a [Case]) -> Vec<&'a Case> {
    let mut worst: Vec<(&Case, f64)> = Vec::new();
    for delta in &judgement.comparison.deltas {
        // What has a cause was counted, and moved.
        if delta.verdict != Verdict::Regressed || delta.cause.is_empty() {
            continue;
        }
        let Some(case) = cases.iter().find(|case| case.record() == delta.case) else { continue };
        worst.push((case, delta.relative.unwrap_or(f64::INFINITY)));
    }
    worst.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.id.cmp(b.0.id)));
    worst.into_iter().map(|(case, _)| case).collect()
}

#[cfg(test)]
mod tests {
    use baselines::cause::FunctionDelta;
    use baselines::compare::{Comparison, Delta};
    use baselines::gate;

    use super::*;
    use crate::cases;

    fn delta(case: &Case, verdict: Verdict, relative: f64, cause: Vec<FunctionDelta>) -> Delta {
        Delta {
            case: case.record(),
            metric: "instructions".to_owned(),
            base: Some(1.0),
            new: Some(1.0 + relative),
            relative: Some(relative),
            interval: None,
            verdict,
            blocks: true,
            why: String::new(),
            cause,
        }
    }

    #[test]
    fn the_worst_counts_come_first_and_nothing_else() {
        let cases: Vec<Case> = cases::LISTED[..4].iter().map(|listed| listed.resolve(&[]).expect("listed")).collect();
        let moved = vec![FunctionDelta { function: "f".into(), delta: 1, ..FunctionDelta::default() }];
        let deltas = vec![
            delta(&cases[0], Verdict::Regressed, 0.01, moved.clone()),
            delta(&cases[1], Verdict::Improved, -0.5, moved.clone()),
            delta(&cases[2], Verdict::Regressed, 0.2, moved),
            delta(&cases[3], Verdict::Regressed, 0.9, vec![]),
        ];
        let judgement = gate::judge(Comparison { differences: vec![], deltas }, &[], &[]);
        let worst: Vec<&str> = worst(&judgement, &cases).iter().map(|case| case.id).collect();
        assert_eq!(worst, [cases[2].id, cases[0].id], "a time has no call stacks, and what improved needs none");
    }
}
