//! Reads measurements of other tools as runs: criterion's output folder, gungraun's summaries, hyperfine's and goose's
//! JSON. One file per format.
//!
//! A folder is read whole, whatever tools wrote into it. What can't be read becomes an entry of the run: `skipped` if
//! nothing was measured, `invalid` if the values can't be believed. Files of other programs are ignored.
//!
//! A file says less than a run of Assay: no commit and no machine, so the environment is unknown. Times were measured
//! in another session, and are shown and never judged. Counts and errors are exact and are judged; only the reader
//! knows whether both sides were counted on one machine. The tools' own verdicts and statistics are not read.

mod criterion;
mod files;
mod goose;
mod gungraun;
mod hyperfine;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use baselines::{CaseKey, Durability, Environment, InvalidEntry, Measurement, Metric, Run, RunHeader, Sample, Skipped};
use serde_json::Value;

pub use stored::{Parts, StoredCounts};

/// The tools that write JSON: how their output is recognised, and its reader.
type Format = (fn(&Value) -> bool, fn(&Path, &Value, &mut Found));
const FORMATS: [Format; 3] =
    [(gungraun::is_summary, gungraun::read), (hyperfine::is_export, hyperfine::read), (goose::is_report, goose::read)];

/// What assay reads, for messages.
const KNOWN: &str = "criterion's folder (`new/sample.json`), gungraun's summaries (`--save-summary=json` or \
    `--output-format=json`), hyperfine's `--export-json`, goose's `--report-file x.json`";

/// What a reader of such a run must know.
pub fn notes(run: &Run) -> Vec<String> {
    let mut notes = Vec::new();
    if run.measurements.iter().any(|of| Metric::is_exact(&of.metric)) {
        notes.push(
            "these files name no machine and no commit, so only you can know whether both sides were counted on one \
                machine with one toolchain"
                .to_owned(),
        );
    }
    let tools = run.header.command.split(':').next().unwrap_or_default();
    if tools.contains("criterion") {
        notes.push(
            "criterion's files name no unit: values are taken for nanoseconds, which is wrong for a bench that \
                measures something else"
                .to_owned(),
        );
        notes.push(
            "`assay gate --project FILE --against REV` measures both sides of a criterion bench in one session, and \
                judges their times"
                .to_owned(),
        );
    }
    notes
}

/// Whether a path is another tool's: a folder, a folder with the name of a run that criterion kept there, or a file
/// that does not begin as a run does.
pub fn is_foreign(path: &Path) -> bool {
    if path.is_dir() || split(path).1.is_some() {
        return true;
    }
    let head = files::head(path);
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    !head.starts_with("{\"record\":") && (is_json || looks_known(&head))
}

/// A folder of criterion's, and the name of one of the runs that it kept there, if the path has one: the base of
/// `target/criterion:main` is `target/criterion`.
pub fn split(path: &Path) -> (PathBuf, Option<String>) {
    let named = path.to_str().filter(|_| !path.exists()).and_then(|text| text.rsplit_once(':'));
    match named.filter(|(folder, name)| Path::new(folder).is_dir() && !name.is_empty() && !name.contains('/')) {
        Some((folder, name)) => (PathBuf::from(folder), Some(name.to_owned())),
        None => (path.to_owned(), None),
    }
}

/// Reads what other tools left: which ones is seen from what is there.
pub fn read(path: &Path) -> Result<Run> {
    let (place, baseline) = split(path);
    let mut found = Found::default();
    if place.is_dir() {
        let tree = files::walk(&place)?;
        criterion::read(&place, &tree, baseline.as_deref(), &mut found)?;
        if baseline.is_none() {
            tree.files.iter().for_each(|file| of_folder(file, &mut found));
        }
    } else {
        let text = files::text(&place).map_err(|error| error.context(place.display().to_string()))?;
        let (known, damage) = documents(&place, &text, &mut found);
        match damage {
            None if known => {}
            None => bail!("{} is not the output of a tool that assay reads: {KNOWN}", place.display()),
            Some(why) if known => found.skip(place.display().to_string(), why),
            Some(why) => bail!("{} is not JSON: {why}", place.display()),
        }
    }
    found.apart(&place);
    found.once();
    if found.measured.is_empty() {
        let lost = found.lost().count();
        let Some((what, why)) = found.lost().next() else {
            bail!("{} holds no output of a tool that assay reads: {KNOWN}", place.display());
        };
        let more = if lost > 1 { format!(" (and {} more)", lost - 1) } else { String::new() };
        bail!("{} holds no readable measurement: {what}: {why}{more}", place.display());
    }
    Ok(found.into_run(&path.display().to_string()))
}

