//! Finds the cases whose counts depend on more than the program: on threads, clocks or addresses.
//!
//! Some hashers take their seeds from the addresses of functions and data. Such a case counts the same in each run of
//! one program, and otherwise in any other program. So it is counted once more with the functions in another order: the
//! same code, at other addresses.
//!
//! Their times are judged instead. Where none are taken, such a case is judged by its counts as far as no chance
//! explains: [`judge`].

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, ensure};
use baselines::policy::Policy;
use baselines::{CaseKey, Measurement, Run, RunWriter};

use super::counts::{CountPlan, Place};
use crate::budget::NO_TIME;
use crate::build::checkout::Build;
use crate::cores;
use crate::progress::Progress;
use crate::session::runs;
use crate::subject::SubjectCase;
use crate::workspace;

/// The seed of the other order.
const SEED: u64 = 1;

/// The seeds of the orders in which unsteady cases are counted for [`judge`].
const MORE_SEEDS: std::ops::Range<u64> = 2..7;

/// Why their counts are not judged.
const WHY: &str = "they differ from run to run of one program";

/// What counting again has shown.
#[derive(Debug, Default, PartialEq)]
pub struct CountedAgain {
    /// The unsteady cases.
    pub cases: Vec<SubjectCase>,
    /// The cases for which there was no time.
    pub too_late: BTreeSet<CaseKey>,
}

