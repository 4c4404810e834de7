//! The lanes of a run: which cases, in which order, how many at once, and what becomes a record.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow};
use baselines::{CallStacks, RunWriter};
use memory::Variant;
use memory::corpus::Corpus;

use super::run::{Profile, Selection};
use crate::cases::Case;
use crate::input::{Input, Source};
use crate::progress::Progress;
use crate::remote::{self, Site};
use crate::runner::artifacts::{Artifacts, Program};
use crate::runner::counts::{self, Counted};
use crate::runner::effect::{self, Extent};
use crate::runner::home::Home;
use crate::runner::load::{self, Pressure};
use crate::runner::profile::Subject;
use crate::runner::times::{self, Effort};
use crate::workspace;

/// The finished repetitions of each case, with their numbers.
type Finished = Mutex<Vec<Vec<(usize, Result<Counted>)>>>;

/// What a run measures.
pub struct Plan<'a> {
    /// The cases.
    pub cases: &'a [Case],
    /// Where child processes get their input.
    pub source: &'a Source,
    /// The input.
    pub input: &'a Input,
    /// The programs.
    pub artifacts: &'a Artifacts,
    /// What was asked for.
    pub selection: &'a Selection,
    /// How long it may take.
    pub profile: Profile,
}

/// Cases whose call stacks every run with a counts lane keeps, where they are selected.
const PROFILED: [&str; 3] = ["lifecycle_memory", "retrieve_1000", "step_log_redb_buffered"];

/// Bytes by which the environment of each repetition grows: odd, so that no alignment repeats.
const PADDING: usize = 1237;

/// Exact counts: as many cases at once as there are cores, because another process can't bend them.
///
/// # Errors
/// A record can't be written. A case that fails becomes a distrusted one.
pub fn counts(plan: &Plan<'_>, writer: &mut RunWriter) -> Result<()> {
    let repetitions = plan.selection.repeat as usize;
    let progress = Progress::start("counts", plan.cases.len() * repetitions);
    let home = tempfile::Builder::new().prefix("counts-").tempdir_in(folder()?).context("no folder for profiles")?;
    let program = plan.artifacts.path(Program::Counts)?;
    let runner = plan.artifacts.path(Program::GungraunRunner)?;
    let worker = plan.artifacts.path(Program::Worker)?;
    // Each repetition at a path of its own.
    let scratch = home.path().join("scratch");
    std::fs::create_dir(&scratch).context("no folder for stores")?;
    let homes: Vec<Home> = (0..repetitions).map(|_| Home::new(program, &scratch)).collect::<Result<_>>()?;
    let jobs: Vec<(usize, usize)> =
        (0..plan.cases.len()).flat_map(|case| (0..repetitions).map(move |repetition| (case, repetition))).collect();
    let queue = Mutex::new(jobs.into_iter());
    let results: Finished = Mutex::new(plan.cases.iter().map(|_| vec![]).collect());
    let writer = Mutex::new(writer);
    let written = Mutex::new(Ok(()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    // A statement of its own: as the condition of a loop it would hold the queue while the case is counted.
                    let next = lock(&queue).next();
                    let Some((index, repetition)) = next else { break };
                    let case = &plan.cases[index];
                    let setting = counts::Setting {
                        program: homes[repetition].program(),
                        scratch: homes[repetition].scratch(),
                        runner: runner.to_owned(),
                        worker: worker.to_owned(),
                        folder: home.path().join(format!("{index}-{repetition}")),
                        source: plan.source.clone(),
                        set: plan.selection.set.clone(),
                        padding: repetition * PADDING,
                    };
                    let counted = counts::count(case, &setting);
                    // Profiles are large, and what matters of them has been read.
                    let _ = std::fs::remove_dir_all(&setting.folder);
                    progress.done(&case.label());
                    let mut results = lock(&results);
                    results[index].push((repetition, counted));
                    if results[index].len() == repetitions {
                        let counted = std::mem::take(&mut results[index]);
                        drop(results);
                        if let Err(error) = record(case, counted, &mut lock(&writer), &progress) {
                            *lock(&written) = Err(error);
                        }
                    }
                }
            });
        }
    });
    written.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn record(
    case: &Case,
    mut counted: Vec<(usize, Result<Counted>)>,
    writer: &mut RunWriter,
    progress: &Progress,
) -> Result<()> {
    counted.sort_by_key(|(repetition, _)| *repetition);
    let repetitions: Result<Vec<Counted>> = counted.into_iter().map(|(_, counted)| counted).collect();
    match repetitions.and_then(|repetitions| counts::measurements(case, &repetitions)) {
        Ok(measurements) => {
            for measurement in measurements {
                writer.measurement(measurement)?;
            }
        }
        Err(error) => {
            progress.say(&format!("invalid: {}: {error:#}", case.label()));
            writer.invalid(case.label(), format!("{error:#}"))?;
        }
    }
    Ok(())
}