/// A file of a folder, which may be nobody's.
fn of_folder(file: &Path, found: &mut Found) {
    let is_summary = file.file_name() == Some(OsStr::new("summary.json"));
    let may_be = file.extension().is_some_and(|extension| extension == "json" || extension == "jsonl");
    if !may_be || !(is_summary || looks_known(&files::head(file))) {
        return;
    }
    let damage = match files::text(file) {
        Ok(text) => documents(file, &text, found).1,
        Err(error) => Some(format!("{error:#}")),
    };
    if let Some(why) = damage {
        found.skip(file.display().to_string(), format!("it is not JSON: {why}"));
    }
}

/// The beginning of a text has names that only files of known tools have.
fn looks_known(head: &str) -> bool {
    let has = |name: &str| head.contains(name);
    has("\"module_path\"") || has("\"raw_metrics\"") || (has("\"results\"") && has("\"command\""))
}

/// Reads the JSON values of a text, one after the other or in an array. Says whether a tool is known by one of them,
/// and what ended the reading too early.
fn documents(file: &Path, text: &str, found: &mut Found) -> (bool, Option<String>) {
    let mut known = false;
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = match value {
            Ok(value) => value,
            Err(error) => return (known, Some(error.to_string())),
        };
        let values = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
        for value in values {
            if let Some((_, read)) = FORMATS.iter().find(|(is, _)| is(value)) {
                known = true;
                read(file, value, found);
            }
        }
    }
    let nothing = text.trim().is_empty().then(|| "the file is empty".to_owned());
    (known, nothing)
}

/// What was found in a file or a folder.
#[derive(Debug, Default)]
struct Found {
    tools: BTreeSet<&'static str>,
    /// Measurements, with their files.
    measured: Vec<(PathBuf, Measurement)>,
    skipped: Vec<Skipped>,
    invalid: Vec<InvalidEntry>,
}

impl Found {
    /// Adds what was measured, or an entry that says why it can't be believed.
    fn add(&mut self, tool: &'static str, file: &Path, what: impl Into<String>, measured: Result<Measurement>) {
        self.tools.insert(tool);
        match measured {
            Ok(measurement) => self.measured.push((file.to_owned(), measurement)),
            Err(why) => self.invalid.push(InvalidEntry { what: what.into(), why: format!("{why:#}") }),
        }
    }

    /// Adds an entry for something that was not measured.
    fn skip(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.skipped.push(Skipped { what: what.into(), why: why.into() });
    }

    /// What was lost, and why.
    fn lost(&self) -> impl Iterator<Item = (&str, &str)> {
        let invalid = self.invalid.iter().map(|entry| (entry.what.as_str(), entry.why.as_str()));
        invalid.chain(self.skipped.iter().map(|entry| (entry.what.as_str(), entry.why.as_str())))
    }

    /// Cases of one name in several files are told apart by what their paths do not share: `from=a/target`.
    fn apart(&mut self, root: &Path) {
        let mut files: BTreeMap<(CaseKey, String), BTreeSet<PathBuf>> = BTreeMap::new();
        for (file, Measurement { case, metric, .. }) in &self.measured {
            let relative = file.strip_prefix(root).unwrap_or(file);
            files.entry((case.clone(), metric.clone())).or_default().insert(relative.to_owned());
        }
        let mut shared: BTreeMap<CaseKey, BTreeSet<PathBuf>> = BTreeMap::new();
        for ((case, _), files) in files.into_iter().filter(|(_, files)| files.len() > 1) {
            shared.entry(case).or_default().extend(files);
        }
        for (file, Measurement { case, .. }) in &mut self.measured {
            let Some(files) = shared.get(case) else { continue };
            let from = distinct(file.strip_prefix(root).unwrap_or(file), files);
            let comma = if case.variant.is_empty() { "" } else { "," };
            case.variant.push_str(&format!("{comma}from={}", escaped(&from)));
        }
    }

