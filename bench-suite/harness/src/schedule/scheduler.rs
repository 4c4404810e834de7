//! Measures rounds until the statistics need no more of them.
//!
//! Rounds of all pairs are interleaved, in a new random order each time, so that a slow minute of the machine affects
//! all pairs a little instead of one pair a lot. Controls are interleaved too. One round runs on each core; both sides
//! of a round share a core, so that a neighbour slows both. The rounds of a pair that fails beside others are measured
//! alone at the end of their stage, with one side set up after the other: processes may have wanted one port or one
//! file. The scheduler does not judge: `baselines::paired` decides what is missing, by rules fixed in advance.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use baselines::RunWriter;
use baselines::paired::{self, Paired, Round, Slices};
use baselines::policy::Policy;
use parking_lot::Mutex;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use stats::Procedure;
use stats::decision::Stage;

use worker::pin;
use worker::protocol::Command;

use super::deadlines::Deadlines;
use super::jobs::Job;
use super::placement::Placement;
use super::round::{self, RoundTerms};
use super::worker_client::WorkerClient;
use super::worker_program::WorkerProgram;
use crate::budget::Budget;
use crate::build::layouts::{self, Layouts};
use crate::cores;
use crate::progress::Progress;

/// The duration of a slice on this machine, long against the clock's error and short against changes of the machine. On
/// a busy machine rounds of 2, 3 and 5 ms slices spread alike: differences between processes outweigh what a longer
/// slice evens out, so the time goes into rounds.
pub const SLICE_NS: u64 = 3_000_000;

/// The most operations of a slice: a benchmark that still takes no time does nothing.
const MOST_OPERATIONS: u64 = 1 << 30;

/// The settings of a measurement.
#[derive(Debug, Clone)]
pub struct Settings<'a> {
    /// The rules: the number of rounds and the levels.
    pub procedure: &'a Procedure,
    /// The policy, which sets the margins.
    pub policy: &'a Policy,
    /// The date by which exceptions are checked.
    pub today: jiff::civil::Date,
    /// The seed of the drawn orders.
    pub seed: u64,
    /// The longest times of worker answers.
    pub deadlines: Deadlines,
    /// After the first look, only the controls go on: something else has decided already.
    pub first_look_only: bool,
    /// The time that is left: a pair that needs more rounds then is inconclusive.
    pub budget: Budget,
    /// The operations of a slice, as far as they are known; new ones are added.
    pub sizes: &'a Sizes,
}

/// The operations of a slice by the program's `Debug` text.
#[derive(Debug, Default)]
pub struct Sizes(Mutex<BTreeMap<String, u64>>);

impl Sizes {
    fn of(&self, program: &WorkerProgram) -> Option<u64> {
        program.slicing.operations.or_else(|| self.0.lock().get(&format!("{program:?}")).copied())
    }
}

