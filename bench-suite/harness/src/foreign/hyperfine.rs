//! Hyperfine's `--export-json`: every run of every command.
//!
//! Seen of hyperfine 1.15; the file names no version. The times of single runs are taken, not the mean of them. Of CPU
//! time the file has the mean of all runs and nothing else: that is one value.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use baselines::CaseKey;
use serde::Deserialize;
use serde_json::Value;

use super::Found;

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

/// A value is an export of hyperfine's.
pub(super) fn is_export(value: &Value) -> bool {
    let commands = value.get("results").and_then(Value::as_array);
    commands.is_some_and(|commands| commands.iter().any(|command| command.get("command").is_some()))
}

/// Wall time, CPU time and errors of each command.
pub(super) fn read(path: &Path, export: &Value, found: &mut Found) {
    for result in export.get("results").and_then(Value::as_array).into_iter().flatten() {
        match Command::deserialize(result).context("not a result of hyperfine's --export-json") {
            Ok(command) => {
                let case = case(&command);
                let name = case.to_string();
                for (metric, values) in metrics(&command) {
                    found.add("hyperfine", path, &name, super::measurement(case.clone(), metric, values));
                }
            }
            Err(why) => {
                let name = result.get("command").and_then(Value::as_str).unwrap_or("a command");
                found.add("hyperfine", path, name, Err(why));
            }
        }
    }
}

fn case(command: &Command) -> CaseKey {
    let parameters = command.parameters.iter();
    let parameters: Vec<String> =
        parameters.map(|(name, value)| format!("{}={}", super::escaped(name), super::escaped(value))).collect();
    super::case(&command.command, parameters.join(","))
}

fn metrics(command: &Command) -> [(&'static str, Vec<f64>); 3] {
    let failed = command.exit_codes.iter().filter(|code| **code != Some(0)).count();
    [
        ("wall_time", command.times.iter().map(|time_s| time_s * 1e9).collect()),
        ("cpu_time", vec![(command.user + command.system) * 1e9]),
        ("errors", vec![failed as f64]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &str = include_str!("../../tests/fixtures/foreign/hyperfine.json");

    fn found(export: &str) -> Found {
        let mut found = Found::default();
        read(Path::new("x.json"), &serde_json::from_str(export).expect("JSON"), &mut found);
        found
    }

    #[test]
    fn commands_have_their_parameters_and_all_their_runs() {
        let measured = found(EXPORT).measured;
        assert_eq!(measured.len(), 6);
        let (_, first) = &measured[0];
        assert_eq!((first.case.benchmark.as_str(), first.case.variant.as_str()), ("seq 1000", "n=1"));
        assert_eq!(first.sample.values().len(), 5);
        assert!((first.sample.median() - 857_999.0).abs() < 1.0, "nanoseconds");
        assert_eq!(measured[2].1.metric, "errors");
        assert_eq!(measured[2].1.sample.values(), [0.0]);
    }

    #[test]
    fn a_run_that_failed_is_an_error() {
        let failed = found(
            r#"{"results":[{"command":"x","times":[1.0,1.0,1.0],"user":0.5,"system":0.0,"exit_codes":[0,1,null]}]}"#,
        );
        assert_eq!(failed.measured[2].1.sample.values(), [2.0]);
    }

    #[test]
    fn a_damaged_command_does_not_hide_the_others() {
        let damaged = found(
            r#"{"results":[{"command":"x","times":[],"user":0,"system":0},{"command":"y","times":null},
                {"command":"z","times":[1.0],"user":0,"system":0}]}"#,
        );
        let cases: Vec<_> = damaged.measured.iter().filter(|(_, found)| found.metric == "wall_time").collect();
        assert_eq!(cases.len(), 1);
        assert_eq!(damaged.lost().map(|(what, _)| what).collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn parameters_are_told_apart_whatever_they_contain() {
        let of = |parameters: &[(&str, &str)]| {
            let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            case(&Command {
                command: "run".into(),
                times: vec![1.0],
                user: 0.0,
                system: 0.0,
                exit_codes: vec![],
                parameters,
            })
            .variant
        };
        assert_eq!(of(&[("a", "1"), ("b", "2")]), "a=1,b=2");
        assert_eq!(of(&[("a", "1,b=2")]), "a=1%2Cb%3D2");
        assert_ne!(of(&[("a", "1%2C")]), of(&[("a", "1,")]));
    }
}
