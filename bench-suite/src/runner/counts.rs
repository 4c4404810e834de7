//! The counts lane: starts the gungraun bench once a case, and reads its summary and callgrind's profile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use baselines::{Measurement, Sample};
use serde::{Deserialize, Serialize};

use super::callgrind_out;
use super::owners::{self, DEPTH};
use crate::cases::Case;
use crate::input::Source;
use crate::workspace;

/// How one count is taken.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The bench program.
    pub program: PathBuf,
    /// The gungraun runner.
    pub runner: PathBuf,
    /// The worker, which knows the peak of the heap: DHAT only knows that of the whole process, setup included.
    pub worker: PathBuf,
    /// Where profiles go: a folder of this count alone.
    pub folder: PathBuf,
    /// Where stores are made.
    pub scratch: PathBuf,
    /// What the benchmarks work on.
    pub source: Source,
    /// Toggles that are set otherwise than in the list of cases.
    pub set: Vec<String>,
    /// Bytes that are added to the environment of the measured process: counts must not depend on them.
    pub padding: usize,
}

/// The metrics of one case, by name, and the cost by function.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// Metric and value, for all operations together.
    pub values: BTreeMap<&'static str, f64>,
    /// Cost by function.
    pub functions: Vec<baselines::FunctionCost>,
}

/// Where gungraun's summary has what our metrics mean.
const EVENTS: [(&str, &str, &[&str]); 8] = [
    ("instructions", "Callgrind", &["Ir"]),
    ("branches", "Callgrind", &["Bc", "Bi"]),
    ("l1_hits", "Callgrind", &["L1hits"]),
    ("ll_hits", "Callgrind", &["LLhits"]),
    ("ram_hits", "Callgrind", &["RamHits"]),
    ("estimated_cycles", "Callgrind", &["EstimatedCycles"]),
    ("allocations", "DHAT", &["TotalBlocks"]),
    ("allocated_bytes", "DHAT", &["TotalBytes"]),
];

/// What gungraun calls the function that it counts.
const ROOT: &str = "::__gungraun_wrapper_mod::";

/// The metric that is taken from the worker.
const PEAK: &str = "peak_bytes";

/// Counts one case.
///
/// # Errors
/// Valgrind or the benchmark failed (the message has the end of its output), or it left no summary.
pub fn count(case: &Case, setting: &Setting) -> Result<Counted> {
    std::fs::create_dir_all(&setting.folder).with_context(|| format!("can't make {}", setting.folder.display()))?;
    let output = Command::new(&setting.program)
        .args(["--bench", "--save-summary=json", "--nocapture=false", "--color=never"])
        // Said here and not in the bench, so that a base that does not know of it is counted in the same way.
        .arg(format!("--callgrind-args=--separate-callers={DEPTH}"))
        .arg(format!("*::count::{}", case.id))
        .current_dir(workspace::root().join("bench-suite"))
        .env("GUNGRAUN_HOME", &setting.folder)
        .env("GUNGRAUN_WORKSPACE_ROOT", workspace::root())
        .env("GUNGRAUN_RUNNER", &setting.runner)
        .env("ASSAY_SET", setting.set.join(","))
        .env("ASSAY_SCRATCH", &setting.scratch)
        .env("ASSAY_PADDING", "x".repeat(setting.padding))
        .envs(setting.source.variables())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start {}", setting.program.display()))?;
    if !output.status.success() {
        bail!("counting failed ({}): {}", output.status, last_lines(&output.stdout, &output.stderr));
    }
    let summary = find(&setting.folder, &|name| name == "summary.json")?
        .with_context(|| format!("gungraun left no summary: {}", last_lines(&output.stdout, &output.stderr)))?;
    let text = std::fs::read(&summary).with_context(|| format!("can't read {}", summary.display()))?;
    let mut values = parse(&text).with_context(|| format!("{}", summary.display()))?;
    let taken = taken(case, setting)?;
    // Gungraun adds up the allocations whose stack has the measured function: were stacks cut too short, some would be missing.
    let allocations = values.get("allocations").copied().unwrap_or(f64::INFINITY);
    ensure!(
        allocations >= taken.allocations as f64,
        "DHAT counts {allocations} allocations of {}, its own allocator {}: stacks were cut",
        case.id,
        taken.allocations
    );
    values.insert(PEAK, taken.peak_bytes as f64);
    let folder = summary.parent().unwrap_or(&setting.folder);
    let profile = find(folder, &|name| name.starts_with("callgrind.") && name.ends_with(".out"))?
        .context("callgrind left no profile")?;
    let text = std::fs::read_to_string(&profile).with_context(|| format!("can't read {}", profile.display()))?;
    let functions = owners::functions(&callgrind_out::parse(&text)?, ROOT);
    let sum: u64 = functions.iter().map(|function| function.instructions).sum();
    ensure!(
        values.get("instructions") == Some(&(sum as f64)),
        "the functions of {} sum to {sum}, the summary says {:?}",
        case.id,
        values.get("instructions")
    );
    Ok(Counted { values, functions })
}