/// Measures all jobs into a run. A pair that fails is abandoned; the others continue.
pub fn run_rounds(mut jobs: Vec<Job>, settings: &Settings<'_>, writer: &mut RunWriter) -> Result<()> {
    let mut random = Pcg64::seed_from_u64(settings.seed);
    size(&mut jobs, settings, writer)?;
    loop {
        let (pairs, elsewhere) = (&writer.so_far().pairs, writer.so_far().elsewhere());
        ensure!(pairs.len() == jobs.len(), "the run has {} pairs for {} jobs", pairs.len(), jobs.len());
        let mut wanted = paired::missing(settings.procedure, pairs, settings.policy, settings.today, elsewhere)?;
        if settings.first_look_only {
            wanted.retain(|(pair, stage, _)| *stage == Stage::Screen || pairs[*pair].pair.control.is_some());
        }
        if wanted.is_empty() || settings.budget.is_over() {
            return Ok(());
        }
        let confirming = wanted.iter().any(|(_, stage, _)| *stage == Stage::Confirm);
        let total = wanted.iter().map(|(_, _, rounds)| rounds).sum();
        layouts::prepare(&needed(&jobs, &wanted, pairs))?;
        let progress = Progress::start(if confirming { "confirm" } else { "screen" }, total);
        let turns = wanted.iter().map(|(_, _, rounds)| *rounds).max().unwrap_or(0);
        let mut queue = Vec::with_capacity(total);
        for turn in 0..turns {
            let mut order: Vec<_> = wanted.iter().filter(|(_, _, rounds)| *rounds > turn).collect();
            order.shuffle(&mut random);
            queue.extend(order.into_iter().map(|(pair, stage, _)| QueuedRound {
                pair: *pair,
                stage: *stage,
                round: pairs[*pair].rounds.len() + turn,
                seed: random.random(),
            }));
        }
        let alone = jobs.iter().any(|job| job.base.slicing.alone);
        let cores = if alone { vec![None] } else { pin::cores() };
        let mut stage = RoundQueue {
            jobs: &jobs,
            queue: Mutex::new(queue.into_iter()),
            aside: Mutex::default(),
            is_alone: false,
            writer: Mutex::new(writer),
            progress,
            settings,
        };
        std::thread::scope(|scope| {
            let stage = &stage;
            let started: Vec<_> = cores.iter().map(|core| scope.spawn(move || stage.take(*core))).collect();
            started
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a measuring thread panicked")))
        })?;
        stage.queue = Mutex::new(std::mem::take(stage.aside.get_mut()).into_iter());
        stage.is_alone = true;
        stage.take(cores[0])?;
    }
}

/// The layouts of the next rounds.
fn needed<'a>(jobs: &'a [Job], wanted: &[(usize, Stage, usize)], pairs: &[Paired]) -> Vec<(&'a Layouts, usize)> {
    let mut needed = Vec::new();
    for (pair, _, rounds) in wanted {
        let before = pairs[*pair].rounds.len();
        let programs = [&jobs[*pair].base, &jobs[*pair].new];
        for layouts in programs.into_iter().filter_map(|program| program.layouts.as_ref()) {
            needed.extend((before..before + rounds).map(|round| (layouts, round)));
        }
    }
    needed
}

/// A round to measure.
struct QueuedRound {
    pair: usize,
    stage: Stage,
    /// The number of the round within its pair.
    round: usize,
    seed: u64,
}

/// The rounds of one stage, with one thread on each core.
struct RoundQueue<'a> {
    jobs: &'a [Job],
    queue: Mutex<std::vec::IntoIter<QueuedRound>>,
    /// The rounds of pairs of which one has failed beside others.
    aside: Mutex<Vec<QueuedRound>>,
    /// One round is measured at a time.
    is_alone: bool,
    writer: Mutex<&'a mut RunWriter>,
    progress: Progress,
    settings: &'a Settings<'a>,
}

impl RoundQueue<'_> {
    /// Measures round after round on a core, until none is left or the time is up.
    fn take(&self, core: Option<usize>) -> Result<()> {
        let Settings { budget, deadlines, .. } = *self.settings;
        while !budget.is_over() {
            let next = self.queue.lock().next();
            let Some(turn) = next else { break };
            if self.writer.lock().so_far().pairs[turn.pair].abandoned {
                continue;
            }
            if self.aside.lock().iter().any(|other| other.pair == turn.pair) {
                self.aside.lock().push(turn);
                continue;
            }
            let job = &self.jobs[turn.pair];
            let mut random = Pcg64::seed_from_u64(turn.seed);
            let terms = RoundTerms {
                number: turn.round,
                operations: job.pair.operations,
                placement: Placement::draw(core, &mut random),
                deadlines: deadlines.within(budget),
                in_turn: self.is_alone,
            };
            let measured = round::measure(&job.base, &job.new, terms, &mut random);
            // The end of the time may have cut it off.
            if measured.is_err() && budget.is_over() {
                break;
            }
            if measured.is_err() && !self.is_alone && !job.base.slicing.alone {
                self.aside.lock().push(turn);
                continue;
            }
            self.write(&turn, measured)?;
            self.progress.done(&job.pair.case.benchmark);
        }
        Ok(())
    }

    fn write(&self, turn: &QueuedRound, measured: Result<(Slices, Slices)>) -> Result<()> {
        let mut writer = self.writer.lock();
        let writer = &mut **writer;
        // Another core may have abandoned it already.
        if writer.so_far().pairs[turn.pair].abandoned {
            return Ok(());
        }
        match measured {
            Ok((base, new)) => {
                let round = Round { pair: turn.pair, stage: turn.stage, base, new };
                // Reports a clock that stands still here instead of at the judgement.
                match round.value(&self.jobs[turn.pair].pair.metric) {
                    Ok(_) => Ok(writer.round(round)?),
                    Err(error) => abandon(turn.pair, &error.into(), writer, &self.progress),
                }
            }
            Err(error) => abandon(turn.pair, &error, writer, &self.progress),
        }
    }
}