/// Call stacks of a few cases.
///
/// # Errors
/// A record can't be written. A case that can't be profiled is skipped.
pub fn stacks(plan: &Plan<'_>, writer: &mut RunWriter) -> Result<Vec<CallStacks>> {
    let chosen: Vec<&Case> = plan.cases.iter().filter(|case| PROFILED.contains(&case.id)).collect();
    if chosen.is_empty() {
        return Ok(vec![]);
    }
    let progress = Progress::start("stacks", chosen.len());
    let worker = plan.artifacts.path(Program::Worker)?;
    let profiled = std::thread::scope(|scope| {
        let started: Vec<_> = chosen
            .iter()
            .map(|case| {
                scope.spawn(|| {
                    let folded = subject(case, worker, &plan.selection.set, plan.source).stacks();
                    progress.done(&case.label());
                    folded
                })
            })
            .collect();
        started
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("the thread that profiled it panicked"))))
            .collect::<Vec<_>>()
    });
    let mut stacks = Vec::new();
    for (case, folded) in chosen.iter().zip(profiled) {
        match folded {
            Ok(folded) => stacks.push(CallStacks {
                case: case.record(),
                unit: "instructions".to_owned(),
                folded,
                base_folded: None,
            }),
            Err(error) => writer.skipped(format!("call stacks of {}", case.label()), format!("{error:#}"))?,
        }
    }
    Ok(stacks)
}

/// One count of a case, for its profile.
pub fn subject<'a>(case: &Case, worker: &'a Path, set: &'a [String], source: &'a Source) -> Subject<'a> {
    Subject { worker, id: case.id, set, source, operations: case.benchmark.operations }
}

/// Wall times by criterion, one case at a time.
///
/// # Errors
/// A record can't be written. A case that fails becomes a distrusted one.
pub fn time(plan: &Plan<'_>, writer: &mut RunWriter) -> Result<()> {
    let effort = match plan.profile {
        Profile::Quick => Effort { warm_up_s: 0.05, measurement_s: 0.2, samples: 10 },
        Profile::Full => Effort { warm_up_s: 1.0, measurement_s: 3.0, samples: 50 },
    };
    let home = tempfile::Builder::new().prefix("times-").tempdir_in(folder()?).context("no folder for samples")?;
    let progress = Progress::start("time", plan.cases.len());
    for case in plan.cases {
        match times::time(
            case,
            plan.artifacts.path(Program::Times)?,
            home.path(),
            plan.source,
            &plan.selection.set,
            effort,
        ) {
            Ok(measurement) => writer.measurement(measurement)?,
            Err(error) => {
                progress.say(&format!("invalid: {}: {error:#}", case.label()));
                writer.invalid(case.label(), format!("{error:#}"))?;
            }
        }
        progress.done(&case.label());
    }
    Ok(())
}

