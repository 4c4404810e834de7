//! Call stacks in instructions: a worker under callgrind with callers separated. Exact, without sampling or privileges.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use baselines::CallStacks;
use baselines::compare::Verdict;
use baselines::gate::Judgement;
use worker::slice::ROOT;
use workloads::cases::Case;
use workloads::input::Source;

use super::{UNIT, counts};
use crate::progress::Progress;
use crate::recorded::Recorded;
use crate::tools::attribution;
use crate::tools::callgrind::CallgrindProfile;
use crate::tools::valgrind::{self, CountedWorker};
use crate::workspace;

/// The most cases: each runs valgrind on both sides, and adds three pictures to a report.
const MOST: usize = 5;

/// A worker with overridden toggles.
#[derive(Debug, Clone)]
pub struct ProfiledWorker {
    /// The file.
    pub program: PathBuf,
    /// The toggles, as `toggle=strategy`.
    pub set: Vec<String>,
}

impl ProfiledWorker {
    /// The profile of one exact count of a case.
    pub fn profile(&self, case: &str, source: &Source) -> Result<CallgrindProfile> {
        let folder = workspace::temporary("profile-")?;
        let (program, set) = (self.program.clone(), self.set.clone());
        let scratch = folder.path().to_owned();
        let worker = CountedWorker { program, case: case.to_owned(), set, source: source.clone(), scratch, padding: 0 };
        counts::callgrind(&worker, folder.path(), &[])
    }
}

/// The profiles of both sides, measured at the same time: other processes do not change instructions.
pub fn both(
    case: &str,
    base: &ProfiledWorker,
    new: &ProfiledWorker,
    source: &Source,
) -> Result<(CallgrindProfile, CallgrindProfile)> {
    std::thread::scope(|scope| {
        let base = scope.spawn(|| base.profile(case, source));
        let new = new.profile(case, source).context("the new side");
        let base = base.join().unwrap_or_else(|_| Err(anyhow!("a profiling thread panicked")));
        Ok((base.context("the base")?, new?))
    })
}

/// The stacks of the cases whose exact counts got worse, the worst first; and notes on missing ones.
pub fn of_regressed(
    judgement: &Judgement,
    cases: &[Case],
    workers: [&Path; 2],
    set: &[String],
    source: &Source,
) -> (Vec<CallStacks>, Vec<String>) {
    let worst = worst(judgement, cases);
    if worst.is_empty() || valgrind::missing().is_some() {
        return (vec![], vec![]);
    }
    let (mut stacks, mut notes) = (Vec::new(), Vec::new());
    if worst.len() > MOST {
        notes.push(format!(
            "flamegraphs show the {MOST} worst of {} cases: `assay profile CASE --against REV` draws any other",
            worst.len()
        ));
    }
    let [base, new] = workers.map(|worker| ProfiledWorker { program: worker.to_owned(), set: set.to_vec() });
    let progress = Progress::start("causes", worst.len().min(MOST));
    for case in worst.into_iter().take(MOST) {
        match both(case.id, &base, &new, source) {
            Ok((base, new)) => stacks.push(CallStacks {
                case: case.key(),
                unit: UNIT.to_owned(),
                folded: attribution::folded(&new, ROOT),
                base_folded: Some(attribution::folded(&base, ROOT)),
            }),
            Err(error) => notes.push(format!("no call stacks of {}: {error:#}", case.label())),
        }
        progress.done(&case.label());
    }
    (stacks, notes)
}

/// The cases with a count that regressed, by relative change, the largest first.
fn worst<'a>(judgement: &Judgement, cases: &'a [Case]) -> Vec<&'a Case> {
    let mut worst: Vec<(&Case, f64)> = Vec::new();
    for delta in &judgement.comparison.deltas {
        // Only counts have a cause.
        if delta.verdict != Verdict::Regressed || delta.cause.is_empty() {
            continue;
        }
        let Some(case) = cases.iter().find(|case| case.key() == delta.case) else { continue };
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
    use workloads::cases;

    use super::*;

    fn delta(case: &Case, verdict: Verdict, relative: f64, cause: Vec<FunctionDelta>) -> Delta {
        Delta {
            case: case.key(),
            metric: "instructions".to_owned(),
            base: Some(1.0),
            new: Some(1.0 + relative),
            relative: Some(relative),
            interval: None,
            bound: None,
            verdict,
            blocks: true,
            why: String::new(),
            cause,
            doing: None,
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
