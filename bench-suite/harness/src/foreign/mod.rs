//! Reads measurements of other tools as runs: criterion's output folder, gungraun's summaries, hyperfine's and goose's
//! JSON. One file a format.
//!
//! Such a file holds less than an Assay run: no commit and no machine, so the environment is `unknown`. Its times come
//! from another session and are shown, not judged. Counts and errors are exact and are judged; only the reader can know
//! if both sides were counted on one machine. The tools' own verdicts and statistics are not read.

mod criterion;
mod goose;
mod gungraun;
mod hyperfine;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use baselines::{CaseKey, Durability, Environment, Measurement, Run, RunHeader, Sample};

pub use criterion::medians_ns;

/// The profile of such a run.
pub const PROFILE: &str = "foreign";

/// The note that a reader of such a run needs.
pub const NOTE: &str = "these files name no machine and no commit, so only you can know whether both were counted on \
    the same machine with the same toolchain; times of two sessions are shown and never judged, \
    `assay gate --project FILE --against REV` judges those of a criterion bench";

/// True if a path looks like another tool's output: a folder, or a file that ends in `.json`.
pub fn is_foreign(path: &Path) -> bool {
    path.is_dir() || path.extension().is_some_and(|extension| extension == "json")
}

/// Reads the output of another tool, detected from its content.
pub fn read(path: &Path) -> Result<Run> {
    let (tool, measurements) = if path.is_dir() { folder(path)? } else { file(path)? };
    ensure!(!measurements.is_empty(), "{} has no measurement", path.display());
    let mut seen = std::collections::BTreeSet::new();
    for measurement in &measurements {
        ensure!(
            seen.insert((&measurement.case, &measurement.metric)),
            "{} measures {} of {} twice: remove or rename one",
            path.display(),
            measurement.metric,
            measurement.case
        );
    }
    Ok(run(format!("{tool}: {}", path.display()), measurements))
}

fn folder(path: &Path) -> Result<(&'static str, Vec<Measurement>)> {
    let samples = find(path, &|file| file.ends_with("new/sample.json"))?;
    if !samples.is_empty() {
        return Ok(("criterion", criterion::read(&samples)?));
    }
    let summaries = find(path, &|file| file.ends_with("summary.json"))?;
    ensure!(
        !summaries.is_empty(),
        "{} has neither criterion's `new/sample.json` nor gungraun's `summary.json` (`--save-summary=json`)",
        path.display()
    );
    let mut measurements = Vec::new();
    for summary in summaries {
        measurements.extend(gungraun::parse(&text(&summary)?).with_context(|| format!("{}", summary.display()))?);
    }
    Ok(("gungraun", measurements))
}

fn file(path: &Path) -> Result<(&'static str, Vec<Measurement>)> {
    let text = text(path)?;
    let value: serde_json::Value =
        serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let has = |field: &str| value.get(field).is_some();
    let (tool, parsed) = match () {
        () if has("results") => ("hyperfine", hyperfine::parse(&text)),
        () if has("raw_metrics") => ("goose", goose::parse(&text)),
        () if has("profiles") && has("module_path") => ("gungraun", gungraun::parse(&text)),
        () => bail!(
            "{} is not the output of a known tool: hyperfine's --export-json, goose's --report-file, gungraun's \
                summary.json, or criterion's folder",
            path.display()
        ),
    };
    Ok((tool, parsed.with_context(|| format!("{}", path.display()))?))
}

fn text(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

/// The files below a folder that match, sorted.
fn find(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("can't read {}", folder.display()))? {
            let path = entry.with_context(|| format!("can't read {}", folder.display()))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if wanted(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A measurement of another tool, for one operation.
fn measurement(case: CaseKey, metric: &str, values: Vec<f64>) -> Result<Measurement> {
    let sample = Sample::new(values).with_context(|| format!("{metric} of {case}"))?;
    Ok(Measurement::new(case, metric, sample, Durability::Unstated))
}

/// A case of another tool; parameters become its variant.
fn case(benchmark: impl Into<String>, variant: impl Into<String>) -> CaseKey {
    CaseKey { benchmark: benchmark.into(), variant: variant.into() }
}

fn run(source: String, measurements: Vec<Measurement>) -> Run {
    let unknown = || "unknown".to_owned();
    let environment = Environment {
        commit: unknown(),
        dirty: false,
        rustc: unknown(),
        target: unknown(),
        valgrind: None,
        libc: unknown(),
        cpu_model: unknown(),
        cpu_features: vec![],
        cores: 0,
        kernel: unknown(),
        seed: 0,
        corpus: unknown(),
    };
    let header = RunHeader { started_at: unknown(), ..RunHeader::new(source, PROFILE, environment) };
    Run { measurements, complete: true, ..Run::new(header) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/foreign").join(name)
    }

    #[test]
    fn each_tool_is_seen_from_what_it_left() {
        for (name, tool) in [
            ("criterion", "criterion"),
            ("gungraun", "gungraun"),
            ("hyperfine.json", "hyperfine"),
            ("goose.json", "goose"),
        ] {
            let run = read(&fixture(name)).expect("reads");
            assert!(run.header.command.starts_with(tool), "{}", run.header.command);
            assert!(run.measurements.iter().all(|measurement| measurement.metric().is_ok()), "{name}");
        }
    }

    #[test]
    fn what_is_of_no_tool_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read(folder.path()).expect_err("empty").to_string().contains("neither criterion's"));
        let path = folder.path().join("x.json");
        std::fs::write(&path, "{\"a\":1}").expect("writes");
        assert!(read(&path).expect_err("unknown").to_string().contains("not the output of a known tool"));
        std::fs::write(&path, "{").expect("writes");
        assert!(read(&path).expect_err("damaged").to_string().contains("is not JSON"));
    }
}
