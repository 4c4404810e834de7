//! Everything that is printed, held against files: `UPDATE_GOLDEN=1` rewrites them. Read the difference before you
//! commit it.

use std::path::Path;

use baselines::gate::GateOutcome;
use reports::{Format, Report, render, text};

use crate::fixture;

pub fn check(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).expect("the golden file is written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let difference =
        expected.lines().zip(actual.lines()).enumerate().find(|(_, (expected, actual))| expected != actual);
    if let Some((line, (expected, actual))) = difference {
        panic!("{name}:{}: UPDATE_GOLDEN=1 rewrites it\nexpected {expected}\n  actual {actual}", line + 1);
    }
    assert_eq!(expected.len(), actual.len(), "{name} has another length: UPDATE_GOLDEN=1 rewrites it");
}

fn check_format(name: &str, report: &Report, format: Format) {
    let rendered = render(report, format).expect("renders");
    assert_eq!(rendered, render(report, format).expect("renders"), "the same report gives the same text");
    check(&format!("{name}.{format}"), &rendered);
}

#[test]
fn a_regression_in_every_format() {
    let report = fixture::regressed();
    assert_eq!(report.judgement.as_ref().map(|judgement| judgement.outcome), Some(GateOutcome::Regressed));
    for &format in Format::ALL {
        check_format("regressed", &report, format);
    }
}

#[test]
fn a_pass_in_every_short_format() {
    let report = fixture::passed();
    for format in [Format::Markdown, Format::Text, Format::Junit, Format::Github] {
        check_format("passed", &report, format);
    }
}

/// Neither red nor green, and everywhere with what is open and what is ruled out.
#[test]
fn an_undecided_gate_in_every_format() {
    let report = fixture::undecided();
    assert_eq!(report.judgement.as_ref().map(|judgement| judgement.outcome), Some(GateOutcome::Undecided));
    for &format in Format::ALL {
        check_format("undecided", &report, format);
    }
}

/// "Passed" says what it rules out, in every format.
#[test]
fn what_is_ruled_out_stands_in_every_format() {
    let sentence = "no case is slower by more than 2.9% (99%, all 2 cases together)";
    for &format in Format::ALL {
        let rendered = render(&fixture::passed(), format).expect("renders");
        let plain = rendered.replace("%25", "%");
        assert!(plain.contains(sentence), "{format}: {rendered}");
    }
}

#[test]
fn a_run_that_nobody_judged() {
    let report = Report::new(fixture::run());
    for format in [Format::Markdown, Format::Junit, Format::Github] {
        check_format("measured", &report, format);
    }
    check("run.text", &text::run(&report.run));
}

#[test]
fn a_run_of_which_nothing_is_left() {
    let report = fixture::empty();
    for &format in Format::ALL {
        check_format("empty", &report, format);
    }
}

#[test]
fn a_judgement_alone() {
    let (base, mut new) = (fixture::run(), fixture::changed());
    check("judgement.text", &text::judgement(&fixture::judged(&base, &new)));
    new.header.environment.rustc = "rustc 1.96.0 (beef 2026-05-26)".into();
    new.measurements.retain(|measurement| measurement.case.benchmark.starts_with("step/"));
    let base = {
        let mut base = base;
        base.measurements.retain(|measurement| measurement.case.benchmark.starts_with("step/"));
        base
    };
    let nothing = fixture::judged(&base, &new);
    assert_eq!(nothing.outcome, GateOutcome::Nothing);
    check("nothing.text", &text::judgement(&nothing));
    new = fixture::changed();
    new.measurements
        .retain(|measurement| measurement.case.benchmark == "step/log" && measurement.metric != "allocations");
    let invalid = fixture::judged(&base, &new);
    assert_eq!(invalid.outcome, GateOutcome::Invalid);
    check("invalid.text", &text::judgement(&invalid));
}

#[test]
fn both_sides_of_every_delta_have_a_row() {
    let mut report = fixture::regressed();
    report.shows_all_deltas = true;
    let judgement = report.judgement.as_mut().expect("judged");
    judgement.comparison.deltas.retain(|delta| delta.case.benchmark == "step/log");
    check("all_deltas.text", &render(&report, Format::Text).expect("renders"));
    check("all_deltas.markdown", &render(&report, Format::Markdown).expect("renders"));
}

#[test]
fn a_report_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.md");
    let report = fixture::passed();
    reports::write(&report, Format::Markdown, &path).expect("writes");
    assert_eq!(std::fs::read_to_string(&path).expect("reads"), render(&report, Format::Markdown).expect("renders"));
    assert!(reports::write(&report, Format::Markdown, &path.join("below-a-file")).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 1, "no temporary file stays");
}
