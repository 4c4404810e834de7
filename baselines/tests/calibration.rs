//! The record of a calibration: appended, and read again in both versions.

use std::path::Path;

use baselines::calibration::{Condition, JudgedCase, SCHEMA, Suite, append, path, read};
use baselines::delta::Verdict;

const IDLE: Condition = Condition {
    judge: baselines::calibration::Judge::Assay,
    background_load: false,
    two_builds: false,
    under_load: false,
    waits: false,
};

fn suite(number: usize, relative: f64, extra_percent: f64) -> Suite {
    let case = JudgedCase {
        case: "step_log_memory".into(),
        metric: "cpu_time".into(),
        extra_percent,
        verdict: Verdict::Equal,
        relative: Some(relative),
        bound: Some(0.02),
        screen: vec![10_000; 10],
        confirm: vec![],
    };
    let mut sizes = vec![0.0, extra_percent];
    sizes.dedup();
    Suite {
        schema: SCHEMA,
        rules: "r".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        duration_s: 60.0,
        commit: "c".into(),
        machine: "one, 2 cores".into(),
        number,
        sizes,
        condition: IDLE,
        invalid: vec![],
        controls: vec![],
        cases: vec![case],
    }
}

#[test]
fn a_record_goes_on_after_a_line_that_was_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/calibration.jsonl");
    assert_eq!(read(&path).unwrap(), [], "no record yet");
    let (first, second) = (suite(0, 0.01, 0.0), suite(1, 0.01, 0.0));
    append(&path, &first).unwrap();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], &whole[..20]].concat()).unwrap();
    assert_eq!(read(&path).unwrap(), std::slice::from_ref(&first));
    append(&path, &second).unwrap();
    assert_eq!(read(&path).unwrap(), [first, second]);
}

#[test]
fn version_2_is_read_and_version_3_written() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/records/calibration-2.jsonl");
    let suites = read(&old).unwrap();
    assert_eq!((suites.len(), suites[0].cases.len(), suites[0].cases[0].screen.len()), (1, 2, 20));
    assert_eq!(suites[0].condition, Condition { background_load: true, two_builds: true, ..IDLE });
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("calibration.jsonl");
    append(&new, &Suite { schema: SCHEMA, ..suites[0].clone() }).unwrap();
    let text = std::fs::read_to_string(&new).unwrap();
    for name in ["\"schema\":3", "\"background_load\":true", "\"two_builds\":true", "\"cases\":["] {
        assert!(text.contains(name), "{name} is not in {text}");
    }
    assert_eq!(read(&new).unwrap()[0].cases, suites[0].cases);
}

#[test]
fn a_gate_under_load_is_told_from_a_suite_of_the_time_lane() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calibration.jsonl");
    let timed = suite(0, 0.01, 0.0);
    let served = Suite { condition: Condition { under_load: true, ..IDLE }, ..timed.clone() };
    for suite in [&timed, &served] {
        append(&path, suite).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let named: Vec<bool> = text.lines().map(|line| line.contains("\"under_load\":true")).collect();
    assert_eq!((named, text.matches("under_load").count()), (vec![false, true], 1));
    assert_eq!(read(&path).unwrap(), [timed, served]);
}

#[test]
fn committed_records_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("calibration");
    assert!(read(&folder.join("amd-epyc-2-cores.jsonl")).unwrap().len() > 200);
}

#[test]
fn a_suite_is_undecided_if_something_is_open_and_nothing_is_red() {
    let with = |verdicts: &[Verdict]| {
        let mut suite = suite(0, 0.0, 0.0);
        let case = suite.cases[0].clone();
        suite.cases = verdicts.iter().map(|verdict| JudgedCase { verdict: *verdict, ..case.clone() }).collect();
        suite.is_undecided()
    };
    assert!(with(&[Verdict::Equal, Verdict::Inconclusive]));
    assert!(!with(&[Verdict::Equal, Verdict::Improved]));
    assert!(!with(&[Verdict::Inconclusive, Verdict::Regressed]));
}

#[test]
fn what_is_no_record_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calibration.jsonl");
    for (line, expected) in [
        ("{}", "no suite of a calibration"),
        ("{\"schema\":1}", "schema version 1, this assay reads 2 to 3"),
        ("{\"schema\":2}", "no suite of a calibration"),
    ] {
        std::fs::write(&path, format!("{line}\n")).unwrap();
        let refused = read(&path).unwrap_err().to_string();
        assert!(refused.contains(expected), "{line}: {refused}");
    }
}

#[test]
fn records_are_named_by_their_machine() {
    let path = path(Path::new("calibration"), "Some(R) CPU @ 2.50GHz, 2 cores");
    assert_eq!(path, Path::new("calibration/some-r-cpu-2-50ghz-2-cores.jsonl"));
}
