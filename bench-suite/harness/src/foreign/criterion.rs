//! Criterion's output folder: the raw samples of each benchmark, `<benchmark>/<name>/sample.json`. The name is `new`
//! for the last run, and the baseline's for a run that was saved (`--save-baseline main`).
//!
//! Seen of criterion 0.8; its files are not documented and name no version and no unit. `change` is no measurement, and
//! criterion's estimates are drawn from the same samples: neither is read.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Found;
use super::files::{self, Tree};
use crate::tools::criterion;

/// The last run.
const NEW: &str = "new";

/// The files beside a sample. `benchmark.json` alone may be anybody's.
const BESIDE: [&str; 3] = ["benchmark.json", "estimates.json", "tukey.json"];

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

/// Reads of each benchmark the run called `wanted`; the last one if no name is given, and the only one if there is no
/// last one.
pub(super) fn read(root: &Path, tree: &Tree, wanted: Option<&str>, found: &mut Found) -> Result<()> {
    let samples: Vec<&Path> =
        tree.files.iter().map(PathBuf::as_path).filter(|file| name(file) == "sample.json").collect();
    let cbor = tree.files.iter().filter(|file| name(file).starts_with("measurement_") && name(file).ends_with(".cbor"));
    match cbor.count() {
        0 => {}
        number => found.skip(
            "cargo-criterion",
            format!("it left CBOR files ({number}), which are not read: `cargo bench` leaves `new/sample.json`"),
        ),
    }
    if let Some(itself) = samples.iter().find(|sample| sample.parent() == Some(root)) {
        read_one(itself, found);
        return Ok(());
    }
    let mut kept: BTreeMap<&Path, BTreeSet<&str>> = BTreeMap::new();
    for folder in samples.iter().filter_map(|sample| sample.parent()) {
        kept.entry(folder.parent().unwrap_or(folder)).or_default().insert(name(folder));
    }
    let names: BTreeSet<&str> = kept.values().flatten().copied().collect();
    let wanted = match wanted {
        Some(wanted) => wanted,
        None if names.is_empty() || names.contains(NEW) => NEW,
        None if names.len() == 1 => {
            let only = names.first().copied().unwrap_or(NEW);
            found.skip("criterion's last run (`new`)", format!("there is none: this is what it kept as `{only}`"));
            only
        }
        None => {
            let first = names.first().copied().unwrap_or(NEW);
            let example = format!("`{}:{first}`", root.display());
            found.skip(
                "criterion",
                format!("it kept {} and no last run (`new`): name one, as in {example}", list(&names)),
            );
            return Ok(());
        }
    };
    ensure!(
        wanted == NEW || names.contains(wanted),
        "{} has no baseline `{wanted}` of criterion; there is {}",
        root.display(),
        list(&names)
    );
    for (benchmark, names) in &kept {
        if names.contains(wanted) {
            read_one(&benchmark.join(wanted).join("sample.json"), found);
        } else if !hollow(tree, wanted).contains(&benchmark.join(wanted)) {
            let why = format!("criterion kept no run `{wanted}` of it, only {}", list(names));
            found.skip(benchmark.display().to_string(), why);
        }
    }
    for folder in hollow(tree, wanted) {
        found.skip(folder.display().to_string(), "its `sample.json` is gone: run the benchmark again");
    }
    Ok(())
}

/// Folders of a run that have lost their sample.
fn hollow(tree: &Tree, wanted: &str) -> BTreeSet<PathBuf> {
    let beside = tree.files.iter().filter(|file| BESIDE.contains(&name(file))).filter_map(|file| file.parent());
    let folders = beside.chain(tree.empty.iter().map(PathBuf::as_path)).filter(|folder| name(folder) == wanted);
    folders.filter(|folder| !folder.join("sample.json").is_file()).map(Path::to_owned).collect()
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).unwrap_or_default()
}

