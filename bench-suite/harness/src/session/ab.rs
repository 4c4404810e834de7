//! Measures two sides in one session and judges them: two revisions, two variants, or two revisions of another project.
//!
//! Counts are exact, so each side is counted by itself; the base's counts are cached beside its program. Times come
//! from rounds in which both sides alternate. The call stacks of counts that got worse are stored for both sides.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use baselines::calibration::{self, Condition};
use baselines::compare::{self, Comparison, Delta};
use baselines::paired::{self, PairVerdicts};
use baselines::policy::Policy;
use baselines::stats::Procedure;
use baselines::{CaseKey, Environment, Lane, Measurement, Run, RunWriter, Sample, gate};
use workloads::cases::{self, Case, Tag};
use workloads::input::{Input, SEED, Source};

use super::doing::BothSides;
use super::judging::Judged;
use super::plan::{self, FinishedRun, Selection};
use super::sides::{SideBySide, match_up};
use super::{run, runs};
use crate::build::checkout::Build;
use crate::lanes::{self, Plan, call_stacks};
use crate::recorded::Recorded;
use crate::schedule::jobs::{self, Job, Side};
use crate::schedule::program::Deadlines;
use crate::schedule::scheduler::{self, Settings, Sizes};
use crate::subject::Subject;
use crate::subject::memory::MemorySubject;
use crate::subject::project::ProjectSubject;
use crate::tools::valgrind;
use crate::workspace;

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
    /// The limits of metrics.
    pub policy: &'a Policy,
    /// The longest duration of the time lane.
    pub budget: Option<Duration>,
}

/// The rules of the time lane.
///
/// 20 rounds in the first stage instead of the 10 that suffice to pick suspects: they can show equality. What the
/// screen leaves open ends as inconclusive instead of getting a suspect's rounds: a gate must answer within minutes,
/// and spends them on suspects.
pub fn procedure() -> Procedure {
    Procedure { screen_rounds: 20, settle: false, ..Procedure::default() }
}

