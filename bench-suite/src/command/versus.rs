//! Two programs or two variants, measured in one session and judged: what `assay gate --against` and `assay compare` do with anything that is no
//! stored run.
//!
//! Counts are exact and are taken of each side by itself; the base's are kept beside its programs. Times come from alternating workers. Of what got
//! worse in counts, both sides' call stacks are kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use baselines::calibration::{self, Condition};
use baselines::compare::Delta;
use baselines::gate;
use baselines::paired;
use baselines::policy::Policy;
use baselines::stats::Procedure;
use baselines::{Environment, Lane, Measurement, Run, RunHeader, RunWriter, Sample, compare as comparison};

use super::judged::Judged;
use super::run::{Measured, Profile, Selection, command_line};
use super::sides::{self, Places};
use super::stacks::{self, Workers};
use super::{lanes, runs};
use crate::cases::{self, Case};
use crate::input::{Input, SEED, Source};
use crate::pair::conductor::{self, Settings, Sizes};
use crate::pair::jobs::{self, GATED, Job, Side};
use crate::pair::worker::{self, Deadlines};
use crate::revision::Revision;
use crate::runner::artifacts::{self, Artifacts, Program};
use crate::runner::relink::Relink;
use crate::runner::valgrind;
use crate::workspace;

/// Two sides of one case.
#[derive(Clone, Copy)]
pub struct Both {
    /// The case as the base runs it.
    pub base: Case,
    /// The case as the new side runs it.
    pub new: Case,
}

/// What is measured and how it is judged.
pub struct Versus<'a> {
    /// What was asked for.
    pub selection: &'a Selection,
    /// How far metrics may move.
    pub policy: &'a Policy,
    /// When the time lane stops.
    pub budget: Option<Duration>,
}

/// The rules of the time lane.
///
/// 20 rounds in the first stage rather than the 10 that picking suspects takes: with them, what is equal can be shown to be. What the screen leaves
/// unsettled ends as inconclusive instead of taking as many rounds as a suspect: a gate that has to say something within minutes spends them on
/// suspects.
pub fn procedure() -> Procedure {
    Procedure { screen_rounds: 20, settle: false, ..Procedure::default() }
}

