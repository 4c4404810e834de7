//! `assay gate --project`: a criterion bench of any project against its other revision, processes of both in turn.
//!
//! A round is a process of each side, in drawn order, on one drawn core; its value is the logarithm of the quotient of the medians. From there on
//! everything is as for our own benchmarks: the same statistics, verdicts, files and reports. Criterion measures wall time, so that decides. The CPU
//! time of its process would say nothing: criterion repeats what is faster more often, and every process takes the same time. A pair of the base with
//! itself is the control; more work of a known size can't be asked of a bench that is not ours.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use baselines::compare::{Comparison, Delta, Verdict};
use baselines::exit::Exit;
use baselines::paired::{self, Control, Pair, Round, Slices};
use baselines::policy::Policy;
use baselines::stats::Procedure;
use baselines::stats::decision::Stage;
use baselines::{CaseKey, Durability, Environment, Measurement, RunHeader, RunWriter, Sample, gate};
use rand::SeedableRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_pcg::Pcg64;
use reports::Format;

use super::judged::{self, Judged};
use super::run::{Measured, command_line};
use super::{runs, sides, versus};
use crate::input::SEED;
use crate::pair::layouts::{self, Layouts};
use crate::pair::place;
use crate::progress::Progress;
use crate::project::Definition;
use crate::project::bench::{Process, exactly};
use crate::project::build::{self, Built};
use crate::runner::relink::{Layable, Relink};

/// The metric that decides: what criterion measures.
const METRIC: &str = "wall_time";

/// A slice is written as this many iterations, so that whole nanoseconds tell iterations of less than one apart.
const ITERATIONS: u64 = 1_000_000;

/// What is asked of the gate of a project.
pub struct Gate<'a> {
    /// The project's file.
    pub file: &'a Path,
    /// The revision of the base.
    pub against: &'a str,
    /// A filter instead of the file's.
    pub filter: Option<&'a str>,
    /// The policy's file; the built-in one without.
    pub policy: Option<&'a Path>,
    /// When to stop measuring.
    pub budget: Option<Duration>,
    /// How the verdicts are printed.
    pub format: Option<Format>,
}

/// Builds both sides, measures, judges, reports.
///
/// # Errors
/// The project's file, a build, the bench or the disk failed.
pub fn execute(asked: &Gate<'_>) -> Result<Exit> {
    let definition = Definition::read(asked.file)?;
    let policy = super::compare::standard_policy(asked.policy)?;
    let (base, new) = build::both(&definition, asked.against)?;
    let places = Sides::new(&definition, &base, &new)?;
    let base_name = format!("revision {} of {}", base.commit.get(..12).unwrap_or(&base.commit), definition.name());
    let mut session = Session {
        sides: places.processes(&definition, &base.layouts, &new.layouts),
        turns: 0,
        procedure: versus::procedure(),
        policy: &policy,
        began: Instant::now(),
        budget: asked.budget,
        random: Pcg64::seed_from_u64(SEED),
    };
    let filter = asked.filter.or(definition.filter.as_deref());
    let (shared, one_sided) = session.names(filter, &policy)?;
    let path = runs::folder().join(format!("{}.jsonl", runs::name(&new.commit, new.dirty)));
    let mut writer = RunWriter::create(&path, header(&definition, &new))?;
    if let Some(why) = [&base.layouts, &new.layouts].into_iter().find_map(|layouts| layouts.as_ref().err()) {
        versus::one_layout(why, &mut writer)?;
    }
    session.measure(&shared, &base_name, &mut writer)?;
    record_times(&mut writer)?;
    let outcome = paired::judge(&session.procedure, &writer.so_far().pairs, &policy, runs::today())?;
    for wrong in &outcome.wrong_controls {
        writer.invalid(&wrong.what, &wrong.why)?;
    }
    let run = writer.finish()?;
    let deltas: Vec<Delta> = outcome.deltas.into_iter().chain(one_sided).collect();
    // The built-in policy names no benchmark of somebody else's: only a project's own can have forgotten one.
    let unmatched = match asked.policy {
        Some(_) => policy.unmatched(deltas.iter().map(|delta| &delta.case)),
        None => vec![],
    };
    let unmatched = unmatched.into_iter().map(|pattern| {
        format!("the policy names `{pattern}`, and no benchmark matches it: correct or remove the rule")
    });
    let complaints: Vec<String> = unmatched.chain(policy.expired(runs::today())).collect();
    let judgement = gate::judge(Comparison { differences: vec![], deltas }, &run.invalid, &complaints);
    judged::publish(
        Judged { measured: Measured { path, run }, judgement, notes: outcome.controls },
        &base_name,
        asked.format,
    )
}

