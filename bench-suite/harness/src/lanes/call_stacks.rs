//! Call stacks in instructions: a worker under callgrind with callers separated. Exact, without sampling or privileges.

use anyhow::{Context, Result, anyhow};
use baselines::CallStacks;
use baselines::delta::Verdict;
use baselines::gate::Judgement;
use worker::slice::ROOT;

use super::{UNIT, counts};
use crate::budget::{Budget, NO_TIME};
use crate::build::checkout::Build;
use crate::case_command::CaseCommand;
use crate::progress::Progress;
use crate::subject::{Counting, Subject, SubjectCase};
use crate::tools::callgrind::CallgrindProfile;
use crate::tools::function_costs;
use crate::tools::valgrind::{self, ExactCount};
use crate::workspace;

/// The most cases: each runs valgrind on both sides, and adds three pictures to a report.
const MOST: usize = 5;

/// The profile of one exact count of a case.
pub fn profile(command: &CaseCommand, budget: Budget) -> Result<CallgrindProfile> {
    let folder = workspace::temporary("profile-")?;
    let count = ExactCount { command: command.clone(), scratch: folder.path().to_owned(), padding: 0, budget };
    counts::callgrind(&count, folder.path(), &[function_costs::SEPARATE_CALLERS])
}

/// The profiles of both sides, measured at the same time: other processes do not change instructions.
pub fn both(base: &CaseCommand, new: &CaseCommand, budget: Budget) -> Result<(CallgrindProfile, CallgrindProfile)> {
    std::thread::scope(|scope| {
        let base = scope.spawn(|| profile(base, budget));
        let new = profile(new, budget).context("the new side");
        let base = base.join().unwrap_or_else(|_| Err(anyhow!("a profiling thread panicked")));
        Ok((base.context("the base")?, new?))
    })
}

/// The stacks of the cases whose exact counts got worse, the worst first; and notes on missing ones.
pub fn of_regressed(
    judgement: &Judgement,
    cases: &[SubjectCase],
    subject: &dyn Subject,
    builds: [&Build; 2],
    budget: Budget,
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
    let (all, mut too_late) = (worst.len().min(MOST), 0);
    let progress = Progress::start("causes", all);
    for case in worst.into_iter().take(MOST) {
        match budget.in_time(|| folded(subject, builds, case, budget)) {
            Ok(None) => too_late += 1,
            Ok(Some((base, new))) => stacks.push(CallStacks {
                case: case.key.clone(),
                unit: UNIT.to_owned(),
                folded: new,
                base_folded: Some(base),
            }),
            Err(error) => notes.push(format!("no call stacks of {}: {error:#}", case.label())),
        }
        progress.done(&case.label());
    }
    if too_late > 0 {
        notes.push(format!("no call stacks for {too_late} of {all} cases: {NO_TIME}"));
    }
    (stacks, notes)
}

/// The folded stacks of both sides.
fn folded(
    subject: &dyn Subject,
    [base, new]: [&Build; 2],
    case: &SubjectCase,
    budget: Budget,
) -> Result<(String, String)> {
    if subject.counting() == Counting::Process {
        let crates = subject.crates()?;
        let of = |build| counts::whole_process(build, case, &crates, budget).map(|counts| counts.folded);
        return Ok((of(base).context("the base")?, of(new)?));
    }
    let (base, new) = both(&subject.command(base, case), &subject.command(new, case), budget)?;
    Ok((function_costs::folded(&base, ROOT), function_costs::folded(&new, ROOT)))
}

/// The cases with a count that regressed, by relative change, the largest first.
fn worst<'a>(judgement: &Judgement, cases: &'a [SubjectCase]) -> Vec<&'a SubjectCase> {
    let mut worst: Vec<(&SubjectCase, f64)> = Vec::new();
    for delta in &judgement.comparison.deltas {
        // The stacks are of instructions, and only counts have a cause.
        if delta.verdict != Verdict::Regressed || delta.metric != UNIT || delta.cause.is_empty() {
            continue;
        }
        let Some(case) = cases.iter().find(|case| case.key == delta.case) else { continue };
        worst.push((case, delta.relative.unwrap_or(f64::INFINITY)));
    }
    worst.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.id.cmp(&b.0.id)));
    worst.into_iter().map(|(case, _)| case).collect()
}

#[cfg(test)]
mod tests {
    use baselines::cause::FunctionDelta;
    use baselines::delta::{Comparison, Delta};
    use baselines::gate;
    use workloads::cases;

    use super::*;
    use crate::subject::memory::MemorySubject;

    fn delta(case: &SubjectCase, verdict: Verdict, relative: f64, cause: Vec<FunctionDelta>) -> Delta {
        Delta { relative: Some(relative), cause, ..Delta::new(case.key.clone(), "instructions", (verdict, ""), true) }
    }

    #[test]
    fn the_worst_counts_come_first_and_nothing_else() {
        let resolved = cases::LISTED[..4].iter().map(|listed| listed.resolve(&[]).expect("listed"));
        let cases: Vec<SubjectCase> = resolved.map(|case| MemorySubject::case(&case, &[])).collect();
        let moved = vec![FunctionDelta { function: "f".into(), delta: 1, ..FunctionDelta::default() }];
        let deltas = vec![
            delta(&cases[0], Verdict::Regressed, 0.01, moved.clone()),
            delta(&cases[1], Verdict::Improved, -0.5, moved.clone()),
            delta(&cases[2], Verdict::Regressed, 0.2, moved),
            delta(&cases[3], Verdict::Regressed, 0.9, vec![]),
        ];
        let judgement = gate::judge(Comparison { differences: vec![], deltas }, &[], &[]);
        let worst: Vec<&str> = worst(&judgement, &cases).iter().map(|case| case.id.as_str()).collect();
        assert_eq!(
            worst,
            [cases[2].id.as_str(), &cases[0].id],
            "a time has no call stacks, and what improved needs none"
        );
    }
}
