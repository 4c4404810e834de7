//! The counts lane: each case runs under callgrind, and alone with an allocator that counts. DHAT counts the blocks of
//! C code, where callgrind sees that there are any.
//!
//! Only code below [`ROOT`] is counted. Other processes do not change a count, so one case a core is counted at a time.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use baselines::compare::THREADS;
use baselines::{CallStacks, FunctionCost, Measurement, RunWriter, Sample};
use parking_lot::Mutex;
use tempfile::TempDir;
use worker::protocol::Counted;
use worker::slice::ROOT;
use worker::valgrind::INSTRUMENTATION;
use workloads::cases::{Case, Tag};
use workloads::engagement::WORK;
use workloads::input::Source;

use super::{Plan, UNIT};
use crate::fixed_length_dir::FixedLengthDir;
use crate::progress::Progress;
use crate::recorded::Recorded;
use crate::tools::attribution::{self, DEPTH};
use crate::tools::callgrind::{self, CallgrindProfile};
use crate::tools::dhat::{self, Allocations};
use crate::tools::valgrind::{CountedWorker, last_lines};
use crate::workspace;

/// One exact count of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseCounts {
    /// Values by metric, over all operations.
    pub values: BTreeMap<&'static str, f64>,
    /// What the whole process did, by counter.
    pub work: BTreeMap<String, u64>,
    /// The name and checksum of what it worked on.
    pub input: Option<String>,
    /// Cost by function.
    pub functions: Vec<FunctionCost>,
    /// Folded call stacks, outermost frame first.
    pub folded: String,
}

/// The metric that is a maximum. All others are sums.
const PEAK: &str = "peak_bytes";

/// The metrics in the order of reports.
pub const METRICS: [&str; 10] = [
    "instructions",
    "system_calls",
    "branches",
    "l1_hits",
    "ll_hits",
    "ram_hits",
    "estimated_cycles",
    "allocations",
    "allocated_bytes",
    PEAK,
];

/// What callgrind counts besides instructions. The simulated caches are fixed: by default they are the machine's, and
/// every machine would count other hits.
pub const EVENTS: [&str; 6] = [
    "--collect-systime=yes",
    "--cache-sim=yes",
    "--branch-sim=yes",
    "--I1=32768,8,64",
    "--D1=32768,8,64",
    "--LL=8388608,16,64",
];

/// Bytes that each repetition adds to the environment: odd, so that no alignment repeats.
const PADDING: usize = 1237;

/// Copies of a worker at paths of one length, and a folder for stores.
#[derive(Debug)]
pub struct Place {
    homes: Vec<FixedLengthDir>,
    folder: TempDir,
}

impl Place {
    /// Prepares this number of repetitions, each with its own path.
    pub fn new(worker: &Path, repetitions: usize) -> Result<Place> {
        let folder = workspace::temporary("counts-")?;
        let scratch = folder.path().join("scratch");
        std::fs::create_dir(&scratch).context("can't create a folder for stores")?;
        let homes = (0..repetitions).map(|_| FixedLengthDir::new(worker, &scratch)).collect::<Result<_>>()?;
        Ok(Place { homes, folder })
    }

    /// Counts a case, with toggles overridden; `number` distinguishes counts taken at the same time.
    pub fn count(
        &self,
        case: &Case,
        set: &[String],
        source: &Source,
        number: usize,
        repetition: usize,
    ) -> Result<CaseCounts> {
        let home = &self.homes[repetition];
        let worker = CountedWorker {
            program: home.program(),
            case: case.id.to_owned(),
            set: set.to_vec(),
            source: source.clone(),
            scratch: home.scratch(),
            padding: repetition * PADDING,
        };
        let profiles = self.folder.path().join(format!("{number}-{repetition}"));
        std::fs::create_dir_all(&profiles).with_context(|| format!("can't create {}", profiles.display()))?;
        let counted = count(&worker, &profiles);
        // Profiles are large, and are not needed after parsing.
        let _ = std::fs::remove_dir_all(&profiles);
        counted
    }
}

