//! The counts lane: each case runs under callgrind, and alone with an allocator that counts. DHAT counts the blocks of
//! C code, where callgrind sees that there are any.
//!
//! Only code below [`ROOT`] is counted. Other processes do not change a count, so each core counts a case of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use baselines::compare::{MISPREDICTED, THREADS};
use baselines::{CallStacks, CaseKey, FunctionCost, Measurement, RunWriter, Sample};
use tempfile::TempDir;
use worker::protocol::Counted;
use worker::slice::ROOT;
use worker::valgrind::INSTRUMENTATION;
use workloads::engagement::WORK;

use super::UNIT;
use crate::budget::Budget;
use crate::build::checkout::Build;
use crate::case_command::CaseCommand;
use crate::cores;
use crate::fixed_length_dir::FixedLengthDir;
use crate::progress::Progress;
use crate::subject::{Counting, Subject, SubjectCase};
use crate::tools::bounded::successful;
use crate::tools::callgrind::{self, CallgrindProfile, mangled};
use crate::tools::dhat::{self, Allocations};
use crate::tools::function_costs::{self, SEPARATE_CALLERS};
use crate::tools::process_profile::{self, Invocation, ProcessCounts};
use crate::tools::valgrind::{self, ExactCount};
use crate::{words, workspace};

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
    /// The symbols of the functions that it executed.
    pub executed: BTreeSet<String>,
}

/// The metric that is a maximum. All others are sums.
const PEAK: &str = "peak_bytes";

/// The metrics in the order of reports.
pub const METRICS: [&str; 11] = [
    "instructions",
    "system_calls",
    "branches",
    "l1_hits",
    "ll_hits",
    "ram_hits",
    "estimated_cycles",
    "allocations",
    "allocated_bytes",
    "retained_blocks",
    PEAK,
];

/// What callgrind keeps besides instructions: events, and callers. The simulated caches are fixed: by default they are
/// the machine's, and every machine would count other hits.
pub const DETAILS: [&str; 7] = [
    "--collect-systime=yes",
    "--cache-sim=yes",
    "--branch-sim=yes",
    "--I1=32768,8,64",
    "--D1=32768,8,64",
    "--LL=8388608,16,64",
    SEPARATE_CALLERS,
];

/// The longest time of one exact count: what takes longer hangs, or is too long to be counted.
const LONGEST: Duration = Duration::from_secs(300);

/// The reason why a long benchmark has no counts.
const TOO_LONG: &str = "an operation takes more than half a second, and would take minutes under valgrind";

/// Bytes that each repetition adds to the environment: odd, so that no alignment repeats.
const PADDING: usize = 1237;

/// Where cases are counted: copies of their programs at paths of one length, with folders for stores.
#[derive(Debug)]
pub struct Place {
    /// By program and repetition.
    homes: BTreeMap<(PathBuf, usize), FixedLengthDir>,
    folder: TempDir,
    crates: Vec<String>,
    budget: Budget,
}