    /// Leaves out cases that a file has twice, because nobody knows which value is meant.
    fn once(&mut self) {
        let mut seen = BTreeSet::new();
        let twice: BTreeMap<CaseKey, PathBuf> = (self.measured.iter())
            .filter(|(_, of)| !seen.insert((&of.case, &of.metric)))
            .map(|(file, of)| (of.case.clone(), file.clone()))
            .collect();
        self.measured.retain(|(_, of)| !twice.contains_key(&of.case));
        for (case, file) in twice {
            let why = format!("{} measures it twice: give each a name of its own", file.display());
            self.invalid.push(InvalidEntry { what: case.to_string(), why });
        }
    }

    fn into_run(self, source: &str) -> Run {
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
        let tools: Vec<&str> = self.tools.into_iter().collect();
        let command = format!("{}: {source}", tools.join(", "));
        let header = RunHeader { started_at: unknown(), ..RunHeader::new(command, RunHeader::FOREIGN, environment) };
        let measurements = self.measured.into_iter().map(|(_, measurement)| measurement).collect();
        Run { measurements, skipped: self.skipped, invalid: self.invalid, complete: true, ..Run::new(header) }
    }
}

/// The part of a path that tells it from the others: without the end that all have.
fn distinct(file: &Path, all: &BTreeSet<PathBuf>) -> String {
    let parts = |path: &Path| path.iter().map(OsStr::to_os_string).collect::<Vec<_>>();
    let own = parts(file);
    let shortest = all.iter().map(|path| path.iter().count()).min().unwrap_or(0);
    let common =
        (1..shortest).take_while(|length| all.iter().all(|path| parts(path).ends_with(&own[own.len() - length..])));
    let kept = own.len() - common.last().unwrap_or(0);
    own[..kept].iter().collect::<PathBuf>().display().to_string()
}

/// A name or a value in a variant, which has commas between its parts.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace(',', "%2C").replace('=', "%3D")
}

/// A measurement of another tool, for one operation.
fn measurement(case: CaseKey, metric: &str, values: Vec<f64>) -> Result<Measurement> {
    ensure!(!values.is_empty(), "{metric} has no values");
    Ok(Measurement::new(case, metric, Sample::new(values)?, Durability::Unstated))
}

/// A case of another tool: without a variant, unless it has parameters or a package.
fn case(benchmark: impl Into<String>, variant: impl Into<String>) -> CaseKey {
    CaseKey { benchmark: benchmark.into(), variant: variant.into() }
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
    fn a_folder_is_read_whole() {
        let run = read(&fixture("")).expect("reads");
        assert!(run.header.command.starts_with("criterion, goose, gungraun, hyperfine: "), "{}", run.header.command);
        assert_eq!((run.skipped, run.invalid), (vec![], vec![]));
    }

    #[test]
    fn what_is_of_no_tool_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read(folder.path()).expect_err("empty").to_string().contains("no output of a tool that assay reads"));
        let path = folder.path().join("x.json");
        std::fs::write(&path, "{\"a\":1}").expect("writes");
        assert!(read(&path).expect_err("unknown").to_string().contains("not the output of a tool"));
        for damaged in ["{", ""] {
            std::fs::write(&path, damaged).expect("writes");
            assert!(read(&path).expect_err("damaged").to_string().contains("is not JSON"));
        }
    }

    #[test]
    fn the_part_that_tells_paths_apart_is_the_shortest() {
        let all = BTreeSet::from(["a/t/f/new/sample.json", "b/t/f/new/sample.json"].map(PathBuf::from));
        assert_eq!(distinct(Path::new("b/t/f/new/sample.json"), &all), "b");
        let flat = BTreeSet::from(["x.json", "old/x.json"].map(PathBuf::from));
        assert_eq!(distinct(Path::new("old/x.json"), &flat), "old/x.json");
    }
}