impl AbSession<'_> {
    /// Compares a base revision with another one, or with this tree.
    pub fn revisions(&self, base: &str, new: Option<&str>) -> Result<Judged> {
        let (source, input) = run::input(self.selection)?;
        let subject = MemorySubject { source: source.clone() };
        let new_revision = new.map(str::to_owned);
        let base = subject.revision(base)?;
        let new = match new {
            Some(revision) => subject.revision(revision)?,
            None if self.selection.compares(Lane::Time) => subject.working_tree()?,
            None => subject.built()?,
        };
        let (listed_base, listed_new) = (subject.list(&base)?, subject.list(&new)?);
        let selected = cases::select(self.selection.filter.as_deref(), &self.selection.set)?;
        let everything = self.selection.filter.is_some() || !self.selection.set.is_empty();
        let chosen: Vec<Case> = selected.cases.into_iter().filter(|case| everything || case.has(Tag::Gated)).collect();
        let mut session = Session::start(self.environment(&input, &new)?)?;
        for (what, why) in &selected.left_out {
            session.writer.skipped(what, why)?;
        }
        let wanted = chosen.iter().map(|case| MemorySubject::case(case, &self.selection.set)).collect();
        let filter = self.selection.filter.as_deref();
        let by_filter = |case: &crate::subject::SubjectCase| {
            filter.is_none_or(|filter| case.id.contains(filter) || case.key.benchmark.contains(filter))
        };
        let (shared, one_sided) =
            match_up(self.policy, wanted, &listed_base, &listed_new, by_filter, &mut session.writer)?;
        let cases: Vec<Case> =
            chosen.into_iter().filter(|case| shared.iter().any(|shared| shared.id == case.id)).collect();
        session.sides = Some(BothSides {
            subject: subject.clone(),
            revisions: [Some(base.commit.clone()), new_revision],
            programs: [base.program.clone(), new.program.clone()],
            cases: cases.clone(),
            set: self.selection.set.clone(),
        });
        let base_counts = match self.selection.compares(Lane::Counts) {
            true => self.count(&cases, &base, &new, (&source, &input), &mut session)?,
            false => None,
        };
        let times = match self.selection.compares(Lane::Time) && !shared.is_empty() {
            true => {
                let mut both = SideBySide::new(&base, &new)?;
                if let Err(why) = both.randomize_layouts(input.seed, input.seed) {
                    session.one_layout(&why)?;
                }
                let (base, new) = both.sides();
                let jobs = jobs::jobs(&subject, &shared, base, new);
                session.alternate(self, jobs, both.randomized(), input.seed)?
            }
            false => PairVerdicts::default(),
        };
        let mut judged = self.conclude(session, base_counts, times, one_sided, Some(&own_cases()?))?;
        let workers = [&base, &new].map(|build| build.program.as_path());
        let set = &self.selection.set;
        let (stacks, notes) = call_stacks::of_regressed(&judged.judgement, &cases, workers, set, &source);
        if !stacks.is_empty() {
            runs::write_stacks(&judged.finished.path, &stacks)?;
        }
        judged.notes.extend(notes);
        judged.against = base.name;
        Ok(judged)
    }

    /// Compares two variants of each case in this tree; records use the names of the sides.
    pub fn variants(&self, pairs: &[CasePair], base: &str, new: &str) -> Result<Judged> {
        let (source, input) = run::input(self.selection)?;
        let subject = MemorySubject { source };
        let build = subject.built()?;
        let renamed = |name: &str| Build { name: name.to_owned(), ..build.clone() };
        let both = SideBySide::new(&renamed(base), &renamed(new))?;
        let (base_side, new_side) = both.sides();
        let mut session = Session::start(plan::environment(&input, false)?)?;
        let mut jobs = Vec::with_capacity(pairs.len() + 2);
        for pair in pairs {
            // Every toggle is set, since the two variants may differ in toggles of the list of cases.
            let cases = [&pair.base, &pair.new].map(|case| MemorySubject::case(case, &case.written()));
            let program = |side: Side<'_>, case| subject.program(side.build, case, side.layouts, 0.0);
            let (base, new) = (program(base_side, &cases[0]), program(new_side, &cases[1]));
            let mut job = jobs::job(&cases[1], &pair.base.variant.to_string(), base, new);
            if pair.base.waits() {
                job.pair.metric = cases[0].metric.to_owned();
            }
            jobs.push(job);
        }
        jobs.extend(jobs::controls(&subject, &[], new_side));
        let times = session.alternate(self, jobs, false, input.seed)?;
        let mut judged = self.conclude(session, None, times, vec![], Some(&own_cases()?))?;
        judged.against = base.to_owned();
        Ok(judged)
    }

    /// Compares the working tree of another project with a revision. `own_policy` says that the policy is the
    /// project's: a rule that matches no benchmark is then an error. The built-in policy names none of its benchmarks.
    pub fn project(&self, subject: &ProjectSubject, against: &str, own_policy: bool) -> Result<Judged> {
        let (base, new) = (subject.revision(against)?, subject.working_tree()?);
        let mut environment = Environment::detect(SEED, &format!("bench {}", subject.name()));
        (environment.commit, environment.dirty) = (new.commit.clone(), new.dirty);
        let mut session = Session::start(environment)?;
        let mut both = SideBySide::new(&base, &new)?;
        if let Err(why) = both.randomize_layouts(SEED, SEED) {
            session.one_layout(&why)?;
        }
        let (base_side, new_side) = both.sides();
        let (listed_base, listed_new) = (subject.list(base_side.build)?, subject.list(new_side.build)?);
        let (shared, one_sided) =
            match_up(self.policy, listed_new.clone(), &listed_base, &listed_new, |_| true, &mut session.writer)?;
        ensure!(!shared.is_empty(), "the two revisions share no benchmark: choose a nearer base");
        let jobs = jobs::jobs(subject, &shared, base_side, new_side);
        let times = session.alternate(self, jobs, both.randomized(), SEED)?;
        let named: Vec<CaseKey> = times.deltas.iter().chain(&one_sided).map(|delta| delta.case.clone()).collect();
        let mut judged = self.conclude(session, None, times, one_sided, own_policy.then_some(&named[..]))?;
        judged.against = base.name;
        Ok(judged)
    }

    fn environment(&self, input: &Input, new: &Build) -> Result<Environment> {
        let mut environment = Environment::detect(input.seed, &input.name);
        if !new.commit.is_empty() {
            (environment.commit, environment.dirty) = (new.commit.clone(), false);
        }
        if self.selection.compares(Lane::Counts) && valgrind::missing().is_none() {
            environment.cpu_features = valgrind::cpu_features(&new.program)?;
        }
        Ok(environment)
    }

    /// Counts the new side's cases into the session; returns the base's counts, from the cache or new.
    fn count(
        &self,
        cases: &[Case],
        base: &Build,
        new: &Build,
        (source, input): (&Source, &Input),
        session: &mut Session,
    ) -> Result<Option<Run>> {
        if let Some(why) = valgrind::missing() {
            eprintln!("skipped: the counts lane: {why}");
            session.writer.skipped("counts lane", why)?;
            return Ok(None);
        }
        let Selection { set, repeat, .. } = self.selection;
        let programs = std::collections::BTreeMap::new();
        let plan = Plan { cases, filter: None, set, repeat: *repeat, source, input, programs: &programs, full: false };
        lanes::counts::measure(&plan, &new.program, &mut session.writer)?;
        let measured = session.writer.so_far().header.environment.clone();
        let environment = Environment { commit: base.commit.clone(), dirty: false, ..measured };
        let ids: Vec<&str> = cases.iter().map(|case| case.id).collect();
        let what = format!("{}|{}|{repeat}", ids.join(","), set.join(","));
        let name = format!("counts-{}-{:016x}.jsonl", environment.key(), memory::hash::fnv1a(what.as_bytes()));
        let path = base.folder.join(name);
        if let Ok(cached) = Run::read(&path, false) {
            eprintln!("counts of the base: cached since {}", cached.header.started_at);
            return Ok(Some(cached));
        }
        let mut writer = RunWriter::create(&path, plan::header("quick", environment))?;
        lanes::counts::measure(&plan, &base.program, &mut writer)?;
        Ok(Some(writer.finish()?))
    }

    /// Judges a session. If `named` is given, each rule of the policy must match one of those cases.
    fn conclude(
        &self,
        mut session: Session,
        base_counts: Option<Run>,
        times: PairVerdicts,
        one_sided: Vec<Delta>,
        named: Option<&[CaseKey]>,
    ) -> Result<Judged> {
        for wrong in &times.wrong_controls {
            session.writer.invalid(&wrong.what, &wrong.why)?;
        }
        let run = session.writer.finish()?;
        let mut compared = Comparison { differences: vec![], deltas: vec![] };
        let mut invalid = run.invalid.clone();
        if let Some(base) = &base_counts {
            invalid.extend(base.invalid.iter().cloned());
            let counts = |run: &Run| {
                let exact =
                    |measurement: &&Measurement| measurement.metric().is_ok_and(|metric| metric.lane == Lane::Counts);
                Run { measurements: run.measurements.iter().filter(exact).cloned().collect(), ..run.clone() }
            };
            compared = compare::compare(&counts(base), &counts(&run), self.policy, runs::today());
            if let Some(sides) = &session.sides {
                sides.lay(&mut compared.deltas, self.policy);
            }
        }
        compared.deltas.extend(times.deltas);
        compared.deltas.extend(one_sided);
        let complaints = match named {
            Some(cases) => self.policy.complaints(cases.iter(), runs::today()),
            None => self.policy.expired(runs::today()),
        };
        let judgement = gate::judge(compared, &invalid, &complaints);
        let finished = FinishedRun { path: session.path, run };
        Ok(Judged { finished, judgement, against: String::new(), notes: times.controls })
    }
}

