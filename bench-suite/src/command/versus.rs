//! Two programs or two variants, measured in one session and judged: what `assay gate --against` and `assay compare` do with anything that is no
//! stored run.
//!
//! Counts are exact and are taken of each side by itself; the base's are kept beside its programs. Times come from alternating workers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use baselines::compare::{Delta, Verdict};
use baselines::exit::Exit;
use baselines::gate::{self, Judgement};
use baselines::paired;
use baselines::policy::{Action, Policy};
use baselines::stats::Procedure;
use baselines::{Environment, Header, Lane, Measurement, Run, RunWriter, Sample, compare as comparison};

use reports::Format;

use super::run::{Measured, Profile, Selection, command_line};
use super::{lanes, runs};
use crate::cases::{self, Case};
use crate::input::{Input, Source};
use crate::pair::conductor::{self, LeftOut, Settings};
use crate::pair::jobs::{self, GATED, Job, Side};
use crate::pair::protocol::Known;
use crate::pair::worker::{self, Deadlines};
use crate::revision::Revision;
use crate::runner::artifacts::{self, Artifacts, Program};
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

/// A judged session.
pub struct Judged {
    /// The run and its file.
    pub measured: Measured,
    /// What it means.
    pub judgement: Judgement,
    /// Sentences on the controls.
    pub notes: Vec<String>,
}

