//! The exact counts of two sides, compared.
//!
//! The base is counted first, in half of the time that there is: what was counted of it is kept for the next gate, and
//! a case that only one side has time for is judged on neither.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;
use baselines::delta::{Delta, Verdict};
use baselines::policy::{Limit, Policy};
use baselines::{CaseKey, Environment, InvalidEntry, Lane, Measurement, Run, RunWriter, compare};

use super::kept_counts::kept_or_counted;
use super::plan::{self, Selection};
use super::rulebook::Rulebook;
use super::{choose_timed, nothing_to_measure, runs};
use crate::budget::{Budget, NO_TIME};
use crate::build::checkout::Build;
use crate::hash::hash;
use crate::lanes::counts::{self, CountPlan};
use crate::lanes::unsteady;
use crate::subject::{Counting, Subject, SubjectCase};

/// What counts two sides.
pub struct CountedSides<'a> {
    /// What they belong to.
    pub subject: &'a dyn Subject,
    /// The base and the new side.
    pub sides: [&'a Build; 2],
    /// The arguments.
    pub selection: &'a Selection,
    /// What judges.
    pub rulebook: &'a Rulebook,
    /// The time that is left.
    pub budget: Budget,
}

/// The counts of both sides, compared.
#[derive(Default)]
pub struct ComparedCounts {
    /// The deltas.
    pub deltas: Vec<Delta>,
    /// The cases that execute the same machine code on both sides.
    same_code: BTreeSet<CaseKey>,
    /// What is invalid in the base's.
    pub invalid: Vec<InvalidEntry>,
}

impl ComparedCounts {
    /// Leaves out the cases that execute the same code: their times are equal.
    pub fn leave_out_same_code(&mut self, timed: &mut Vec<SubjectCase>, policy: &Policy) {
        let all = timed.len();
        for case in timed.extract_if(.., |case| self.same_code.contains(&case.key)) {
            let limit = policy.limit(&case.key, case.metric, runs::today());
            self.deltas.push(Delta::of_same_code(&case.key, case.metric, limit.is_some_and(Limit::blocks)));
        }
        if timed.len() < all {
            eprintln!("times: {} of {all} cases execute the same machine code, and are not timed", all - timed.len());
        }
    }

    /// True if a count blocks.
    pub fn block(&self) -> bool {
        self.deltas.iter().any(|delta| delta.blocks && delta.verdict == Verdict::Regressed)
    }
}

