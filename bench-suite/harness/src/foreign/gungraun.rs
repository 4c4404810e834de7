//! Gungraun's `summary.json` (`--save-summary=json`, schema v7): exact counts of one benchmark function.
//!
//! The file names no machine, commit or toolchain. It counts a whole call of the benchmark function. Comparisons with
//! older runs, which it may hold, are not read.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use baselines::Measurement;
use serde::Deserialize;

#[derive(Deserialize)]
struct Named {
    module_path: String,
    id: Option<String>,
}

/// One measurement for each metric.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Measurement>> {
    let Named { module_path, id } = serde_json::from_slice(text).context("not a gungraun summary of schema v7")?;
    let name = id.map_or_else(|| module_path.clone(), |id| format!("{module_path}/{id}"));
    let values = metrics(text)?;
    values.into_iter().map(|(metric, value)| super::measurement(super::case(&name, ""), metric, vec![value])).collect()
}

/// Our metrics, and the tools and events of gungraun's summary.
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
fn metrics(text: &[u8]) -> Result<BTreeMap<&'static str, f64>> {
    let summary: Summary = serde_json::from_slice(text).context("not a gungraun summary of schema v7")?;
    let mut values = BTreeMap::new();
    for (metric, tool, events) in EVENTS {
        let Some(profile) = summary.profiles.iter().find(|profile| profile.tool == tool) else { continue };
        let counts: Vec<f64> = events
            .iter()
            .filter_map(|event| profile.data.total.metrics.get(*event))
            .map(|values| values.values.new)
            .collect();
        if counts.len() == events.len() {
            values.insert(metric, counts.iter().sum());
        }
    }
    ensure!(values.contains_key("instructions"), "the summary has no instructions: run gungraun with callgrind");
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &[u8] =
        include_bytes!("../../tests/fixtures/foreign/gungraun/count.decompress_median_lz4/summary.json");

    #[test]
    fn a_summary_has_its_name_and_its_counts() {
        let measurements = parse(SUMMARY).expect("real output");
        let find = |metric: &str| measurements.iter().find(|found| found.metric == metric).expect("there");
        assert_eq!(find("instructions").case.benchmark, "counts::harness::cases_group::count/decompress_median_lz4");
        assert_eq!(find("instructions").sample.values(), [67_588.0]);
        assert_eq!(find("branches").sample.values(), [f64::from(14_956 + 401)]);
        assert_eq!(measurements.len(), 8, "six of callgrind, two of DHAT");
    }

    #[test]
    fn what_is_damaged_is_said() {
        assert!(parse(b"{}").is_err());
        assert!(parse(br#"{"module_path":"a","id":null,"profiles":[]}"#).is_err(), "no instructions");
    }
}