/// Both programs at paths of one length, which moves a program's stack.
struct Sides {
    folder: tempfile::TempDir,
    package: PathBuf,
}

impl Sides {
    fn new(definition: &Definition, base: &Built, new: &Built) -> Result<Sides> {
        let folder = tempfile::Builder::new().prefix("project-").tempdir().context("no folder for the benches")?;
        for (side, built) in [("a", base), ("b", new)] {
            let place = folder.path().join(side);
            std::fs::create_dir(&place).with_context(|| format!("can't make {}", place.display()))?;
            std::fs::copy(&built.program, place.join(&definition.bench))
                .with_context(|| format!("can't copy {}", built.program.display()))?;
        }
        Ok(Sides { folder, package: new.package.clone() })
    }

    fn processes<'a>(&'a self, definition: &'a Definition, base: &Layable, new: &Layable) -> [Side<'a>; 2] {
        let side = |name: &str, relink: Option<&Relink>| {
            let folder = self.folder.path().join(name);
            Side {
                program: folder.join(&definition.bench),
                layouts: relink.map(|relink| Layouts::new(relink.clone(), folder, SEED)),
                package: &self.package,
                definition,
            }
        };
        match (base, new) {
            (Ok(base), Ok(new)) => [side("a", Some(base)), side("b", Some(new))],
            _ => [side("a", None), side("b", None)],
        }
    }
}

struct Side<'a> {
    program: PathBuf,
    layouts: Option<Layouts>,
    package: &'a Path,
    definition: &'a Definition,
}

impl Side<'_> {
    /// One process, of the program as it was built or in the layout of a turn.
    fn run(&self, turn: Option<usize>, filter: Option<&str>, core: Option<usize>) -> Result<BTreeMap<String, f64>> {
        let laid_out = turn.and_then(|turn| Some(self.layouts.as_ref()?.path(turn)));
        let program = laid_out.as_ref().unwrap_or(&self.program);
        Process { program, package: self.package, definition: self.definition }.run(filter, core)
    }
}

/// How messages name the sides.
const NAMES: [&str; 2] = ["the base", "the new side"];

struct Session<'a> {
    sides: [Side<'a>; 2],
    /// Turns that were measured: each has layouts of its own.
    turns: usize,
    procedure: Procedure,
    policy: &'a Policy,
    began: Instant,
    budget: Option<Duration>,
    random: Pcg64,
}