impl Place {
    /// Copies programs for this number of repetitions, each to its own path. `crates` are the project's.
    pub fn new<'a>(
        programs: impl IntoIterator<Item = &'a Path>,
        repetitions: usize,
        crates: Vec<String>,
    ) -> Result<Place> {
        let folder = workspace::temporary("counts-")?;
        let mut homes = BTreeMap::new();
        for program in programs {
            for repetition in 0..repetitions {
                homes.insert((program.to_owned(), repetition), FixedLengthDir::new(program)?);
            }
        }
        Ok(Place { homes, folder, crates, budget: Budget::default() })
    }

    /// The same, where a count that is not done when the time is up fails.
    pub fn within(self, budget: Budget) -> Place {
        Place { budget, ..self }
    }

    /// Counts a case of one of the programs; `number` distinguishes counts taken at the same time.
    pub fn count(&self, command: &CaseCommand, number: usize, repetition: usize) -> Result<CaseCounts> {
        self.with(command, number, repetition, |count, folder| self.count_once(count, folder))
    }

    fn instructions(&self, command: &CaseCommand, number: usize, repetition: usize) -> Result<u64> {
        self.with(command, number, repetition, |count, folder| Ok(callgrind(count, folder, &[])?.total))
    }

    /// Calls with an exact count and a folder for its profiles.
    fn with<T>(
        &self,
        command: &CaseCommand,
        number: usize,
        repetition: usize,
        counted: impl FnOnce(&ExactCount, &Path) -> Result<T>,
    ) -> Result<T> {
        let home = self.homes.get(&(command.program.clone(), repetition)).context("this program was not copied")?;
        let count = ExactCount {
            command: CaseCommand { program: home.program(), ..command.clone() },
            scratch: home.scratch(),
            padding: repetition * PADDING,
            budget: self.budget,
        };
        let profiles = self.folder.path().join(format!("{number}-{repetition}"));
        std::fs::create_dir_all(&profiles).with_context(|| format!("can't create {}", profiles.display()))?;
        let counted = counted(&count, &profiles);
        // Profiles are large, and are not needed after parsing.
        let _ = std::fs::remove_dir_all(&profiles);
        counted
    }

    fn count_once(&self, count: &ExactCount, folder: &Path) -> Result<CaseCounts> {
        let case = &count.command.case;
        let Counted { heap, mut counters, input, threads } =
            serde_json::from_slice(&successful(&mut count.with_heap(), "the worker", longest(count))?)
                .context("the worker did not say that it counted: it is older than this assay")?;
        let profile = callgrind(count, folder, &DETAILS)?;
        let mut values = hits(&profile.events)?;
        let blocks = profile.heap_blocks(ROOT);
        let allocated = match heap {
            // As many blocks as the worker's allocator saw: then no C code made any, and DHAT would count the same.
            Some(heap) if heap.allocations == blocks => {
                Allocations { blocks: heap.allocations, bytes: heap.allocated_bytes }
            }
            None if blocks == 0 => Allocations::default(),
            _ => dhat(count, folder)?,
        };
        if let Some(heap) = heap {
            ensure!(
                allocated.blocks >= heap.allocations,
                "DHAT counts {} allocations of {case}, its allocator {}: stacks were cut",
                allocated.blocks,
                heap.allocations
            );
            values.insert(PEAK, heap.peak_bytes as f64);
        }
        values.insert("system_calls", profile.system_calls(ROOT) as f64);
        values.insert("allocations", allocated.blocks as f64);
        values.insert("allocated_bytes", allocated.bytes as f64);
        values.insert("retained_blocks", blocks as f64 - profile.freed_blocks(ROOT) as f64);
        let functions = function_costs::functions(&profile, ROOT, &self.crates);
        let sum: u64 = functions.iter().map(|function| function.instructions).sum();
        ensure!(
            values.get("instructions") == Some(&(sum as f64)),
            "the functions of {case} sum to {sum}, callgrind's total is {:?}",
            values.get("instructions")
        );
        counters.retain(|counter, done| *done > 0 && WORK.contains(&counter.as_str()));
        counters.extend(threads.map(|threads| (THREADS.to_owned(), threads)));
        let mispredicted: u64 = ["Bcm", "Bim"].iter().filter_map(|event| profile.events.get(*event)).sum();
        counters.insert(MISPREDICTED.to_owned(), mispredicted);
        let folded = function_costs::folded(&profile, ROOT);
        let executed = profile.symbols.into_keys().collect();
        Ok(CaseCounts { values, work: counters, input, functions, folded, executed })
    }
}

/// The heap blocks of Rust and C code alike. Slow: DHAT watches every access to memory, and the setup's too.
pub fn dhat(count: &ExactCount, folder: &Path) -> Result<Allocations> {
    let file = folder.join("dhat.out");
    // Valgrind's default of 12 frames would end before the measured function.
    let tool = ["--tool=dhat".to_owned(), "--num-callers=100".to_owned(), argument("--dhat-out-file", &file)?];
    successful(&mut count.under(&tool), "the worker under DHAT", longest(count))?;
    let text = std::fs::read(&file).with_context(|| format!("DHAT wrote no profile to {}", file.display()))?;
    dhat::parse(&text, ROOT)
}

