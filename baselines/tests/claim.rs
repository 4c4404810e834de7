//! Verdicts on claims, interval by interval, and the report in which they are kept.

use baselines::claim::{ClaimReport, ClaimVerdict, MeasuredEffect, SCHEMA, Target, combine, judge};
use baselines::{Environment, Error};

const MARGIN: f64 = 0.02;

fn of(low: f64, high: f64) -> MeasuredEffect {
    MeasuredEffect { base: Some(1.0), new: low, estimate: (low + high) / 2.0, low, high, rounds: 12 }
}

fn verdict(target: Target, low: f64, high: f64) -> ClaimVerdict {
    judge(target, &of(low, high), MARGIN).0
}

#[test]
fn a_reduction_is_judged_by_its_whole_interval() {
    let less = |low, high| verdict(Target::AtMostOfBase(0.55), low, high);
    assert_eq!(less(0.40, 0.55), ClaimVerdict::Confirmed, "even the worst of it reaches the target");
    assert_eq!(less(0.50, 0.56), ClaimVerdict::Partly, "not shown to reach it");
    assert_eq!(less(0.80, 0.90), ClaimVerdict::Partly, "short of it");
    assert_eq!(less(0.95, 0.99), ClaimVerdict::Inconclusive, "1% is no effect, 5% is one");
    assert_eq!(less(0.99, 1.01), ClaimVerdict::Refuted);
    assert_eq!(less(1.10, 1.20), ClaimVerdict::Refuted, "the opposite");
    assert_eq!(less(0.50, 1.50), ClaimVerdict::Inconclusive, "it says nothing");
}

#[test]
fn an_increase_is_the_same_upside_down() {
    let more = |low, high| verdict(Target::AtLeastOfBase(1.2), low, high);
    assert_eq!(more(1.2, 1.3), ClaimVerdict::Confirmed);
    assert_eq!(more(1.1, 1.3), ClaimVerdict::Partly);
    assert_eq!(more(1.0, 1.3), ClaimVerdict::Inconclusive);
    assert_eq!(more(0.99, 1.01), ClaimVerdict::Refuted);
    assert_eq!(more(0.5, 0.6), ClaimVerdict::Refuted);
}

#[test]
fn a_bound_is_kept_or_not() {
    assert_eq!(verdict(Target::AtMost(20.0), 15.0, 19.9), ClaimVerdict::Confirmed);
    assert_eq!(verdict(Target::AtMost(20.0), 19.0, 21.0), ClaimVerdict::Inconclusive);
    assert_eq!(verdict(Target::AtMost(20.0), 20.1, 21.0), ClaimVerdict::Refuted);
    assert_eq!(verdict(Target::AtLeast(0.5), 0.5, 0.5), ClaimVerdict::Confirmed);
    assert_eq!(verdict(Target::AtLeast(0.5), 0.4, 0.49), ClaimVerdict::Refuted);
}

#[test]
fn a_bound_on_the_cost_is_a_bound() {
    let cost = |low, high| verdict(Target::AtMostOfBase(1.4), low, high);
    assert_eq!(cost(1.2, 1.4), ClaimVerdict::Confirmed);
    assert_eq!(cost(0.8, 0.9), ClaimVerdict::Confirmed, "less than the base is within it, too");
    assert_eq!(cost(1.3, 1.5), ClaimVerdict::Inconclusive);
    assert_eq!(cost(1.5, 1.6), ClaimVerdict::Refuted);
}

#[test]
fn faster_without_a_figure_is_any_effect_beyond_the_margin() {
    let faster = |low, high| verdict(Target::AtMostOfBase(1.0), low, high);
    assert_eq!(faster(0.90, 0.97), ClaimVerdict::Confirmed);
    assert_eq!(faster(0.97, 0.99), ClaimVerdict::Inconclusive);
    assert_eq!(faster(0.99, 1.0), ClaimVerdict::Refuted);
}

#[test]
fn a_count_that_became_none_is_confirmed_and_one_that_was_none_invalid() {
    let target = Target::AtMostOfBase(0.75);
    let none = judge(target, &MeasuredEffect::exact(target, Some(12.0), 0.0), MARGIN);
    assert_eq!(none.0, ClaimVerdict::Confirmed);
    let from_none = judge(target, &MeasuredEffect::exact(target, Some(0.0), 3.0), MARGIN);
    assert_eq!(from_none.0, ClaimVerdict::Invalid, "{}", from_none.1);
}

/// Whatever the interval: narrowing it never turns a decided verdict into its opposite.
#[test]
fn a_narrower_interval_agrees_with_a_wider_one_that_decided() {
    for target in [Target::AtMostOfBase(0.6), Target::AtLeastOfBase(1.5), Target::AtMost(0.9)] {
        for step in 1..40 {
            let (low, high) = (0.05 * f64::from(step), 0.05 * f64::from(step) + 0.3);
            let (wide, narrow) = (verdict(target, low, high), verdict(target, low + 0.1, high - 0.1));
            match wide {
                ClaimVerdict::Confirmed | ClaimVerdict::Refuted => assert_eq!(narrow, wide, "{target:?} {low}"),
                ClaimVerdict::Partly => assert_ne!(narrow, ClaimVerdict::Refuted, "{target:?} {low}"),
                _ => {}
            }
        }
    }
}

#[test]
fn a_claim_is_confirmed_or_refuted_as_a_whole() {
    use ClaimVerdict::*;
    for (parts, whole) in [
        (&[Confirmed, Confirmed][..], Confirmed),
        (&[Confirmed, Refuted], Partly),
        (&[Partly, Inconclusive], Partly),
        (&[Refuted, Refuted], Refuted),
        (&[Refuted, Inconclusive], Inconclusive),
        (&[Confirmed, Skipped], Skipped),
        (&[Skipped, Invalid], Invalid),
        (&[], Skipped),
    ] {
        assert_eq!(combine(parts), whole, "{parts:?}");
    }
}

#[test]
fn a_report_comes_back_as_it_was_written_and_another_schema_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.json");
    let mut report = ClaimReport {
        schema: SCHEMA,
        started_at: "2026-11-25T00:00:00Z".to_owned(),
        command: "assay claims".to_owned(),
        profile: "quick".to_owned(),
        environment: Environment::detect(1, "generated"),
        claims: vec![],
    };
    report.write(&path).expect("writes");
    assert_eq!(ClaimReport::read(&path).expect("reads"), report);
    report.schema = 9;
    report.write(&path).expect("writes");
    assert!(matches!(ClaimReport::read(&path), Err(Error::UnknownSchema { found: 9, .. })));
    std::fs::write(&path, "{}").expect("writes");
    assert!(matches!(ClaimReport::read(&path), Err(Error::BadRecord { .. })));
}

/// The report as version 1 wrote it, with other names for `target` and `verdict`.
#[test]
fn version_1_is_read() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/records/claims-1.json");
    let report = ClaimReport::read(&path).expect("reads");
    let part = &report.claims[0].parts[0];
    assert_eq!((report.schema, report.claims[0].verdict), (1, ClaimVerdict::Partly));
    assert_eq!((part.target, part.verdict), (Target::AtMostOfBase(0.55), ClaimVerdict::Confirmed));
    let written = serde_json::to_string(&ClaimReport { schema: SCHEMA, ..report }).expect("serializes");
    assert!(written.contains("\"schema\":2") && written.contains("\"target\":") && written.contains("\"verdict\":"));
    assert!(!written.contains("\"figure\"") && !written.contains("\"finding\""), "{written}");
}
