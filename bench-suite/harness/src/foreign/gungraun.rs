//! Gungraun's summaries: exact counts of one benchmark function each. `summary.json` (`--save-summary=json`) has one;
//! what `--output-format=json` prints has one after the other, and `jq -s` makes an array of them.
//!
//! The files have no machine, no commit and no toolchain. Their counts are of a whole call of the benchmark function.
//! Comparisons with older runs (`old`) that they may hold as well are gungraun's affair.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::Found;

/// The version of the format that is read: gungraun 0.20 writes it.
const SCHEMA: &str = "7";

/// Where a summary has what our metrics mean: the tool, and events that are summed.
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

/// A value is a summary of gungraun's or of iai-callgrind's, of whatever version.
pub(super) fn is_summary(value: &Value) -> bool {
    ["version", "module_path"].iter().all(|field| value.get(field).is_some_and(Value::is_string))
}

/// The metrics of one summary.
pub(super) fn read(path: &Path, summary: &Value, found: &mut Found) {
    let text = |field: &str| summary.get(field).and_then(Value::as_str).unwrap_or_default();
    let name = match text("id") {
        "" => text("module_path").to_owned(),
        id => format!("{}/{id}", text("module_path")),
    };
    if text("version") != SCHEMA {
        let why = format!(
            "a summary of schema {}, and this assay reads schema {SCHEMA} of gungraun 0.20: run the benchmark with that",
            text("version")
        );
        return found.skip(name, why);
    }
    let profiles = summary.get("profiles").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let tool = |profile: &Value| profile.get("tool").and_then(Value::as_str).unwrap_or("an unknown tool").to_owned();
    let case = super::case(&name, variant(text("package_dir"), text("project_root")));
    let mut any = false;
    for (metric, of, events) in EVENTS {
        let Some(profile) = profiles.iter().find(|profile| tool(profile) == of) else { continue };
        let new = |event: &&str| profile.pointer("/data/total/metrics")?.get(event)?.pointer("/values/new")?.as_f64();
        if let Some(values) = events.iter().map(new).collect::<Option<Vec<f64>>>() {
            any = true;
            found.add(
                "gungraun",
                path,
                &name,
                count(values).and_then(|count| super::measurement(case.clone(), metric, vec![count])),
            );
        }
    }
    if !any {
        let tools: Vec<String> = profiles.iter().map(tool).collect();
        let ran = if tools.is_empty() { "nothing".to_owned() } else { tools.join(", ") };
        found.skip(name, format!("gungraun ran {ran}, and only new counts of Callgrind and DHAT are read"));
    }
}

fn count(values: Vec<f64>) -> Result<f64> {
    ensure!(values.iter().all(|value| *value >= 0.0), "a count is negative: {values:?}");
    Ok(values.iter().sum())
}

/// Cases of two packages of one workspace may have one name. The package at its root has no folder.
fn variant(package: &str, root: &str) -> String {
    let folder = Path::new(package).strip_prefix(root).unwrap_or(Path::new(package));
    match folder.to_str() {
        None | Some("" | ".") => String::new(),
        Some(folder) => format!("package={}", super::escaped(folder)),
    }
}

/// The package and the bench of a case: what is accepted together.
pub(super) fn bench(benchmark: &str, variant: &str) -> String {
    let package = variant.split(',').find_map(|part| part.strip_prefix("package="));
    let bench = benchmark.split("::").next().unwrap_or(benchmark);
    package.map_or_else(|| bench.to_owned(), |package| format!("{package}/{bench}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str =
        include_str!("../../tests/fixtures/foreign/gungraun/count.decompress_median_lz4/summary.json");

    fn found(summary: &str) -> Found {
        let mut found = Found::default();
        read(Path::new("summary.json"), &serde_json::from_str(summary).expect("JSON"), &mut found);
        found
    }

    #[test]
    fn a_summary_has_its_name_and_its_counts() {
        let measured = found(SUMMARY).measured;
        let find = |metric: &str| &measured.iter().find(|(_, found)| found.metric == metric).expect("there").1;
        let case = &find("instructions").case;
        assert_eq!(case.benchmark, "counts::harness::cases_group::count/decompress_median_lz4");
        assert_eq!(case.variant, "package=bench-suite");
        assert_eq!(bench(&case.benchmark, &case.variant), "bench-suite/counts");
        assert_eq!(find("instructions").sample.values(), [67_588.0]);
        assert_eq!(find("branches").sample.values(), [f64::from(14_956 + 401)]);
        assert_eq!(measured.len(), 8, "six of callgrind, two of DHAT");
    }

    #[test]
    fn a_package_is_named_by_its_folder_in_the_workspace() {
        for (package, expected) in
            [(".", ""), ("", ""), ("/w", ""), ("crates/a", "package=crates/a"), ("/w/a,b", "package=a%2Cb")]
        {
            assert_eq!(variant(package, "/w"), expected, "{package}");
        }
    }

    #[test]
    fn what_can_not_be_read_of_a_summary_is_said() {
        let why = |summary: &str| found(summary).lost().next().map(|(what, why)| format!("{what}: {why}"));
        let other = why(r#"{"module_path":"a","version":"2"}"#).expect("skipped");
        assert!(other.starts_with("a: a summary of schema 2, and this assay reads schema 7"), "{other}");
        let none = why(r#"{"module_path":"a","id":"x","version":"7","profiles":[{"tool":"Perf"}]}"#).expect("skipped");
        assert!(none.starts_with("a/x: gungraun ran Perf,"), "{none}");
        let negative =
            SUMMARY.replace("{\"new\":67588", "{\"new\":-67588").replace("\"new\": 67588", "\"new\": -67588");
        assert!(why(&negative).expect("invalid").contains("negative"));
    }

    #[test]
    fn counts_of_one_tool_are_enough() {
        let dhat = r#"{"module_path":"a","version":"7","profiles":[{"tool":"DHAT","data":{"total":{"metrics":
            {"TotalBlocks":{"values":{"new":3}},"TotalBytes":{"values":{"new":64,"old":1}}}}}}]}"#;
        assert_eq!(found(dhat).measured.len(), 2);
        let old = r#"{"module_path":"a","version":"7","profiles":[{"tool":"Callgrind","data":{"total":{"metrics":
            {"Ir":{"values":{"new":3}},"L1hits":{"values":{"old":64}}}}}}]}"#;
        assert_eq!(found(old).measured.len(), 1, "old values count for nothing");
    }
}