fn count(worker: &CountedWorker, folder: &Path) -> Result<CaseCounts> {
    let Counted { heap, mut counters, input, threads } =
        serde_json::from_slice(&output(&mut worker.with_heap(), "the worker")?)
            .context("the worker printed no heap usage: it is older than this assay")?;
    let profile = callgrind(worker, folder, &EVENTS)?;
    let mut values = hits(&profile.events)?;
    // As many blocks as the worker's allocator saw: then no C code made any, and DHAT would count the same.
    let allocated = match profile.heap_blocks(ROOT) == heap.allocations {
        true => Allocations { blocks: heap.allocations, bytes: heap.allocated_bytes },
        false => dhat(worker, folder)?,
    };
    ensure!(
        allocated.blocks >= heap.allocations,
        "DHAT counts {} allocations of {}, its allocator {}: stacks were cut",
        allocated.blocks,
        worker.case,
        heap.allocations
    );
    values.insert("system_calls", profile.system_calls(ROOT) as f64);
    values.insert("allocations", allocated.blocks as f64);
    values.insert("allocated_bytes", allocated.bytes as f64);
    values.insert(PEAK, heap.peak_bytes as f64);
    let functions = attribution::functions(&profile, ROOT);
    let sum: u64 = functions.iter().map(|function| function.instructions).sum();
    ensure!(
        values.get("instructions") == Some(&(sum as f64)),
        "the functions of {} sum to {sum}, callgrind's total is {:?}",
        worker.case,
        values.get("instructions")
    );
    counters.retain(|counter, done| *done > 0 && WORK.contains(&counter.as_str()));
    counters.extend(threads.map(|threads| (THREADS.to_owned(), threads)));
    Ok(CaseCounts { values, work: counters, input, functions, folded: attribution::folded(&profile, ROOT) })
}

/// The heap blocks of Rust and C code alike. Slow: DHAT watches every access to memory, and the setup's too.
pub fn dhat(worker: &CountedWorker, folder: &Path) -> Result<Allocations> {
    let file = folder.join("dhat.out");
    // Valgrind's default of 12 frames would end before the measured function.
    let tool = ["--tool=dhat".to_owned(), "--num-callers=100".to_owned(), argument("--dhat-out-file", &file)?];
    output(&mut worker.under(&tool), "DHAT")?;
    let text = std::fs::read(&file).with_context(|| format!("DHAT wrote no profile to {}", file.display()))?;
    dhat::parse(&text, ROOT)
}

/// The profile of one exact count, with callers separated. It covers only code below [`ROOT`].
pub fn callgrind(worker: &CountedWorker, folder: &Path, more: &[&str]) -> Result<CallgrindProfile> {
    let file = folder.join("callgrind.out");
    let mut tool: Vec<String> =
        ["--tool=callgrind", INSTRUMENTATION, "--collect-atstart=no", "--dump-line=no"].map(str::to_owned).into();
    tool.extend(more.iter().map(|argument| (*argument).to_owned()));
    tool.push(format!("--toggle-collect=*{ROOT}*"));
    tool.push(format!("--separate-callers={DEPTH}"));
    tool.push(argument("--callgrind-out-file", &file)?);
    output(&mut worker.under(&tool), "callgrind")?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("callgrind wrote no {}", file.display()))?;
    let profile = callgrind::parse(&text)?;
    ensure!(profile.total > 0, "the profile of {} has no code below {ROOT}", worker.case);
    Ok(profile)
}

pub(super) fn argument(name: &str, file: &Path) -> Result<String> {
    Ok(format!("{name}={}", file.to_str().context("the path of a profile is not UTF-8")?))
}

pub(super) fn output(command: &mut Command, what: &str) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("can't start {what}"))?;
    ensure!(
        output.status.success(),
        "counting failed: {what} ended with {}: {}",
        output.status,
        last_lines(&output.stdout, &output.stderr)
    );
    Ok(output.stdout)
}