impl Versus<'_> {
    /// Measures a revision, or else this tree, against another revision.
    ///
    /// # Errors
    /// A build, a child process or the disk failed.
    pub fn revision(&self, base: &Revision, new: Option<&Revision>) -> Result<Judged> {
        let (artifacts, new_name) = match new {
            Some(new) => (new.artifacts.clone(), new.name()),
            None => (artifacts::build(&Program::COUNTS)?, "this tree".to_owned()),
        };
        let (known_base, known_new) =
            (worker::known(base.artifacts.path(Program::Worker)?)?, worker::known(artifacts.path(Program::Worker)?)?);
        let selected = cases::select(self.selection.filter.as_deref(), &self.selection.set)?;
        let everything = self.selection.filter.is_some() || !self.selection.set.is_empty();
        let chosen: Vec<Case> =
            selected.cases.into_iter().filter(|case| everything || GATED.contains(&case.id)).collect();
        let mut session = Session::start(self, new)?;
        for (what, why) in &selected.left_out {
            session.writer.skipped(what, why)?;
        }
        let (shared, one_sided) = sides::match_up(self, chosen, &known_base, &known_new, &mut session.writer)?;
        let base_counts = match self.counts_wanted() {
            true => self.count(&shared, base, &artifacts, &mut session)?,
            false => None,
        };
        let workers = (base.artifacts.path(Program::Worker)?, artifacts.path(Program::Worker)?);
        let pairs: Vec<Both> = shared.iter().map(|case| Both { base: *case, new: *case }).collect();
        let times = match self.selection.lane.is_empty() || self.selection.lane.contains(&Lane::Time) {
            true => {
                let mut places = Places::new(workers.0, workers.1)?;
                let of_new = match new {
                    Some(new) => new.layouts.clone(),
                    None => Relink::of_this_tree(Program::Worker, workers.1)?,
                };
                match (&base.layouts, of_new) {
                    (Ok(base), Ok(new)) => places.lay_out((base, session.input.seed), (&new, session.input.seed)),
                    (Err(why), _) => one_layout(why, &mut session.writer)?,
                    (_, Err(why)) => one_layout(&why, &mut session.writer)?,
                }
                session.alternate(self, &pairs, &places, (&base.name(), &new_name), &self.selection.set)?
            }
            false => paired::PairVerdicts::default(),
        };
        let source = session.source.clone();
        let mut judged = self.conclude(session, base_counts, times, one_sided)?;
        let workers = Workers { base: workers.0, new: workers.1, set: &self.selection.set, source: &source };
        let (stacks, notes) = stacks::of_regressed(&judged.judgement, &shared, workers);
        if !stacks.is_empty() {
            runs::write_stacks(&judged.measured.path, &stacks)?;
        }
        judged.notes.extend(notes);
        Ok(judged)
    }

    /// Measures two variants of each case within this tree; the sides' names are for records.
    ///
    /// # Errors
    /// A build, a child process or the disk failed.
    pub fn variants(&self, pairs: &[Both], base: &str, new: &str) -> Result<Judged> {
        let artifacts = artifacts::build(&[Program::Worker])?;
        let worker = artifacts.path(Program::Worker)?;
        let mut session = Session::start(self, None)?;
        let times = session.alternate(self, pairs, &Places::new(worker, worker)?, (base, new), &[])?;
        self.conclude(session, None, times, vec![])
    }

    fn counts_wanted(&self) -> bool {
        self.selection.lane.is_empty() || self.selection.lane.contains(&Lane::Counts)
    }

    /// Counts this tree's cases into the session; gives the base's, counted now or before.
    fn count(&self, cases: &[Case], base: &Revision, new: &Artifacts, session: &mut Session) -> Result<Option<Run>> {
        if let Some(why) = valgrind::missing() {
            eprintln!("skipped: the counts lane: {why}");
            session.writer.skipped("counts lane", why)?;
            return Ok(None);
        }
        let plan = |artifacts| lanes::Plan {
            cases,
            source: &session.source,
            input: &session.input,
            artifacts,
            selection: self.selection,
            profile: Profile::Quick,
        };
        lanes::counts(&plan(new), &mut session.writer)?;
        let environment = Environment {
            commit: base.commit.clone(),
            dirty: false,
            ..session.writer.so_far().header.environment.clone()
        };
        let ids: Vec<&str> = cases.iter().map(|case| case.id).collect();
        let what = format!("{}|{}|{}", ids.join(","), self.selection.set.join(","), self.selection.repeat);
        let name = format!("counts-{}-{:016x}.jsonl", environment.key(), memory::hash::fnv1a(what.as_bytes()));
        let path = base.folder.join(name);
        if let Ok(kept) = Run::read(&path, false) {
            eprintln!("counts of the base: kept from {}", kept.header.started_at);
            return Ok(Some(kept));
        }
        let mut writer = RunWriter::create(&path, header(environment))?;
        lanes::counts(&plan(&base.artifacts), &mut writer)?;
        Ok(Some(writer.finish()?))
    }

    fn conclude(
        &self,
        mut session: Session,
        base_counts: Option<Run>,
        times: paired::PairVerdicts,
        one_sided: Vec<Delta>,
    ) -> Result<Judged> {
        for wrong in &times.wrong_controls {
            session.writer.invalid(&wrong.what, &wrong.why)?;
        }
        let run = session.writer.finish()?;
        let mut compared = comparison::Comparison { differences: vec![], deltas: vec![] };
        let mut distrusted = run.invalid.clone();
        if let Some(base) = &base_counts {
            distrusted.extend(base.invalid.iter().cloned());
            let counts = |run: &Run| {
                let exact =
                    |measurement: &&Measurement| measurement.metric().is_ok_and(|metric| metric.lane == Lane::Counts);
                Run { measurements: run.measurements.iter().filter(exact).cloned().collect(), ..run.clone() }
            };
            compared = comparison::compare(&counts(base), &counts(&run), self.policy, runs::today());
        }
        compared.deltas.extend(times.deltas);
        compared.deltas.extend(one_sided);
        let listed: Vec<baselines::CaseKey> =
            cases::LISTED.iter().map(|listed| Ok(listed.resolve(&[])?.record())).collect::<Result<_>>()?;
        let unmatched = self.policy.unmatched(listed.iter()).into_iter().map(|pattern| {
            format!("the policy names `{pattern}`, and no benchmark matches it: correct or remove the rule")
        });
        let complaints: Vec<String> = unmatched.chain(self.policy.expired(runs::today())).collect();
        let judgement = gate::judge(compared, &distrusted, &complaints);
        Ok(Judged { measured: Measured { path: session.path, run }, judgement, notes: times.controls })
    }
}

/// A run that is being measured.
struct Session {
    path: PathBuf,
    writer: RunWriter,
    source: Source,
    input: Input,
}

