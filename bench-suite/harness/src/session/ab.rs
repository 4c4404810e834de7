//! Measures two sides in one session and judges them: two revisions of a subject, or two variants.
//!
//! Counts are exact, so each side is counted by itself; the base's counts are cached beside its program. Times come
//! from rounds in which both sides alternate. The call stacks of counts that got worse are stored for both sides.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use baselines::delta::{Comparison, Delta};
use baselines::gate::{self, Judgement};
use baselines::paired::{self, PairVerdicts};
use baselines::policy::Policy;
use baselines::shard::LAYOUTS;
use baselines::{CaseKey, Environment, Lane, RunHeader, RunWriter};
use stats::Procedure;
use workloads::cases::{self, Case};

use super::attribution::BothSides;
use super::counted_sides::{ComparedCounts, CountedSides};
use super::judging::Judged;
use super::plan::{self, FinishedRun, Selection};
use super::rulebook::Rulebook;
use super::shard::{self, Sharded};
use super::staged_sides::StagedSides;
use super::two_sides::TwoSides;
use super::{choose_timed, nothing_to_measure, round_measurements, run, runs};
use crate::budget::Budget;
use crate::build::checkout::Build;
use crate::lanes::call_stacks;
use crate::recorded::{Recorded, selects};
use crate::schedule::deadlines::Deadlines;
use crate::schedule::jobs::{self, Job};
use crate::schedule::scheduler::{self, Settings, Sizes};
use crate::subject::memory::MemorySubject;
use crate::subject::{Subject, SubjectCase};

/// One case on both sides.
#[derive(Clone, Copy)]
pub struct CasePair {
    /// The base's case.
    pub base: Case,
    /// The new side's case.
    pub new: Case,
}

/// The settings of a comparison.
pub struct AbSession<'a> {
    /// The selected cases and lanes.
    pub selection: &'a Selection,
    /// What judges.
    pub rulebook: &'a Rulebook,
    /// The longest duration, from the end of the builds.
    pub budget: Option<Duration>,
}