/// Measurements of one case from its repetitions: one value a repetition, for one operation.
///
/// # Errors
/// No repetition, or repetitions with different metrics.
pub fn measurements(case: &Case, repetitions: &[Counted]) -> Result<Vec<Measurement>> {
    let first = repetitions.first().context("nothing was counted")?;
    let operations = case.benchmark.operations;
    let mut measurements = Vec::new();
    for metric in EVENTS.into_iter().map(|(metric, _, _)| metric).chain([PEAK]) {
        if !first.values.contains_key(metric) {
            continue;
        }
        let mut values = Vec::with_capacity(repetitions.len());
        for repetition in repetitions {
            let value = repetition.values.get(metric).with_context(|| format!("a repetition has no {metric}"))?;
            // A peak is one of all operations; everything else is shared out among them.
            values.push(if metric == PEAK { *value } else { value / operations as f64 });
        }
        let functions = if metric == "instructions" { first.functions.clone() } else { vec![] };
        measurements.push(Measurement {
            case: case.record(),
            metric: metric.to_owned(),
            sample: Sample::new(values)?,
            operations,
            durability: case.durability(),
            counters: BTreeMap::new(),
            functions,
        });
    }
    Ok(measurements)
}

/// What the operations of one exact count take of the heap, as the worker's allocator sees it: not what C code takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Bytes that are alive at once, beyond those that were before, at most.
    pub peak_bytes: u64,
    /// Blocks; a block that is resized is not a new one, as for DHAT.
    pub allocations: u64,
}

/// What a case takes of the heap, in a process of its own.
fn taken(case: &Case, setting: &Setting) -> Result<Taken> {
    let output = Command::new(&setting.worker)
        .args([case.id, "--heap"])
        .args(setting.set.iter().flat_map(|pair| ["--set", pair]))
        .env("ASSAY_SCRATCH", &setting.scratch)
        .env("ASSAY_PADDING", "x".repeat(setting.padding))
        .envs(setting.source.variables())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start {}", setting.worker.display()))?;
    ensure!(output.status.success(), "the worker failed: {}", last_lines(&output.stdout, &output.stderr));
    serde_json::from_slice(&output.stdout).context("the worker printed no record of the heap")
}

#[derive(Deserialize)]
struct Summary {
    profiles: Vec<ToolProfile>,
}

#[derive(Deserialize)]
struct ToolProfile {
    tool: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    total: Total,
}

#[derive(Deserialize)]
struct Total {
    metrics: BTreeMap<String, Values>,
}

#[derive(Deserialize)]
struct Values {
    values: New,
}

#[derive(Deserialize)]
struct New {
    new: f64,
}

/// The metrics of a gungraun summary (schema v7).
///
/// # Errors
/// Not a summary, or one without the events of callgrind.
pub fn parse(text: &[u8]) -> Result<BTreeMap<&'static str, f64>> {
    let summary: Summary = serde_json::from_slice(text).context("not a gungraun summary of schema v7")?;
    let mut values = BTreeMap::new();
    for (metric, tool, events) in EVENTS {
        let Some(profile) = summary.profiles.iter().find(|profile| profile.tool == tool) else { continue };
        let found: Vec<f64> = events
            .iter()
            .filter_map(|event| profile.data.total.metrics.get(*event))
            .map(|values| values.values.new)
            .collect();
        if found.len() == events.len() {
            values.insert(metric, found.iter().sum());
        }
    }
    ensure!(values.contains_key("instructions"), "the summary has no instructions");
    Ok(values)
}

fn find(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Option<PathBuf>> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("can't read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| wanted(&name.to_string_lossy())) {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

fn last_lines(stdout: &[u8], stderr: &[u8]) -> String {
    let text = format!("{}\n{}", String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(8)..].join(" | ")
}