/// The keys of this tree's cases.
fn own_cases() -> Result<Vec<CaseKey>> {
    cases::LISTED.iter().map(|listed| Ok(listed.resolve(&[])?.key())).collect()
}

/// A run in progress.
struct Session {
    path: PathBuf,
    writer: RunWriter,
    /// Both sides, if counts that got worse can be laid to somebody.
    sides: Option<BothSides>,
}

impl Session {
    fn start(environment: Environment) -> Result<Session> {
        let path = runs::new_path(&environment);
        let writer = RunWriter::create(&path, plan::header("quick", environment))?;
        Ok(Session { path, writer, sides: None })
    }

    /// Reports that the code layout is part of the difference, because a build can't be relinked.
    fn one_layout(&mut self, why: &str) -> Result<()> {
        let why = format!("each side has one layout, which can move times by some per cent: {why}");
        eprintln!("skipped: layouts: {why}");
        Ok(self.writer.skipped("layouts", why)?)
    }

    /// Alternates the sides and judges the rounds.
    fn alternate(
        &mut self,
        asked: &AbSession<'_>,
        mut jobs: Vec<Job>,
        two_builds: bool,
        seed: u64,
    ) -> Result<PairVerdicts> {
        let condition = Condition { two_builds, ..Condition::default() };
        let machine = calibration::machine(&self.writer.so_far().header.environment);
        let record = calibration::path(&workspace::calibrations(), &machine);
        let calibrated = calibration::read(&record)?;
        for job in jobs.iter_mut().filter(|job| job.pair.control.is_none()) {
            let (case, metric) = (job.new.case(), &job.pair.metric);
            job.pair.noise = calibration::noise(&calibrated, &machine, condition, case, metric);
        }
        let procedure = procedure();
        let settings = Settings {
            procedure: &procedure,
            policy: asked.policy,
            today: runs::today(),
            seed,
            deadlines: Deadlines::default(),
            budget: asked.budget,
            sizes: &Sizes::default(),
        };
        scheduler::run_rounds(jobs, &settings, &mut self.writer)?;
        self.record_times()?;
        Ok(paired::judge(&procedure, &self.writer.so_far().pairs, asked.policy, settings.today)?)
    }

    /// Records the new side's times as measurements, for tables and charts.
    fn record_times(&mut self) -> Result<()> {
        let mut times: Vec<Measurement> = Vec::new();
        for paired in &self.writer.so_far().pairs {
            if paired.pair.control.is_some() || paired.abandoned || paired.rounds.is_empty() {
                continue;
            }
            for metric in ["cpu_time", "wall_time"] {
                let recorded = |time: &Measurement| time.case == paired.pair.case && time.metric == metric;
                let values = paired.operation_ns(metric, |round| &round.new);
                // A bench of another project has only wall times.
                if values.is_empty() || times.iter().any(recorded) {
                    continue;
                }
                let (case, sample) = (paired.pair.case.clone(), Sample::new(values)?);
                times.push(Measurement::new(case, metric, sample, paired.pair.durability));
            }
        }
        times.into_iter().try_for_each(|time| Ok(self.writer.measurement(time)?))
    }
}