impl AbSession<'_> {
    /// Compares a base revision of a subject with another one, or with its working tree. `own_policy` says that the
    /// policy is the subject's: a rule that matches none of its cases is then an error.
    pub fn revisions(&self, subject: &dyn Subject, base: &str, new: Option<&str>, own_policy: bool) -> Result<Judged> {
        let new_revision = new.map(str::to_owned);
        if new.is_none() {
            subject.self_contained()?;
        }
        let base = subject.revision(base)?;
        let new = match new {
            Some(revision) => subject.revision(revision)?,
            None => subject.working_tree()?,
        };
        let (AbSession { selection, rulebook, .. }, budget) = (self, Budget::start(self.budget));
        let sides = &TwoSides::list(subject, base, new, selection)?;
        let TwoSides { base, new, .. } = sides;
        let environment = plan::environment_of(subject, new, &sides.listed(), selection)?;
        let mut session = self.start(environment, [&sides.of_base.cases, &sides.of_new.cases], budget)?;
        let notes = session.notes.clone();
        let sharded = selection.shard.map(|part| Sharded { part, selection, rulebook, sides: [base, new], notes });
        if let Some(judgement) = nothing_to_measure::judge(sides.same, base, &mut session.writer)? {
            sharded.iter().try_for_each(|sharded| sharded.unmeasured(&judgement, &mut session.writer))?;
            return session.unmeasured(judgement, base);
        }
        let (mut shared, mut one_sided) = sides.choose(selection, &rulebook.policy, &mut session.writer)?;
        session.scope = self.scope(&sides.of_base.cases);
        if let Some(sharded) = sharded {
            let timed = sides.timed(&shared, selection);
            let (scope, writer) = (session.scope.take(), &mut session.writer);
            match sharded.take(&mut shared, &timed, &mut one_sided, scope, writer)? {
                None => return session.unmeasured(shard::empty(sharded.part), base),
                scope => session.scope = scope,
            }
        }
        sides.size(&mut shared, budget, &mut session.writer)?;
        let (counts, times) = self.measure(sides, &shared, new_revision, &mut session)?;
        let budget = session.budget;
        let named = own_policy.then(|| sides.keys());
        let mut judged = self.conclude(session, counts, times, one_sided, named.as_deref())?;
        let budget = budget.for_causes();
        let (stacks, notes) = call_stacks::of_regressed(&judged.judgement, &shared, subject, [base, new], budget);
        if !stacks.is_empty() {
            runs::write_stacks(&judged.finished.path, &stacks)?;
        }
        judged.notes.extend(notes);
        judged.against = base.name.clone();
        Ok(judged)
    }

    /// Measures the cases that both sides share in the selected lanes, and finds out whose doing it is that one got
    /// worse.
    fn measure(
        &self,
        sides: &TwoSides<'_>,
        shared: &[SubjectCase],
        new_revision: Option<String>,
        session: &mut Session,
    ) -> Result<(ComparedCounts, PairVerdicts)> {
        let (TwoSides { subject, base, new, .. }, policy) = (sides, &self.rulebook.policy);
        let mut counts = match self.selection.compares(Lane::Counts) {
            true => self.counted(*subject, [base, new], session.budget).compare(shared, &mut session.writer)?,
            false => ComparedCounts::default(),
        };
        let both_sides = BothSides {
            subject: *subject,
            revisions: [Some(base.commit.clone()), new_revision],
            programs: [base.program().to_owned(), new.program().to_owned()],
            cases: shared.to_vec(),
            unoptimised: OnceCell::new(),
            budget: Cell::new(session.budget),
            too_late: RefCell::default(),
        };
        both_sides.attribute_counts(&mut counts.deltas, policy);
        session.budget = both_sides.budget.get();
        let mut times = match self.selection.compares(Lane::Time) {
            true => self.time(sides, shared, &mut counts, session)?,
            false => PairVerdicts::default(),
        };
        both_sides.attribute_times(&mut times.deltas, &counts.deltas, policy);
        session.budget = both_sides.budget.get();
        both_sides.record_too_late(&mut session.writer)?;
        Ok((counts, times))
    }

    /// What counts both sides.
    fn counted<'a>(&'a self, subject: &'a dyn Subject, sides: [&'a Build; 2], budget: Budget) -> CountedSides<'a> {
        CountedSides { subject, sides, selection: self.selection, rulebook: self.rulebook, budget }
    }

    /// Alternates the sides in the cases that are to be timed, and have not the same code on both.
    fn time(
        &self,
        sides: &TwoSides<'_>,
        shared: &[SubjectCase],
        counts: &mut ComparedCounts,
        session: &mut Session,
    ) -> Result<PairVerdicts> {
        let mut timed = sides.timed(shared, self.selection);
        counts.leave_out_same_code(&mut timed, &self.rulebook.policy);
        if timed.is_empty() {
            return Ok(PairVerdicts::default());
        }
        let mut both = StagedSides::new(&sides.base, &sides.new)?;
        session.randomize(&mut both)?;
        let (base, new) = both.sides();
        let steady = choose_timed::steady(shared, &timed, &counts.deltas);
        let mut jobs = jobs::jobs(sides.subject, &timed, base, new);
        jobs.extend(jobs::controls(sides.subject, &steady, new));
        session.alternate(self, jobs, &both, counts.block())
    }

    /// Compares two variants of each case in this tree; records use the names of the sides.
    pub fn variants(&self, pairs: &[CasePair], base: &str, new: &str) -> Result<Judged> {
        let (source, input) = run::input(self.selection)?;
        let subject = MemorySubject { source };
        let build = subject.relinkable()?;
        let renamed = |name: &str| Build { name: name.to_owned(), ..build.clone() };
        let mut both = StagedSides::new(&renamed(base), &renamed(new))?;
        let mut session = self.start(plan::environment(&input, false)?, [&[], &[]], Budget::start(self.budget))?;
        session.randomize(&mut both)?;
        let (base_side, new_side) = both.sides();
        let mut jobs = Vec::with_capacity(pairs.len() + 2);
        for pair in pairs {
            // Every toggle is set, since the two variants may differ in toggles of the list of cases.
            let cases = [&pair.base, &pair.new].map(|case| MemorySubject::case(case, &case.written()));
            let base = base_side.program(&subject, &cases[0], 0.0);
            let new = new_side.program(&subject, &cases[1], 0.0);
            let mut job = jobs::job(&cases[1], &pair.base.variant.to_string(), base, new);
            if pair.base.waits() {
                job.pair.metric = cases[0].metric.to_owned();
            }
            jobs.push(job);
        }
        jobs.extend(jobs::controls(&subject, &[], new_side));
        let times = session.alternate(self, jobs, &both, false)?;
        let mut judged = self.conclude(session, ComparedCounts::default(), times, vec![], Some(&own_cases()?))?;
        judged.against = base.to_owned();
        Ok(judged)
    }

    /// Starts a run, with a seed of its own for the rounds, that records what judges it: `listed` are the cases of the
    /// base and of the new side.
    fn start(&self, environment: Environment, listed: [&[SubjectCase]; 2], budget: Budget) -> Result<Session> {
        let path = runs::new_path(&environment, self.selection.shard);
        let mut rulebook = self.rulebook.clone();
        rulebook.cases(listed[0], listed[1]);
        let seed = self.selection.rounds_seed.unwrap_or_else(plan::draw_seed);
        let header = RunHeader {
            rounds_seed: Some(seed),
            judged_by: Some(rulebook.judged_by),
            ..plan::header("quick", environment)
        };
        Ok(Session {
            writer: RunWriter::create(&path, header)?,
            path,
            seed,
            notes: rulebook.notes,
            scope: None,
            budget,
        })
    }

    /// Says how many of the base's cases the selection leaves.
    fn scope(&self, base: &[SubjectCase]) -> Option<String> {
        let filter = self.selection.filter.as_deref();
        let selected = base.iter().filter(|case| selects(filter, &case.id, &case.key)).count();
        super::judging::scope(selected, base.len(), self.selection, false)
    }

    /// Judges a session. If `named` is given, each rule of the policy must match one of those cases.
    fn conclude(
        &self,
        mut session: Session,
        counts: ComparedCounts,
        times: PairVerdicts,
        one_sided: Vec<Delta>,
        named: Option<&[CaseKey]>,
    ) -> Result<Judged> {
        for wrong in &times.wrong_controls {
            session.writer.invalid(&wrong.what, &wrong.why)?;
        }
        let mut complaints = self.rulebook.complaints(named.map(<[CaseKey]>::iter));
        if session.writer.so_far().shard.is_some() {
            let complaints = std::mem::take(&mut complaints);
            shard::record([&counts.deltas, &one_sided], &counts.invalid, complaints, &mut session.writer)?;
        }
        let run = session.writer.finish()?;
        let mut invalid = run.invalid.clone();
        invalid.extend(counts.invalid.into_iter().filter(|entry| !run.invalid.contains(entry)));
        let mut compared = Comparison { differences: vec![], deltas: counts.deltas };
        compared.deltas.extend(times.deltas);
        compared.deltas.extend(one_sided);
        let judgement = gate::judge(compared, &invalid, &complaints);
        let judgement = judgement.annotate(&run, &self.rulebook.policy, session.scope.as_deref(), runs::today());
        let finished = FinishedRun { path: session.path, run };
        let notes = session.notes.into_iter().chain(times.controls).collect();
        Ok(Judged { finished, judgement, against: String::new(), notes })
    }
}

