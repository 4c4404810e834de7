//! Hyperfine's `--export-json`: every run of every command.
//!
//! Tested with hyperfine 1.15. The time of each run is read, not their mean. Of CPU time the file has only the mean of
//! all runs, so there is one value.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use baselines::Measurement;
use serde::Deserialize;

#[derive(Deserialize)]
struct Export {
    results: Vec<Command>,
}

#[derive(Deserialize)]
struct Command {
    command: String,
    /// Seconds of each run.
    times: Vec<f64>,
    /// Mean seconds of CPU time in the program.
    user: f64,
    /// Mean seconds of CPU time in the system.
    system: f64,
    /// `None` for a run that a signal ended.
    #[serde(default)]
    exit_codes: Vec<Option<i32>>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
}

/// Wall time, CPU time and errors of each command.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Measurement>> {
    let export: Export = serde_json::from_slice(text).context("not hyperfine's --export-json")?;
    let mut measurements = Vec::new();
    for command in export.results {
        let parameters: Vec<String> =
            command.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let case = super::case(command.command, parameters.join(","));
        let failed = command.exit_codes.iter().filter(|code| **code != Some(0)).count();
        let wall_ns = command.times.iter().map(|time_s| time_s * 1e9).collect();
        measurements.push(super::measurement(case.clone(), "wall_time", wall_ns)?);
        measurements.push(super::measurement(case.clone(), "cpu_time", vec![(command.user + command.system) * 1e9])?);
        measurements.push(super::measurement(case, "errors", vec![failed as f64])?);
    }
    Ok(measurements)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &[u8] = include_bytes!("../../tests/fixtures/foreign/hyperfine.json");

    #[test]
    fn commands_have_their_parameters_and_all_their_runs() {
        let measurements = parse(EXPORT).expect("real output");
        assert_eq!(measurements.len(), 6);
        let first = &measurements[0];
        assert_eq!((first.case.benchmark.as_str(), first.case.variant.as_str()), ("seq 1000", "n=1"));
        assert_eq!(first.sample.values().len(), 5);
        assert!((first.sample.median() - 857_999.0).abs() < 1.0, "nanoseconds");
        assert_eq!(measurements[2].metric, "errors");
        assert_eq!(measurements[2].sample.values(), [0.0]);
    }

    #[test]
    fn a_run_that_failed_is_an_error() {
        let text =
            br#"{"results":[{"command":"x","times":[1.0,1.0,1.0],"user":0.5,"system":0.0,"exit_codes":[0,1,null]}]}"#;
        let measurements = parse(text).expect("parses");
        assert_eq!(measurements[2].sample.values(), [2.0]);
        assert!(parse(br#"{"results":[{"command":"x","times":[],"user":0,"system":0}]}"#).is_err(), "nothing was run");
    }
}