impl CountedSides<'_> {
    /// Counts the new side's cases into a run, and compares them with the base's counts, from the cache or new.
    pub fn compare(&self, cases: &[SubjectCase], writer: &mut RunWriter) -> Result<ComparedCounts> {
        let CountedSides { subject, sides: [base, new], selection, rulebook, budget } = *self;
        let mut cases = counts::countable(subject, cases, writer)?;
        if cases.is_empty() {
            return Ok(ComparedCounts::default());
        }
        let (all, repeat) = (cases.len(), selection.repeat);
        let (of_base, mut too_late) = self.of_base(&cases, writer.so_far())?;
        cases.retain(|case| !too_late.contains(&case.key));
        let cases = &cases[..];
        let plan = |build| CountPlan { subject, build, cases, repeat, budget };
        let profiles = counts::measure(plan(new), writer, |_| false)?;
        too_late.extend(profiles.too_late);
        let mut judged: Vec<&CaseKey> = cases.iter().map(|case| &case.key).collect();
        if !subject.is_exact() {
            let counted = [&of_base, writer.so_far()];
            let again = |build| CountPlan { budget: budget.extended(), ..plan(build) };
            let found = unsteady::find(&[(again(new), counted[1]), (again(base), counted[0])], counted)?;
            too_late.extend(found.too_late);
            let found = found.cases;
            judged.retain(|key| !found.iter().any(|case| case.key == **key));
            let no_times = !selection.compares(Lane::Time);
            let no_times = no_times.then_some("a gate with `--lane time` judges its times");
            unsteady::judge(again(new), &found, &of_base, &rulebook.policy, no_times, writer)?;
        }
        judged.retain(|key| !too_late.contains(*key));
        if !too_late.is_empty() {
            let what = format!("counts of {} of {all} cases", too_late.len());
            eprintln!("invalid: {what}: {NO_TIME}");
            writer.invalid(what, NO_TIME)?;
        }
        let counts = |run: &Run| {
            let is_count = |measurement: &&Measurement| {
                measurement.metric().is_ok_and(|metric| metric.lane == Lane::Counts)
                    && judged.contains(&&measurement.case)
            };
            Run { measurements: run.measurements.iter().filter(is_count).cloned().collect(), ..run.clone() }
        };
        let (base_counts, new_counts) = (counts(&of_base), counts(writer.so_far()));
        let mut deltas = compare::compare(&base_counts, &new_counts, &rulebook.policy, runs::today()).deltas;
        let failed = |key: &CaseKey| {
            let what = format!("counts of {}", cases.iter().find(|case| case.key == *key)?.label());
            of_base.skipped.iter().find(|skipped| skipped.what == what).map(|skipped| &skipped.why)
        };
        for added in deltas.iter_mut().filter(|delta| delta.verdict == Verdict::Added) {
            added.why = match failed(&added.case) {
                Some(why) => format!("the base could not be counted: {why}"),
                None => "the base does not count it: it is judged once the base does".to_owned(),
            };
        }
        let measured = [&base_counts.measurements[..], &new_counts.measurements];
        let same_code = choose_timed::same_code(cases, [base, new], measured, &profiles.executed, &deltas);
        let same_code = same_code.unwrap_or_else(|error| {
            eprintln!("times: every case is timed, as the machine code can't be compared: {error:#}");
            BTreeSet::new()
        });
        Ok(ComparedCounts { deltas, same_code, invalid: of_base.invalid })
    }

    /// The base's counts, kept or new, and the cases for which there was no time; `run` is the new side's.
    fn of_base(&self, cases: &[SubjectCase], run: &Run) -> Result<(Run, BTreeSet<CaseKey>)> {
        let CountedSides { subject, sides: [base, _], selection, budget, .. } = *self;
        let environment = nothing_to_measure::environment(run.header.environment.clone(), base);
        let path = self.file_of_base(cases, &environment)?;
        let (mut too_late, budget) = (BTreeSet::new(), budget.part(2));
        let count = |missing: &[SubjectCase], writer: &mut RunWriter| -> Result<()> {
            let plan = CountPlan { subject, build: base, cases: missing, repeat: selection.repeat, budget };
            too_late = counts::measure(plan, writer, |_| false)?.too_late;
            Ok(())
        };
        let counted = kept_or_counted(&path, plan::header("quick", environment), cases, count)?;
        Ok((counted, too_late))
    }

    /// The file of the base's counts. Its name has all that decides them.
    fn file_of_base(&self, cases: &[SubjectCase], environment: &Environment) -> Result<PathBuf> {
        let CountedSides { subject, sides: [base, _], selection: Selection { repeat, .. }, .. } = *self;
        // Two programs may have a benchmark of one name, a later assay counts more, and functions are charged by crate.
        let programs: Vec<&str> = base.programs.iter().map(|program| program.name.as_str()).collect();
        // Project files may differ in the variables of the benches; the number of operations is checked for each case.
        let once = |case: &SubjectCase| SubjectCase { operations: 1, ..case.clone() };
        let variables: BTreeSet<_> = cases.iter().map(|case| subject.command(base, &once(case)).variables).collect();
        let (crates, metrics) = (subject.crates()?, counts::METRICS.join(","));
        let mut what = format!("{programs:?}|{repeat}|{crates:?}|{metrics}|{variables:?}");
        if subject.counting() == Counting::Process {
            // A command sees them all.
            what.push_str(&format!("{:?}", std::env::vars_os().collect::<Vec<_>>()));
        }
        let name = format!("counts-{}-{}.jsonl", environment.key(), hash(what));
        Ok(base.folder.join(name))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use baselines::Sample;
    use workloads::cases;
    use workloads::input::Source;

    use super::*;
    use crate::subject::memory::MemorySubject;
    use crate::tools::valgrind;

    #[test]
    fn what_only_one_side_had_time_for_is_judged_on_neither() {
        if let Some(why) = valgrind::missing() {
            println!("skipped: {why}");
            return;
        }
        let [folder, runs] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let program = folder.path().join("program");
        std::fs::write(&program, "a program").expect("written");
        let subject = MemorySubject { source: Source::default() };
        let build = subject.in_place(program).expect("lies in a folder");
        let rulebook = Rulebook::of_this_tree(None).expect("a policy");
        let resolved = cases::LISTED[..2].iter().map(|listed| listed.resolve(&[]).expect("listed"));
        let cases: Vec<SubjectCase> = resolved.map(|case| MemorySubject::case(&case, &[])).collect();
        let sides = CountedSides {
            subject: &subject,
            sides: [&build, &build],
            selection: &Selection::default(),
            rulebook: &rulebook,
            budget: Budget::start(Some(Duration::ZERO)),
        };
        let writer = |path: &Path| {
            let header = plan::header("quick", Environment::detect(1, "generated"));
            RunWriter::create(path, header).expect("a run")
        };
        let compare = |name: &str| {
            let mut writer = writer(&runs.path().join(name));
            let deltas = sides.compare(&cases, &mut writer).expect("compared").deltas;
            let invalid = writer.so_far().invalid.iter().map(|entry| format!("{}: {}", entry.what, entry.why));
            (deltas, invalid.collect::<Vec<_>>())
        };
        let too_late = (vec![], vec![format!("counts of 2 of 2 cases: {NO_TIME}")]);
        assert_eq!(compare("neither"), too_late);
        let environment = nothing_to_measure::environment(Environment::detect(1, "generated"), &build);
        let kept = sides.file_of_base(&cases, &environment).expect("named");
        assert!(!kept.exists(), "there was nothing to keep");
        let mut writer = writer(&kept);
        let [case, _] = &cases[..] else { panic!("two cases") };
        let sample = Sample::new(vec![1.0]).expect("finite");
        let counted = Measurement::new(case.key.clone(), "instructions", sample, case.durability);
        writer.measurement(counted.over(case.operations)).expect("written");
        writer.finish().expect("kept");
        assert_eq!(compare("the base's"), too_late, "and it is not missing");
    }
}