impl Session<'_> {
    /// The benchmarks that both sides have, and the deltas of those that one lacks. The times of these first processes are not used.
    fn names(&self, filter: Option<&str>, policy: &Policy) -> Result<(Vec<String>, Vec<Delta>)> {
        let mut found = Vec::with_capacity(2);
        for (side, name) in self.sides.iter().zip(NAMES) {
            found.push(side.run(None, filter, None).context(name)?.into_keys().collect::<BTreeSet<String>>());
        }
        let lone = |one: usize, other: usize, verdict| {
            found[one].difference(&found[other]).map(move |name| one_sided(policy, name, verdict)).collect::<Vec<_>>()
        };
        let mut deltas = lone(0, 1, Verdict::Missing);
        deltas.extend(lone(1, 0, Verdict::Added));
        let shared: Vec<String> = found[0].intersection(&found[1]).cloned().collect();
        ensure!(!shared.is_empty(), "the two revisions share no benchmark: choose a base that is nearer");
        Ok((shared, deltas))
    }

    /// Measures until the statistics need no more. The last pair is the control.
    fn measure(&mut self, names: &[String], base: &str, writer: &mut RunWriter) -> Result<()> {
        let control = names.first().map(|name| (name, Some(Control::Same)));
        for (name, control) in names.iter().map(|name| (name, None)).chain(control) {
            writer.pair(Pair {
                case: case(name),
                base: base.to_owned(),
                metric: METRIC.to_owned(),
                operations: ITERATIONS,
                noise: 0.0,
                randomized_layout: self.sides[0].layouts.is_some(),
                durability: Durability::Unstated,
                control,
            })?;
        }
        loop {
            let pairs = &writer.so_far().pairs;
            let wanted = paired::missing(&self.procedure, pairs, self.policy, runs::today())?;
            let turns = wanted.iter().map(|(_, _, rounds)| *rounds).max().unwrap_or(0);
            if turns == 0 || self.out_of_time() {
                return Ok(());
            }
            let laid_out = self.sides.iter().filter_map(|side| side.layouts.as_ref());
            let needed = laid_out.flat_map(|layouts| (self.turns..self.turns + turns).map(move |turn| (layouts, turn)));
            layouts::prepare(&needed.collect::<Vec<_>>())?;
            let progress = Progress::start(&format!("rounds of {}", wanted.len()), turns);
            for turn in 0..turns {
                if self.out_of_time() {
                    return Ok(());
                }
                let due: Vec<(usize, Stage)> =
                    wanted.iter().filter(|wanted| wanted.2 > turn).map(|wanted| (wanted.0, wanted.1)).collect();
                self.turn(&due, names, writer)?;
                self.turns += 1;
                progress.done(&format!("{} benchmarks", due.len()));
            }
        }
    }

    /// One round of each pair that is due: a process of each side for all benchmarks together, and two of the base for the control.
    fn turn(&mut self, due: &[(usize, Stage)], names: &[String], writer: &mut RunWriter) -> Result<()> {
        let (controls, measured): (Vec<_>, Vec<_>) = due.iter().partition(|(pair, _)| *pair == names.len());
        let mut suites = [(measured, [0, 1]), (controls, [0, 0])];
        suites.shuffle(&mut self.random);
        for (due, sides) in suites.into_iter().filter(|(due, _)| !due.is_empty()) {
            let name = |pair: usize| names[pair % names.len()].as_str();
            let filter = exactly(due.iter().map(|(pair, _)| name(*pair)));
            // Both sides on one core, drawn anew.
            let core = place::cores().choose(&mut self.random).copied().flatten();
            let mut order = [0, 1];
            order.shuffle(&mut self.random);
            let mut medians = [BTreeMap::new(), BTreeMap::new()];
            for place in order {
                let side = sides[place];
                medians[place] = self.sides[side].run(Some(self.turns), Some(&filter), core).context(NAMES[side])?;
            }
            for (pair, stage) in due {
                let slices = |place: usize| {
                    let median = medians[place].get(name(pair));
                    let median_ns =
                        median.with_context(|| format!("{} did not measure {}", NAMES[sides[place]], name(pair)))?;
                    anyhow::Ok(Slices {
                        wall_ns: vec![(median_ns * ITERATIONS as f64).round() as u64],
                        ..Slices::default()
                    })
                };
                writer.round(Round { pair, stage, base: slices(0)?, new: slices(1)? })?;
            }
        }
        Ok(())
    }

    fn out_of_time(&self) -> bool {
        self.budget.is_some_and(|budget| self.began.elapsed() > budget)
    }
}

fn case(name: &str) -> CaseKey {
    CaseKey { benchmark: name.to_owned(), variant: String::new() }
}

fn one_sided(policy: &Policy, name: &str, verdict: Verdict) -> Delta {
    let why = match verdict {
        Verdict::Missing => {
            "the base has this benchmark, the working tree does not: give it back, or gate with a filter that leaves it out"
        }
        _ => "the base does not have this benchmark: it is judged when the base has it",
    };
    sides::lone(policy, case(name), METRIC, verdict, why)
}

/// The new side's times as measurements, for tables and charts.
fn record_times(writer: &mut RunWriter) -> Result<()> {
    let pairs =
        writer.so_far().pairs.iter().filter(|paired| paired.pair.control.is_none() && !paired.rounds.is_empty());
    let times: Vec<Measurement> = pairs
        .map(|paired| {
            Ok(Measurement {
                case: paired.pair.case.clone(),
                metric: METRIC.to_owned(),
                sample: Sample::new(paired.operation_ns(METRIC, |round| &round.new))?,
                operations: 1,
                durability: paired.pair.durability,
                counters: BTreeMap::new(),
                functions: vec![],
            })
        })
        .collect::<Result<_>>()?;
    for time in times {
        writer.measurement(time)?;
    }
    Ok(())
}

fn header(definition: &Definition, new: &Built) -> RunHeader {
    let mut environment = Environment::detect(SEED, &format!("bench {}", definition.name()));
    environment.commit.clone_from(&new.commit);
    environment.dirty = new.dirty;
    RunHeader {
        started_at: runs::now(),
        command: command_line(),
        profile: "project".to_owned(),
        environment,
        accepted: None,
    }
}
