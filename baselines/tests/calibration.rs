//! The record of a calibration: appended, read again in both versions, and asked for the noise of a case.

use std::path::Path;

use baselines::calibration::{Condition, JudgedCase, SCHEMA, Suite, append, noise, path, read};
use baselines::compare::Verdict;

const IDLE: Condition =
    Condition { judge: baselines::calibration::Judge::Assay, background_load: false, two_builds: false };

fn suite(number: usize, relative: f64, extra_percent: f64) -> Suite {
    let case = JudgedCase {
        case: "step_log_memory".into(),
        metric: "cpu_time".into(),
        extra_percent,
        verdict: Verdict::Equal,
        relative: Some(relative),
        noise: 0.0,
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
fn committed_records_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("calibration");
    assert!(read(&folder.join("amd-epyc-2-cores.jsonl")).unwrap().len() > 200);
}

#[test]
fn the_noise_is_the_largest_shift_between_equal_sides_on_this_machine() {
    let loaded = Suite { condition: Condition { background_load: true, ..IDLE }, ..suite(0, 0.3, 0.0) };
    let elsewhere = Suite { machine: "another".into(), ..suite(0, 0.4, 0.0) };
    let mut beside_slowed = suite(0, 0.1, 5.0);
    beside_slowed.cases[0].extra_percent = 0.0;
    let rebuilt = Condition { two_builds: true, ..IDLE };
    let two_builds = Suite { condition: rebuilt, ..suite(0, 0.05, 0.0) };
    let suites =
        [suite(0, 0.01, 0.0), suite(0, -0.02, 0.0), suite(0, 0.1, 5.0), beside_slowed, loaded, elsewhere, two_builds];
    let of = |suites: &[Suite], condition, metric| noise(suites, "one, 2 cores", condition, "step_log_memory", metric);
    assert_eq!(of(&suites, IDLE, "cpu_time"), 0.02);
    assert_eq!(of(&suites, rebuilt, "cpu_time"), 0.05);
    let loaded = Condition { background_load: true, ..rebuilt };
    assert_eq!(of(&suites, loaded, "cpu_time"), 0.05, "margins are those of an idle machine");
    assert_eq!(of(&suites, IDLE, "wall_time"), 0.0);
    assert_eq!(of(&[], IDLE, "cpu_time"), 0.0);
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