/// The cases that differ between two sides, and whose instructions also differ between two counts of one side.
/// `counted` are the first counts of the base and of the new side; only cases that differ there are counted again. The
/// new side's plan comes first. The base has none if it is a stored baseline, and of its cases only those that got
/// worse are counted again: a change for the better turns no gate red.
pub fn find(plans: &[(CountPlan<'_>, &Run)], counted: [&Run; 2]) -> Result<CountedAgain> {
    let both = |case: &SubjectCase| first(counted[0], case).zip(first(counted[1], case));
    let differs = |case: &&SubjectCase| both(case).is_some_and(|(base, new)| base != new);
    let is_worse = |case: &SubjectCase| both(case).is_some_and(|(base, new)| base < new);
    let cases = plans.first().map_or(&[][..], |(plan, _)| plan.cases);
    let differing: Vec<SubjectCase> = cases.iter().filter(differs).cloned().collect();
    let mut found = CountedAgain::default();
    if differing.is_empty() {
        return Ok(found);
    }
    let folder = workspace::temporary("unsteady-")?;
    let worse = differing.iter().filter(|case| is_worse(case)).count();
    let progress = Progress::start("counts again", differing.len() + (plans.len() - 1) * worse);
    let mut steady = differing;
    for (side, (plan, counted)) in plans.iter().enumerate() {
        steady.retain(|case| side == 0 || is_worse(case));
        if steady.is_empty() {
            break;
        }
        let (build, place) = elsewhere(plan, SEED, &folder.path().join(side.to_string()))?;
        // The second repetition has another path and another environment.
        let moved = CountPlan { build: &build, ..*plan };
        let count =
            |_, number: usize, case: &SubjectCase| plan.budget.in_time(|| moved.instructions(&place, case, number, 1));
        // None if there was no time for it.
        let mut differs = vec![None; steady.len()];
        let done = |number: usize, again: Result<Option<u64>>| {
            let case = &steady[number];
            progress.done(&case.label());
            differs[number] = again.transpose().map(|again| again.ok() != first(counted, case));
            Ok(())
        };
        cores::for_each(&steady, count, done)?;
        for (case, differs) in std::mem::take(&mut steady).into_iter().zip(differs) {
            match differs {
                Some(true) => found.cases.push(case),
                Some(false) => steady.push(case),
                None => drop(found.too_late.insert(case.key)),
            }
        }
    }
    Ok(found)
}

/// Writes why the counts of unsteady `cases` are not judged, if their times are. Where none are taken, a case makes the
/// run invalid if it got worse all the same: each of six counts, with the functions in another order each time, is
/// above the base's by more than the policy's limit, and by more than twice what they differ among themselves. Of one
/// normal distribution, seven counts do that in 1 of 1,000 draws. The `remedy` is for such a case. Without time for all
/// of these counts, none of them is judged, and the run is invalid.
pub fn judge(
    plan: CountPlan<'_>,
    cases: &[SubjectCase],
    base: &Run,
    policy: &Policy,
    remedy: Option<&str>,
    writer: &mut RunWriter,
) -> Result<()> {
    let Some(remedy) = remedy else {
        let why = format!("{WHY}: only its times are judged");
        return cases.iter().try_for_each(|case| Ok(writer.skipped(format!("counts of {}", case.label()), &*why)?));
    };
    if cases.is_empty() {
        return Ok(());
    }
    let Some(worse) = plan.budget.in_time(|| worse(plan, cases, [base, writer.so_far()], policy))? else {
        let what = format!("counts of cases that differ from run to run ({})", cases.len());
        return Ok(writer.invalid(what, NO_TIME)?);
    };
    for (case, worse) in cases.iter().zip(worse) {
        let label = case.label();
        match worse {
            Some(worse) => {
                writer.invalid(label, format!("its counts differ from run to run, and {worse}; {remedy}"))?
            }
            None => writer.skipped(format!("counts of {label}"), format!("{WHY}, so nothing judges it: {remedy}"))?,
        }
    }
    Ok(())
}

/// In which words each case got worse all the same, or none.
fn worse(
    plan: CountPlan<'_>,
    cases: &[SubjectCase],
    [base, counted]: [&Run; 2],
    policy: &Policy,
) -> Result<Vec<Option<String>>> {
    let folder = workspace::temporary("unsteady-")?;
    let progress = Progress::start("counts again", cases.len() * MORE_SEEDS.count());
    let mut counts: Vec<Vec<u64>> = cases.iter().map(|case| first(counted, case).into_iter().collect()).collect();
    for seed in MORE_SEEDS {
        let (build, place) = elsewhere(&plan, seed, &folder.path().join(seed.to_string()))?;
        let moved = CountPlan { build: &build, ..plan };
        let count = |_, number: usize, case: &SubjectCase| moved.instructions(&place, case, number, 1);
        cores::for_each(cases, count, |number: usize, again: Result<u64>| {
            progress.done(&cases[number].label());
            ensure!(!plan.budget.is_over(), NO_TIME);
            counts[number].extend(again);
            Ok(())
        })?;
    }
    let in_words = |(case, counts): (&SubjectCase, &Vec<u64>)| {
        let (least, most) = (*counts.iter().min()?, *counts.iter().max()?);
        let limit = policy.limit(&case.key, "instructions", runs::today()).filter(|limit| limit.blocks())?;
        let before = first(base, case)?;
        let allowed = limit.allowed(before as f64 / case.operations as f64) * case.operations as f64;
        let beyond = allowed.max(2.0 * (most - least) as f64);
        (least as f64 > before as f64 + beyond).then(|| {
            let (number, operations) = (counts.len(), case.operations);
            format!(
                "all {number} of them are worse: {least} to {most} instructions of {operations} operations, where the \
                 base has {before}"
            )
        })
    };
    Ok(cases.iter().zip(&counts).map(in_words).collect())
}

/// The instructions of a case in a run, of all its operations.
fn first(run: &Run, case: &SubjectCase) -> Option<u64> {
    let of_case = |measurement: &&Measurement| measurement.case == case.key && measurement.metric == "instructions";
    let counts = run.measurements.iter().find(of_case)?;
    Some((counts.sample.median() * case.operations as f64).round() as u64)
}

/// The build of a plan whose programs have their functions in another order, as far as they can be linked again, and
/// the place of its counts.
fn elsewhere(plan: &CountPlan<'_>, seed: u64, folder: &Path) -> Result<(Build, Place)> {
    let mut moved = plan.build.clone();
    for (number, program) in moved.programs.iter_mut().enumerate() {
        let Ok(relink) = &program.layouts else { continue };
        let to = folder.join(number.to_string());
        std::fs::create_dir_all(&to)?;
        let to = to.join("program");
        relink.link_with_symbols(seed, &to)?;
        program.path = to;
    }
    let place = Place::new(moved.programs.iter().map(|program| program.path.as_path()), 2, vec![])?;
    Ok((moved, place.within(plan.budget)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use baselines::{Environment, RunHeader, Sample};
    use workloads::cases;
    use workloads::input::Source;

    use super::*;
    use crate::budget::Budget;
    use crate::subject::memory::MemorySubject;

    #[test]
    fn what_there_is_no_time_to_count_again_is_neither_steady_nor_unsteady() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program");
        std::fs::write(&program, "a program").expect("written");
        let subject = MemorySubject { source: Source::default() };
        let build = subject.in_place(program).expect("lies in a folder");
        let cases = [MemorySubject::case(&cases::find("embedding_embed", &[]).expect("listed"), &[])];
        let counted = |instructions: f64| {
            let sample = Sample::new(vec![instructions]).expect("finite");
            let of = Measurement::new(cases[0].key.clone(), "instructions", sample, cases[0].durability);
            let header = RunHeader::new("assay gate", "quick", Environment::detect(1, "generated"));
            Run { measurements: vec![of.over(cases[0].operations)], ..Run::new(header) }
        };
        let (base, new, budget) = (counted(100.0), counted(110.0), Budget::start(Some(Duration::ZERO)));
        let plan = CountPlan { subject: &subject, build: &build, cases: &cases, repeat: 1, budget };
        let found = find(&[(plan, &new), (plan, &base)], [&base, &new]).expect("asked");
        assert_eq!(found, CountedAgain { cases: vec![], too_late: BTreeSet::from([cases[0].key.clone()]) });
    }
}
