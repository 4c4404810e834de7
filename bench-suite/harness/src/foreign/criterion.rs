//! Criterion's output folder: the raw samples of each benchmark's latest run, `<benchmark>/new/sample.json`.
//!
//! Tested with criterion 0.8; its files are undocumented. `base` and `change` beside `new` do not belong to that run
//! and are not read; nor are criterion's estimates, which are computed from the same samples.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baselines::Measurement;
use serde::Deserialize;

use crate::tools::criterion;

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

/// Wall times, one measurement for each benchmark; `samples` are the files `new/sample.json`.
pub(super) fn read(samples: &[PathBuf]) -> Result<Vec<Measurement>> {
    samples.iter().map(|path| read_one(path).with_context(|| format!("{}", path.display()))).collect()
}

fn read_one(path: &Path) -> Result<Measurement> {
    let beside = super::text(&path.with_file_name("benchmark.json"))?;
    parse(&beside, &super::text(path)?)
}

/// The measurement in `benchmark.json` and `sample.json`: nanoseconds an iteration, one value for each sample.
fn parse(benchmark: &[u8], sample: &[u8]) -> Result<Measurement> {
    let Benchmark { full_id } = serde_json::from_slice(benchmark).context("not criterion's benchmark.json")?;
    super::measurement(super::case(full_id, ""), "wall_time", criterion::parse(sample)?.values().to_vec())
}

/// The median of each benchmark in a criterion folder, ns an iteration.
pub fn medians_ns(folder: &Path) -> Result<BTreeMap<String, f64>> {
    let mut medians = BTreeMap::new();
    for measurement in read(&super::find(folder, &|file| file.ends_with("new/sample.json"))?)? {
        let name = measurement.case.benchmark;
        anyhow::ensure!(
            medians.insert(name.clone(), measurement.sample.median()).is_none(),
            "criterion measured `{name}` twice: rename one"
        );
    }
    Ok(medians)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BENCHMARK: &[u8] =
        include_bytes!("../../tests/fixtures/foreign/criterion/codec_encode_small_json/new/benchmark.json");
    const SAMPLE: &[u8] =
        include_bytes!("../../tests/fixtures/foreign/criterion/codec_encode_small_json/new/sample.json");

    #[test]
    fn a_benchmark_has_its_name_and_its_samples() {
        let measurement = parse(BENCHMARK, SAMPLE).expect("real output");
        assert_eq!(
            (measurement.case.benchmark.as_str(), measurement.metric.as_str()),
            ("codec_encode_small_json", "wall_time")
        );
        assert_eq!(measurement.sample.values().len(), 10);
        assert!(measurement.sample.values().iter().all(|time_ns| (10.0..1e6).contains(time_ns)), "nanoseconds");
    }

    #[test]
    fn base_and_change_are_no_measurements() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/foreign/criterion");
        assert!(folder.join("codec_encode_small_json/base/sample.json").is_file(), "the fixture has one");
        assert_eq!(
            medians_ns(&folder).expect("reads").into_keys().collect::<Vec<_>>(),
            ["codec_encode_small_json", "codec_encode_small_postcard"]
        );
    }

    #[test]
    fn what_is_damaged_is_said() {
        assert!(parse(b"{}", SAMPLE).is_err());
        assert!(parse(BENCHMARK, b"{}").is_err());
    }
}