/// The rules of the time lane.
///
/// What the screen leaves unsettled ends as inconclusive instead of taking as many rounds as a suspect: a gate that has to say something within
/// minutes spends them on suspects.
pub fn procedure() -> Procedure {
    Procedure { settle: false, ..Procedure::default() }
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
        let (shared, one_sided) = self.match_up(chosen, &known_base, &known_new, &mut session.writer)?;
        let base_counts = match self.counts_wanted() {
            true => self.count(&shared, base, &artifacts, &mut session)?,
            false => None,
        };
        let sides = (
            Side { name: &base.name(), worker: base.artifacts.path(Program::Worker)?, set: &self.selection.set },
            Side { name: &new_name, worker: artifacts.path(Program::Worker)?, set: &self.selection.set },
        );
        let pairs: Vec<Both> = shared.iter().map(|case| Both { base: *case, new: *case }).collect();
        let times = match self.selection.lane.is_empty() || self.selection.lane.contains(&Lane::Time) {
            true => session.alternate(self, &pairs, sides)?,
            false => paired::Outcome::default(),
        };
        self.conclude(session, base_counts, times, one_sided)
    }

    /// Measures two variants of each case within this tree.
    ///
    /// # Errors
    /// A build, a child process or the disk failed.
    pub fn variants(&self, pairs: &[Both], base: &[String], new: &[String]) -> Result<Judged> {
        let artifacts = artifacts::build(&[Program::Worker])?;
        let worker = artifacts.path(Program::Worker)?;
        let mut session = Session::start(self, None)?;
        let (base_name, new_name) = (base.join(","), new.join(","));
        let sides = (Side { name: &base_name, worker, set: base }, Side { name: &new_name, worker, set: new });
        let times = session.alternate(self, pairs, sides)?;
        self.conclude(session, None, times, vec![])
    }

    fn counts_wanted(&self) -> bool {
        self.selection.lane.is_empty() || self.selection.lane.contains(&Lane::Counts)
    }

    /// The cases that both sides have and mean alike; and the deltas of those that one side lacks.
    fn match_up(
        &self,
        chosen: Vec<Case>,
        base: &[Known],
        new: &[Known],
        writer: &mut RunWriter,
    ) -> Result<(Vec<Case>, Vec<Delta>)> {
        let (mut shared, mut one_sided) = (Vec::new(), Vec::new());
        for case in chosen {
            let find = |known: &[Known]| known.iter().find(|known| known.id == case.id).cloned();
            match (find(base), find(new)) {
                (Some(before), Some(now)) if !alike(&before, &now) => {
                    writer.skipped(case.label(), "the base means another benchmark or variant by this name")?;
                }
                (Some(before), Some(now)) if before.operations != now.operations => writer.skipped(
                    case.label(),
                    format!("one count is of {} operations in the base, of {} here", before.operations, now.operations),
                )?,
                (Some(_), _) => shared.push(case),
                (None, _) => one_sided.push(self.lone(case.record(), Verdict::Added)),
            }
        }
        let filter = self.selection.filter.as_deref();
        for known in base.iter().filter(|known| new.iter().all(|other| other.id != known.id)) {
            if filter.is_none_or(|filter| known.id.contains(filter) || known.benchmark.contains(filter)) {
                let case = baselines::Case { benchmark: known.benchmark.clone(), variant: known.variant.clone() };
                one_sided.push(self.lone(case, Verdict::Missing));
            }
        }
        Ok((shared, one_sided))
    }

    fn lone(&self, case: baselines::Case, verdict: Verdict) -> Delta {
        let why = match verdict {
            Verdict::Missing => {
                "the base has this case, this tree does not: give it back, or gate with a filter that leaves it out"
            }
            _ => "the base does not have this case: it is judged when the base has it",
        };
        Delta {
            blocks: self
                .policy
                .limit(&case, "cpu_time", runs::today())
                .is_some_and(|limit| limit.action == Action::Block),
            case,
            metric: "cpu_time".to_owned(),
            base: None,
            new: None,
            relative: None,
            interval: None,
            verdict,
            why: why.to_owned(),
            cause: vec![],
        }
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
        times: paired::Outcome,
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
        let listed: Vec<baselines::Case> =
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
        (base, new): (Side<'_>, Side<'_>),
    ) -> Result<paired::Outcome> {
        if pairs.is_empty() {
            return Ok(paired::Outcome::default());
        }
        let places = Places::new(base.worker, new.worker)?;
        let (base, new) = (Side { worker: &places.base, ..base }, Side { worker: &places.new, ..new });
        let job = |both: &Both| {
            let mut job = jobs::job(&both.new, base, new, &self.source, 0.0);
            if both.base.variant != both.new.variant {
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
        };
        let left_out = conductor::conduct(jobs, &settings, &mut self.writer)?;
        self.record_times(&left_out)?;
        let pairs = &self.writer.so_far().pairs;
        Ok(paired::judge(&procedure, pairs, &left_out, versus.policy, settings.today)?)
    }

    /// The new side's times as measurements, for tables and charts.
    fn record_times(&mut self, left_out: &LeftOut) -> Result<()> {
        let mut times: Vec<Measurement> = Vec::new();
        for (index, paired) in self.writer.so_far().pairs.iter().enumerate() {
            if paired.pair.control.is_some() || left_out.contains(&index) || paired.rounds.is_empty() {
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

/// Where the workers lie while they alternate: at paths of one length, because the length moves a program's stack; and safe from builds that go on
/// meanwhile.
pub struct Places {
    _folder: tempfile::TempDir,
    /// The base's worker.
    pub base: PathBuf,
    /// The new side's.
    pub new: PathBuf,
}

impl Places {
    /// Links both workers into a folder of their own.
    ///
    /// # Errors
    /// The folder can't be made, or the files can't be linked or copied.
    pub fn new(base: &Path, new: &Path) -> Result<Places> {
        let parent = workspace::output().join("scratch");
        std::fs::create_dir_all(&parent).with_context(|| format!("can't make {}", parent.display()))?;
        let folder = tempfile::Builder::new().prefix("pair-").tempdir_in(&parent).context("no folder for workers")?;
        let place = |side: &str, from: &Path| {
            let to = folder.path().join(side).join("assay-worker");
            std::fs::create_dir_all(folder.path().join(side))
                .and_then(|()| std::fs::hard_link(from, &to).or_else(|_| std::fs::copy(from, &to).map(|_| ())))
                .with_context(|| format!("can't place {}", from.display()))?;
            anyhow::Ok(to)
        };
        let (base, new) = (place("a", base)?, place("b", new)?);
        Ok(Places { base, new, _folder: folder })
    }
}

/// Prints and publishes a judged session, and ends with what it means.
///
/// # Errors
/// A file can't be written.
pub fn publish(judged: Judged, against: &str, format: Option<Format>) -> Result<Exit> {
    let Judged { measured: Measured { path, run }, judgement, notes } = judged;
    let exit = judgement.outcome.exit();
    let mut report = runs::report(&path, run)?;
    report.judgement = Some(judgement);
    report.against = Some(against.to_owned());
    report.notes = notes;
    let page = super::report::publish(&report, &path)?;
    print!("{}", reports::render(&report, format.unwrap_or(Format::Text))?);
    if format.is_none() {
        println!("\nrun:    {}\nreport: {}", path.display(), page.display());
    } else {
        eprintln!("report: {}", page.display());
    }
    Ok(exit)
}

fn header(environment: Environment) -> Header {
    Header {
        started_at: runs::now(),
        command: command_line(),
        profile: Profile::Quick.name().to_owned(),
        environment,
        accepted: None,
    }
}

/// Whether both sides mean the same by an identifier: the same benchmark, and no toggle that both know set differently.
fn alike(base: &Known, new: &Known) -> bool {
    let strategy = |toggle: &str| {
        base.variant.split(',').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == toggle)
    };
    base.benchmark == new.benchmark
        && new
            .variant
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .all(|(toggle, chosen)| strategy(toggle).is_none_or(|(_, before)| before == chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(benchmark: &str, variant: &str) -> Known {
        Known { id: "x".into(), benchmark: benchmark.into(), variant: variant.into(), operations: 4 }
    }

    #[test]
    fn a_name_means_the_same_while_no_common_toggle_differs() {
        let before = known("step/log", "store=redb,codec=json");
        assert!(alike(&before, &known("step/log", "store=redb,codec=json,index=single")), "a new toggle");
        assert!(!alike(&before, &known("step/log", "store=redb,codec=postcard")));
        assert!(!alike(&before, &known("step/get", "store=redb,codec=json")));
    }
}