/// The profile of one exact count, with `more` options. It covers only code below [`ROOT`].
pub fn callgrind(count: &ExactCount, folder: &Path, more: &[&str]) -> Result<CallgrindProfile> {
    let file = folder.join("callgrind.out");
    let mut tool: Vec<String> =
        ["--tool=callgrind", INSTRUMENTATION, "--collect-atstart=no", "--dump-line=no", "--demangle=no"]
            .map(str::to_owned)
            .into();
    tool.extend(more.iter().map(|argument| (*argument).to_owned()));
    tool.push(format!("--toggle-collect=*{}*", mangled(ROOT)));
    tool.push(argument("--callgrind-out-file", &file)?);
    successful(&mut count.under(&tool), "the worker under callgrind", longest(count))?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("callgrind wrote no {}", file.display()))?;
    let profile = callgrind::parse(&text)?;
    ensure!(profile.total > 0, "the profile of {} has no code below {ROOT}", count.command.case);
    Ok(profile)
}

/// The longest time of one process of a count, as far as it is left.
fn longest(count: &ExactCount) -> Duration {
    count.budget.at_most(LONGEST)
}

fn argument(name: &str, file: &Path) -> Result<String> {
    Ok(format!("{name}={}", file.to_str().context("the path of a profile is not UTF-8")?))
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
pub fn measurements(case: &SubjectCase, repetitions: &[CaseCounts]) -> Result<Vec<Measurement>> {
    let first = repetitions.first().context("nothing was counted")?;
    let measurement = |metric: &'static str| {
        let value = |counts: &CaseCounts| -> Result<f64> {
            let value = counts.values.get(metric).with_context(|| format!("a repetition has no {metric}"))?;
            Ok(if metric == PEAK { *value } else { value / case.operations as f64 })
        };
        let sample = Sample::new(repetitions.iter().map(value).collect::<Result<_>>()?)?;
        let measurement = Measurement::new(case.key.clone(), metric, sample, case.durability).over(case.operations);
        if metric != "instructions" {
            return Ok(measurement);
        }
        let measurement = measurement.with_counters(first.work.clone()).with_functions(first.functions.clone());
        Ok(Measurement { input: first.input.clone(), target: Some(case.program.clone()), ..measurement })
    };
    METRICS.into_iter().filter(|metric| first.values.contains_key(metric)).map(measurement).collect()
}

/// The cases of one build to count.
#[derive(Clone, Copy)]
pub struct CountPlan<'a> {
    /// What they belong to.
    pub subject: &'a dyn Subject,
    /// Their programs.
    pub build: &'a Build,
    /// The cases.
    pub cases: &'a [SubjectCase],
    /// The number of counts of each case.
    pub repeat: u32,
    /// The time that is left: what was not counted by then is [`CountProfiles::too_late`].
    pub budget: Budget,
}

impl CountPlan<'_> {
    fn count(&self, place: &Place, case: &SubjectCase, number: usize, repetition: usize) -> Result<CaseCounts> {
        if self.subject.counting() != Counting::Process {
            return place.count(&self.subject.command(self.build, case), number, repetition);
        }
        let counts = whole_process(self.build, case, &place.crates, self.budget)?;
        Ok(CaseCounts {
            values: BTreeMap::from([("instructions", counts.instructions as f64)]),
            work: BTreeMap::new(),
            input: None,
            functions: counts.functions,
            folded: counts.folded,
            executed: BTreeSet::new(),
        })
    }

    /// Counts the instructions of a case, and nothing else.
    pub(super) fn instructions(
        &self,
        place: &Place,
        case: &SubjectCase,
        number: usize,
        repetition: usize,
    ) -> Result<u64> {
        match self.subject.counting() {
            Counting::Process => Ok(whole_process(self.build, case, &[], self.budget)?.instructions),
            _ => place.instructions(&self.subject.command(self.build, case), number, repetition),
        }
    }
}