/// Load on a few variants of the server.
///
/// # Errors
/// A record can't be written. A variant that fails becomes a distrusted one.
pub fn load(plan: &Plan<'_>, writer: &mut RunWriter) -> Result<()> {
    let pressure = match plan.profile {
        Profile::Quick => Pressure { duration_s: 4, rate: 20.0, seed: plan.input.seed },
        Profile::Full => Pressure { duration_s: 60, rate: 20.0, seed: plan.input.seed },
    };
    let mut chosen: Vec<Variant> = Vec::new();
    for text in load::VARIANTS {
        let mut variant: Variant = text.parse()?;
        for (toggle, strategy) in plan.selection.set.iter().filter_map(|pair| pair.split_once('=')) {
            variant.set(toggle, strategy)?;
        }
        let selected =
            plan.selection.filter.as_ref().is_none_or(|filter| format!("load/episodes [{text}]").contains(filter));
        if selected && variant.validate().is_ok() && !chosen.contains(&variant) {
            chosen.push(variant);
        }
    }
    if chosen.is_empty() {
        return Ok(());
    }
    let (_home, corpus) = corpus(plan)?;
    let progress = Progress::start("load", chosen.len());
    for variant in &chosen {
        match load::drive(variant, &corpus, plan.artifacts, pressure) {
            Ok(measurements) => {
                for measurement in measurements {
                    writer.measurement(measurement)?;
                }
            }
            Err(error) => {
                progress.say(&format!("invalid: load on {variant}: {error:#}"));
                writer.invalid(format!("load/episodes [{variant}]"), format!("{error:#}"))?;
            }
        }
        progress.done(&variant.to_string());
    }
    Ok(())
}

/// What goes over the wire: operations on a database's server, and episodes over HTTP.
///
/// # Errors
/// A record can't be written, or a server that is there does not start. A case that fails becomes a distrusted one.
pub fn effect(plan: &Plan<'_>, writer: &mut RunWriter) -> Result<()> {
    let extent = match plan.profile {
        Profile::Quick => Extent::QUICK,
        Profile::Full => Extent::FULL,
    };
    let site = match remote::missing() {
        None => Some(Site::start()?),
        Some(why) => {
            eprintln!("skipped: what is remote: {why}");
            writer.skipped("remote", why)?;
            None
        }
    };
    let mut work = effect::select(plan.selection.filter.as_deref(), &plan.selection.set)?;
    work.retain(|work| work.benchmark.is_none() || site.is_some());
    let (_home, corpus) = corpus(plan)?;
    let progress = Progress::start("effect", work.len());
    for work in &work {
        let measured = match (work.benchmark, &site) {
            (Some(benchmark), Some(site)) => {
                effect::remote(benchmark, &work.variant, site, site.distances(), plan.input, extent)
            }
            _ => effect::http(&work.variant, &corpus, plan.artifacts, extent, plan.input.seed),
        };
        let label = work.label();
        match measured {
            Ok(measurements) => {
                for measurement in measurements {
                    writer.measurement(measurement)?;
                }
            }
            Err(error) => {
                progress.say(&format!("invalid: {label}: {error:#}"));
                writer.invalid(label.clone(), format!("{error:#}"))?;
            }
        }
        progress.done(&label);
    }
    Ok(())
}

/// The input as a corpus file, in a folder that ends with the first of the two.
fn corpus(plan: &Plan<'_>) -> Result<(tempfile::TempDir, PathBuf)> {
    let home = tempfile::Builder::new().prefix("load-").tempdir_in(folder()?).context("no folder for the corpus")?;
    let corpus = home.path().join("corpus.jsonl");
    memory::corpus::write(&corpus, &Corpus { source: plan.input.name.clone(), scripts: plan.input.scripts.clone() })?;
    Ok((home, corpus))
}

fn folder() -> Result<PathBuf> {
    let folder = workspace::output().join("scratch");
    std::fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    Ok(folder)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic of one thread ends the scope with a panic: what it left is not used.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