/// Metrics computed from callgrind's events. A hit is an access that no faster cache served; cycles are KCachegrind's
/// estimate.
fn hits(events: &BTreeMap<String, u64>) -> Result<BTreeMap<&'static str, f64>> {
    let sum = |names: &[&str]| -> Result<u64> {
        let each = names.iter().map(|name| events.get(*name).with_context(|| format!("callgrind has no event {name}")));
        each.sum()
    };
    let accesses = sum(&["Ir", "Dr", "Dw"])?;
    let first_misses = sum(&["I1mr", "D1mr", "D1mw"])?;
    let ram = sum(&["ILmr", "DLmr", "DLmw"])?;
    let (l1, ll) = (accesses - first_misses, first_misses - ram);
    Ok(BTreeMap::from([
        ("instructions", sum(&["Ir"])? as f64),
        ("branches", sum(&["Bc", "Bi"])? as f64),
        ("l1_hits", l1 as f64),
        ("ll_hits", ll as f64),
        ("ram_hits", ram as f64),
        ("estimated_cycles", (l1 + 5 * ll + 35 * ram) as f64),
    ]))
}

/// A case's measurements: one value for each repetition, for one operation.
pub fn measurements(case: &Case, repetitions: &[CaseCounts]) -> Result<Vec<Measurement>> {
    let first = repetitions.first().context("nothing was counted")?;
    let operations = case.benchmark.operations;
    let measurement = |metric: &'static str| {
        let value = |counts: &CaseCounts| -> Result<f64> {
            let value = counts.values.get(metric).with_context(|| format!("a repetition has no {metric}"))?;
            Ok(if metric == PEAK { *value } else { value / operations as f64 })
        };
        let sample = Sample::new(repetitions.iter().map(value).collect::<Result<_>>()?)?;
        let measurement = Measurement::new(case.key(), metric, sample, case.durability()).over(operations);
        if metric != "instructions" {
            return Ok(measurement);
        }
        let measurement = measurement.with_counters(first.work.clone()).with_functions(first.functions.clone());
        Ok(Measurement { input: first.input.clone(), ..measurement })
    };
    METRICS.into_iter().map(measurement).collect()
}

/// Counts one case a core at a time, and passes each result to `done` with the number of its case.
pub fn count_all<T: Sync>(
    cases: &[T],
    count: impl Fn(usize, &T) -> Result<Vec<CaseCounts>> + Sync,
    done: impl FnMut(usize, Result<Vec<CaseCounts>>) -> Result<()> + Send,
) -> Result<()> {
    let (queue, done) = (Mutex::new(cases.iter().enumerate()), Mutex::new(done));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let work = || -> Result<()> {
        loop {
            // A separate statement: as a loop condition it would hold the lock while the case is counted.
            let next = queue.lock().next();
            let Some((number, case)) = next else { return Ok(()) };
            let counted = count(number, case);
            (done.lock())(number, counted)?;
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Measures the lane. A case that fails becomes an invalid entry. Returns the call stacks of the cases tagged for it.
pub fn measure(plan: &Plan<'_>, worker: &Path, writer: &mut RunWriter) -> Result<Vec<CallStacks>> {
    let repetitions = plan.repeat as usize;
    let progress = Progress::start("counts", plan.cases.len());
    let place = Place::new(worker, repetitions)?;
    let mut stacks = Vec::new();
    let count = |number: usize, case: &Case| {
        (0..repetitions).map(|repetition| place.count(case, plan.set, plan.source, number, repetition)).collect()
    };
    let done = |number: usize, counted: Result<Vec<CaseCounts>>| {
        let case: &Case = &plan.cases[number];
        match counted.and_then(|counted| Ok((measurements(case, &counted)?, counted))) {
            Ok((measurements, counted)) => {
                measurements.into_iter().try_for_each(|measurement| writer.measurement(measurement))?;
                if case.has(Tag::Profiled) {
                    let folded = counted.into_iter().next().map(|counted| counted.folded).unwrap_or_default();
                    stacks.push(CallStacks { case: case.key(), unit: UNIT.to_owned(), folded, base_folded: None });
                }
            }
            Err(error) => plan.invalid(&case.label(), &error, writer, &progress)?,
        }
        progress.done(&case.label());
        Ok(())
    };
    count_all(plan.cases, count, done)?;
    Ok(stacks)
}