/// The counts of a case that is a command.
pub fn whole_process(build: &Build, case: &SubjectCase, crates: &[String], budget: Budget) -> Result<ProcessCounts> {
    let program = build.find(&case.program).context("every command has a program")?;
    let arguments = &words::split(&case.id)?[1..];
    let folder = &build.tree.join(&program.package);
    process_profile::count(Invocation { program: &program.path, arguments, folder, crates, budget })
}

/// The cases that the lane can count. What it can't is skipped with the reason.
pub fn countable(subject: &dyn Subject, cases: &[SubjectCase], writer: &mut RunWriter) -> Result<Vec<SubjectCase>> {
    let impossible = if let Counting::No(why) = subject.counting() { Some(why) } else { valgrind::missing() };
    if let Some(why) = impossible {
        eprintln!("skipped: the counts lane: {why}");
        writer.skipped("counts lane", why)?;
        return Ok(vec![]);
    }
    let (too_long, countable): (Vec<_>, Vec<_>) = cases.iter().cloned().partition(|case| case.operations == 0);
    for case in too_long {
        writer.skipped(format!("counts of {}", case.label()), TOO_LONG)?;
    }
    Ok(countable)
}

/// What the lane found out besides measurements.
#[derive(Debug, Default)]
pub struct CountProfiles {
    /// The call stacks of the cases that are wanted.
    pub stacks: Vec<CallStacks>,
    /// The symbols of the functions that each case executed.
    pub executed: BTreeMap<CaseKey, BTreeSet<String>>,
    /// The cases for which there was no time.
    pub too_late: BTreeSet<CaseKey>,
}

/// Measures the lane, with the call stacks of the cases that are wanted. A case that fails becomes an invalid entry.
pub fn measure(
    plan: CountPlan<'_>,
    writer: &mut RunWriter,
    stacks_of: impl Fn(&SubjectCase) -> bool + Sync,
) -> Result<CountProfiles> {
    let CountPlan { subject, build, cases, repeat, budget } = plan;
    if cases.is_empty() {
        return Ok(CountProfiles::default());
    }
    let repetitions = repeat as usize;
    let progress = Progress::start("counts", cases.len());
    let programs = build.programs.iter().map(|program| program.path.as_path());
    let place = Place::new(programs, repetitions, subject.crates()?)?.within(budget);
    let mut profiles = CountProfiles::default();
    // None if there was no time for it.
    let count = |_, number: usize, case: &SubjectCase| -> Result<Option<Vec<CaseCounts>>> {
        budget.in_time(|| (0..repetitions).map(|repetition| plan.count(&place, case, number, repetition)).collect())
    };
    let done = |number: usize, counted: Result<Option<Vec<CaseCounts>>>| {
        let case = &cases[number];
        let Some(counted) = counted.transpose() else {
            profiles.too_late.insert(case.key.clone());
            return Ok(());
        };
        match counted.and_then(|counted| Ok((measurements(case, &counted)?, counted))) {
            Ok((measurements, counted)) => {
                measurements.into_iter().try_for_each(|measurement| writer.measurement(measurement))?;
                let Some(CaseCounts { folded, executed, .. }) = counted.into_iter().next() else { return Ok(()) };
                if stacks_of(case) {
                    let (case, unit) = (case.key.clone(), UNIT.to_owned());
                    profiles.stacks.push(CallStacks { case, unit, folded, base_folded: None });
                }
                profiles.executed.insert(case.key.clone(), executed);
            }
            // What valgrind can't run on either side is still timed; if it counts on one side, it is missing here.
            Err(error) if !subject.is_exact() => {
                progress.say(&format!("skipped: counts of {}: {error:#}", case.label()));
                writer.skipped(format!("counts of {}", case.label()), format!("{error:#}"))?;
            }
            Err(error) => super::invalid(&case.label(), &error, writer, &progress)?,
        }
        progress.done(&case.label());
        Ok(())
    };
    cores::for_each(cases, count, done)?;
    Ok(profiles)
}