/// The policy for the times of two sides: without layouts, a change may be one of code placement.
fn by_layouts<'a>(policy: &'a Policy, both: &StagedSides) -> Cow<'a, Policy> {
    if both.randomized() { Cow::Borrowed(policy) } else { Cow::Owned(policy.advising(Lane::Time)) }
}

/// The keys of this tree's cases.
fn own_cases() -> Result<Vec<CaseKey>> {
    cases::LISTED.iter().map(|listed| Ok(listed.resolve(&[])?.key())).collect()
}

/// A run in progress.
struct Session {
    path: PathBuf,
    writer: RunWriter,
    /// The seed of orders and layouts.
    seed: u64,
    notes: Vec<String>,
    scope: Option<String>,
    /// The time that is left.
    budget: Budget,
}

impl Session {
    /// Gives both sides a new layout in each round, or reports that the code layout is part of the difference, because
    /// a build can't be relinked.
    fn randomize(&mut self, both: &mut StagedSides) -> Result<()> {
        let Err(why) = both.randomize_layouts(self.seed) else { return Ok(()) };
        if let Some(lost) = both.lost_layouts() {
            let why = format!(
                "the base gets a new layout in each round, and the change can't have any ({lost}), so its times can't \
                    be judged: keep the linker, or have somebody accept another one"
            );
            self.writer.invalid("layouts", why)?;
        }
        let why = format!(
            "each side has one layout, which can move times by some per cent, so times only advise (the limits of a \
                server under load are above that): {why}"
        );
        eprintln!("skipped: layouts: {why}");
        Ok(self.writer.skipped(LAYOUTS, why)?)
    }