fn abandon(pair: usize, error: &anyhow::Error, writer: &mut RunWriter, progress: &Progress) -> Result<()> {
    progress.say(&format!("invalid: times of {}: {error:#}", writer.so_far().pairs[pair].pair.case));
    Ok(writer.abandon(pair, format!("{error:#}"))?)
}

/// Determines the operations of a slice, one program per core, and records the pairs. Both sides use the same number.
fn size(jobs: &mut [Job], settings: &Settings<'_>, writer: &mut RunWriter) -> Result<()> {
    let mut unknown: BTreeMap<String, (WorkerProgram, String)> = BTreeMap::new();
    for job in jobs.iter().filter(|job| settings.sizes.of(&job.base).is_none()) {
        unknown.insert(format!("{:?}", job.base), (job.base.clone(), job.pair.metric.clone()));
    }
    let progress = Progress::start("sizes", unknown.len());
    let unknown: Vec<_> = unknown.into_iter().collect();
    let sized = cores::on_each(&unknown, |core, (_, (program, metric))| {
        let placement = Placement { core, ..Placement::default() };
        let operations = operations(program, metric, placement, settings.deadlines.within(settings.budget));
        progress.done(&program.command.case);
        operations
    });
    let mut failures = BTreeMap::new();
    for ((name, _), operations) in unknown.into_iter().zip(sized) {
        match operations {
            Ok(operations) => drop(settings.sizes.0.lock().insert(name, operations)),
            // The end of the time may have cut it off: without rounds it is inconclusive.
            Err(_) if settings.budget.is_over() => {}
            Err(error) => drop(failures.insert(name, error)),
        }
    }
    for job in jobs {
        if let Some(operations) = settings.sizes.of(&job.base) {
            job.pair.operations = operations;
        }
        let pair = writer.pair(job.pair.clone())?;
        if let Some(error) = failures.get(&format!("{:?}", job.base)) {
            abandon(pair, error, writer, &progress)?;
        }
    }
    Ok(())
}

/// The number of operations that takes about as long as a slice should.
pub fn operations(program: &WorkerProgram, metric: &str, placement: Placement, deadlines: Deadlines) -> Result<u64> {
    let mut process = WorkerClient::start(program, None, placement, deadlines).context("the base")?;
    let operations = fitting(&mut process, metric).context("the base")?;
    // A process that is killed would leave its temporary files behind.
    process.end().and_then(|()| process.ended()).context("the base")?;
    Ok(operations)
}

fn fitting(process: &mut WorkerClient, metric: &str) -> Result<u64> {
    let mut operations = process.ready()?.counted.max(1);
    loop {
        let worked = process.slice(Command::Slice(operations))?;
        let time_ns = if metric == "wall_time" { worked.wall_ns } else { worked.cpu_ns };
        // The first slices are cold, so the size comes from one that is near the target.
        if time_ns >= SLICE_NS / 2 {
            let fitting = (operations as f64 * SLICE_NS as f64 / time_ns as f64).round().max(1.0);
            return Ok(fitting as u64);
        }
        ensure!(operations < MOST_OPERATIONS, "{operations} operations took {time_ns} ns: its clock stands still");
        let growth = (SLICE_NS as f64 / time_ns.max(1) as f64).clamp(2.0, 16.0);
        operations = (operations as f64 * growth) as u64;
    }
}