impl Session {
    fn start(versus: &Versus<'_>, new: Option<&Revision>) -> Result<Session> {
        let source = versus.selection.source()?;
        let input = source.load(1)?;
        let mut environment = Environment::detect(input.seed, &input.name);
        if let Some(new) = new {
            environment.commit.clone_from(&new.commit);
            environment.dirty = false;
        }
        let path = runs::folder().join(format!("{}.jsonl", runs::name(&environment.commit, environment.dirty)));
        let writer = RunWriter::create(&path, header(environment))?;
        Ok(Session { path, writer, source, input })
    }

    /// Alternates the sides and judges what they show.
    fn alternate(
        &mut self,
        versus: &Versus<'_>,
        pairs: &[Both],
        places: &Places,
        names: (&str, &str),
        set: &[String],
    ) -> Result<paired::PairVerdicts> {
        if pairs.is_empty() {
            return Ok(paired::PairVerdicts::default());
        }
        let (base, new) = (places.base.side(names.0, set), places.new.side(names.1, set));
        let condition = Condition { two_builds: places.laid_out(), ..Condition::default() };
        let machine = calibration::machine(&self.writer.so_far().header.environment);
        let calibrated = calibration::read(&calibration::path(&workspace::calibrations(), &machine))?;
        let job = |both: &Both| {
            // Two variants are told apart by every toggle, since they may differ in what the list of cases says.
            let differ = both.base.variant != both.new.variant;
            let (of_base, of_new) = (both.base.written(), both.new.written());
            let (base, new) = match differ {
                true => (Side { set: &of_base, ..base }, Side { set: &of_new, ..new }),
                false => (base, new),
            };
            let mut job = jobs::job(&both.new, base, new, &self.source, 0.0);
            job.pair.noise = calibration::noise(&calibrated, &machine, condition, both.new.id, &job.pair.metric);
            if differ {
                job.pair.base = both.base.variant.to_string();
                if both.base.waits() {
                    job.pair.metric = both.base.deciding_metric().to_owned();
                }
            }
            job
        };
        let mut jobs: Vec<Job> = pairs.iter().map(job).collect();
        jobs.extend(jobs::controls(new, &self.source)?);
        let procedure = procedure();
        let settings = Settings {
            procedure: &procedure,
            policy: versus.policy,
            today: runs::today(),
            seed: self.input.seed,
            deadlines: Deadlines::default(),
            budget: versus.budget,
            sizes: &Sizes::default(),
        };
        conductor::conduct(jobs, &settings, &mut self.writer)?;
        self.record_times()?;
        Ok(paired::judge(&procedure, &self.writer.so_far().pairs, versus.policy, settings.today)?)
    }

    /// The new side's times as measurements, for tables and charts.
    fn record_times(&mut self) -> Result<()> {
        let mut times: Vec<Measurement> = Vec::new();
        for paired in &self.writer.so_far().pairs {
            if paired.pair.control.is_some() || paired.abandoned || paired.rounds.is_empty() {
                continue;
            }
            for metric in ["cpu_time", "wall_time"] {
                let seen = |time: &Measurement| time.case == paired.pair.case && time.metric == metric;
                if times.iter().any(seen) {
                    continue;
                }
                times.push(Measurement {
                    case: paired.pair.case.clone(),
                    metric: metric.to_owned(),
                    sample: Sample::new(paired.operation_ns(metric, |round| &round.new))?,
                    operations: 1,
                    durability: paired.pair.durability,
                    counters: Default::default(),
                    functions: vec![],
                });
            }
        }
        for time in times {
            self.writer.measurement(time)?;
        }
        Ok(())
    }
}

/// Says that where code lies is among what differs, because one of two builds can't be laid out anew.
///
/// # Errors
/// The record can't be written.
pub fn one_layout(why: &str, writer: &mut RunWriter) -> Result<()> {
    let why = format!("each side has one layout, and where its code lies can move times by per cents: {why}");
    eprintln!("skipped: layouts: {why}");
    Ok(writer.skipped("layouts", why)?)
}

/// A run that is thrown away: of a calibration, whose record keeps what matters.
///
/// # Errors
/// The file can't be made.
pub fn scratch_run(path: &Path) -> Result<RunWriter> {
    Ok(RunWriter::create(path, header(Environment::detect(SEED, "generated")))?)
}

fn header(environment: Environment) -> RunHeader {
    RunHeader {
        started_at: runs::now(),
        command: command_line(),
        profile: Profile::Quick.name().to_owned(),
        environment,
        accepted: None,
    }
}