    /// Ends a session that measured nothing.
    fn unmeasured(self, judgement: Judgement, base: &Build) -> Result<Judged> {
        let finished = FinishedRun { path: self.path, run: self.writer.finish()? };
        Ok(Judged { finished, judgement, against: base.name.clone(), notes: self.notes })
    }

    /// Alternates the sides and judges the rounds. Where each side has one layout, times only advise.
    /// If the counts have `decided` that the change is worse, times get only the first look.
    fn alternate(
        &mut self,
        asked: &AbSession<'_>,
        jobs: Vec<Job>,
        both: &StagedSides,
        decided: bool,
    ) -> Result<PairVerdicts> {
        let policy = &*by_layouts(&asked.rulebook.policy, both);
        let procedure = Procedure::default();
        let settings = Settings {
            procedure: &procedure,
            policy,
            today: runs::today(),
            seed: self.seed,
            deadlines: Deadlines::default(),
            first_look_only: decided,
            budget: self.budget,
            sizes: &Sizes::default(),
        };
        scheduler::run_rounds(jobs, &settings, &mut self.writer)?;
        round_measurements::record(&mut self.writer)?;
        let run = self.writer.so_far();
        let mut verdicts = paired::judge(&procedure, &run.pairs, policy, settings.today, run.elsewhere())?;
        if decided {
            verdicts.decided_by_counts();
        }
        Ok(verdicts)
    }
}

#[cfg(test)]
mod tests {
    use baselines::policy::Action;
    use workloads::input::Source;

    use super::*;
    use crate::build::relink::Relink;

    #[test]
    fn without_layouts_times_advise_and_it_is_said_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let subject = MemorySubject { source: Source::default() };
        let program = folder.path().join("program");
        std::fs::write(&program, "a program").expect("written");
        let build = subject.in_place(program).expect("lies in a folder");
        let mut both = StagedSides::new(&build, &build).expect("placed");
        let path = folder.path().join("run.jsonl");
        let header = plan::header("quick", Environment::detect(1, "generated"));
        let writer = RunWriter::create(&path, header).expect("a run");
        let mut session = Session { path, writer, seed: 1, notes: vec![], scope: None, budget: Budget::default() };
        session.randomize(&mut both).expect("said");
        let [skipped] = &session.writer.so_far().skipped[..] else { panic!("said once") };
        assert!(skipped.what == "layouts" && skipped.why.contains("times only advise"), "{skipped:?}");
        let policy = Policy::standard();
        let case = CaseKey { benchmark: "step/log".to_owned(), variant: String::new() };
        let action = |policy: &Policy, metric| policy.limit(&case, metric, runs::today()).map(|limit| limit.action);
        let judging = by_layouts(&policy, &both);
        assert_eq!(action(&policy, "cpu_time"), Some(Action::Block));
        assert_eq!(action(&judging, "cpu_time"), Some(Action::Advise));
        assert_eq!(action(&judging, "instructions"), Some(Action::Block), "counts have no layout");
    }

    #[test]
    fn a_change_can_not_take_the_layouts_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let subject = MemorySubject { source: Source::default() };
        for file in ["program", "linker", "map"] {
            std::fs::write(folder.path().join(file), "").expect("written");
        }
        let new = subject.in_place(folder.path().join("program")).expect("lies in a folder");
        let layouts = Relink::open(folder.path()).expect("there is a linker");
        let mut base = new.clone();
        base.programs[0].layouts = layouts;
        let invalid = |base: &Build, new: &Build| {
            let mut both = StagedSides::new(base, new).expect("placed");
            let path = folder.path().join("run.jsonl");
            let header = plan::header("quick", Environment::detect(1, "generated"));
            let writer = RunWriter::create(&path, header).expect("a run");
            let mut session = Session { path, writer, seed: 1, notes: vec![], scope: None, budget: Budget::default() };
            session.randomize(&mut both).expect("said");
            session.writer.so_far().invalid.len()
        };
        assert_eq!(invalid(&base, &new), 1, "only the base can be laid out");
        assert_eq!(invalid(&new, &new), 0, "none can");
        assert_eq!(invalid(&new, &base), 0, "the change brings layouts");
    }

    #[test]
    fn every_session_draws_its_seed() {
        assert_ne!(plan::draw_seed(), plan::draw_seed());
    }
}