fn list(names: &BTreeSet<&str>) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn read_one(sample: &Path, found: &mut Found) {
    let benchmark = sample.with_file_name("benchmark.json");
    let full_id = match files::text(&benchmark).and_then(|text| full_id(&text)) {
        Ok(full_id) => full_id,
        Err(why) => {
            return found.skip(benchmark.display().to_string(), format!("its name is not known: {why:#}"));
        }
    };
    if let Some(unit) = files::text(&sample.with_file_name("raw.csv")).ok().and_then(|csv| unit(&csv))
        && unit != "ns"
    {
        return found.skip(full_id, format!("criterion measured `{unit}`, and only times are read"));
    }
    let measured = files::text(sample)
        .and_then(|text| criterion::parse(text.as_bytes()))
        .and_then(|times| super::measurement(super::case(&full_id, ""), "wall_time", times.values().to_vec()));
    found.add("criterion", sample, full_id, measured);
}

fn full_id(benchmark: &str) -> Result<String> {
    let Benchmark { full_id } = serde_json::from_str(benchmark).context("not criterion's benchmark.json")?;
    Ok(full_id)
}

/// The unit in criterion's `raw.csv`, which it writes with its feature `csv_output`.
fn unit(csv: &str) -> Option<String> {
    let mut lines = csv.lines().map(|line| line.split(',').map(str::trim).collect::<Vec<_>>());
    let (header, first) = (lines.next()?, lines.next()?);
    // Names before the unit may have commas of their own, so columns are counted from the end.
    let from_end = header.iter().rev().position(|column| *column == "unit")?;
    first.iter().rev().nth(from_end).map(|unit| (*unit).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/foreign/criterion")
    }

    fn last_run(folder: &Path) -> Found {
        let mut found = Found::default();
        read(folder, &files::walk(folder).expect("a folder"), Some(NEW), &mut found).expect("reads");
        found
    }

    #[test]
    fn a_benchmark_has_its_name_and_its_samples() {
        let mut found = Found::default();
        read_one(&fixture().join("codec_encode_small_json/new/sample.json"), &mut found);
        let [(_, measurement)] = &found.measured[..] else { panic!("{found:?}") };
        assert_eq!(
            (measurement.case.benchmark.as_str(), measurement.metric.as_str()),
            ("codec_encode_small_json", "wall_time")
        );
        assert_eq!(measurement.sample.values().len(), 10);
        assert!(measurement.sample.values().iter().all(|time_ns| (10.0..1e6).contains(time_ns)), "nanoseconds");
    }

    #[test]
    fn base_and_change_are_not_the_last_run() {
        assert!(fixture().join("codec_encode_small_json/base/sample.json").is_file(), "the fixture has one");
        let found = last_run(&fixture());
        assert_eq!(found.lost().next(), None);
        let names: Vec<&str> = found.measured.iter().map(|(_, of)| of.case.benchmark.as_str()).collect();
        assert_eq!(names, ["codec_encode_small_json", "codec_encode_small_postcard"]);
    }

    #[test]
    fn what_is_damaged_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = folder.path().join("f/new");
        std::fs::create_dir_all(&run).expect("made");
        let lost = || {
            let found = last_run(folder.path());
            let (what, why) = found.lost().next().expect("it is not measured");
            format!("{what}: {why}")
        };
        assert!(lost().contains("`sample.json` is gone"), "{}", lost());
        std::fs::write(run.join("sample.json"), "{}").expect("written");
        assert!(lost().contains("its name is not known"), "{}", lost());
        std::fs::write(run.join("benchmark.json"), r#"{"full_id":"f"}"#).expect("written");
        let damaged = lost();
        assert!(damaged.starts_with("f: ") && damaged.contains("not criterion's sample.json"), "{damaged}");
    }

    #[test]
    fn the_unit_is_read_where_criterion_writes_it() {
        let csv = "group,function,value,sample_measured_value,unit,iteration_count\n\"a,b\",,,5.0,instructions,1\n";
        assert_eq!(unit(csv).as_deref(), Some("instructions"));
        assert_eq!(unit("group,function\na,b\n"), None);
    }
}
