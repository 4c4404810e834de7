//! Our statistics against independent implementations: SciPy, NumPy and statsmodels said what stands in the fixture.
//!
//! `fixtures/make_fixtures.py` made it, and says with which versions and how to make it again.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use serde::Deserialize;
use stats::wilcoxon::signed_rank;
use stats::{binomial, descriptive, hodges_lehmann, holm};

#[derive(Deserialize)]
struct Fixture {
    wilcoxon: Vec<WilcoxonCase>,
    interval: Vec<IntervalCase>,
    binomial: Vec<BinomialCase>,
    holm: Vec<HolmCase>,
    descriptive: Vec<DescriptiveCase>,
}

#[derive(Deserialize)]
struct WilcoxonCase {
    name: String,
    values: Vec<f64>,
    zeros: String,
    positive_ranks: f64,
    negative_ranks: f64,
    p: [f64; 3],
}

#[derive(Deserialize)]
struct IntervalCase {
    values: Vec<f64>,
    confidence: f64,
    pseudo_median: f64,
    low: f64,
    high: f64,
    coverage: Option<f64>,
}

#[derive(Deserialize)]
struct BinomialCase {
    successes: u64,
    trials: u64,
    confidence: f64,
    low: f64,
    high: f64,
    upper: f64,
    lower: f64,
}

#[derive(Deserialize)]
struct HolmCase {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct DescriptiveCase {
    values: Vec<f64>,
    median: f64,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/scipy.json")).unwrap()
}

/// Equal in so many digits, or in the 15th after the point: SciPy takes small tails from 1, which costs it their
/// digits.
#[track_caller]
fn assert_close(what: &str, ours: f64, theirs: f64, digits: i32) {
    let close = (ours - theirs).abs() <= 10_f64.powi(-digits) * theirs.abs() + 1e-15;
    assert!(close, "{what}: ours {ours:e}, theirs {theirs:e}");
}

#[test]
fn signed_rank_agrees_with_scipy() {
    let cases = fixture().wilcoxon;
    assert!(cases.len() >= 60, "the fixture shrank to {} cases", cases.len());
    for case in cases {
        // SciPy can drop zeros before ranking; ours are dropped here.
        let values: Vec<f64> = case.values.into_iter().filter(|value| case.zeros == "Pratt" || *value != 0.0).collect();
        if values.is_empty() {
            continue;
        }
        let ours = signed_rank(&values).unwrap();
        assert_eq!(
            (ours.positive_ranks, ours.negative_ranks),
            (case.positive_ranks, case.negative_ranks),
            "{}",
            case.name
        );
        for (p, theirs) in [ours.p_greater, ours.p_less, ours.p_two_sided].into_iter().zip(case.p) {
            assert_close(&case.name, p, theirs, 10);
        }
    }
}

#[test]
fn intervals_are_what_scipys_test_does_not_reject() {
    let cases = fixture().interval;
    assert!(cases.len() >= 20, "the fixture shrank to {} cases", cases.len());
    for case in cases {
        let what = format!("{} rounds at {}", case.values.len(), case.confidence);
        let (pseudo_median, interval) = hodges_lehmann::estimate(&case.values, case.confidence).unwrap();
        assert_close(&what, pseudo_median, case.pseudo_median, 12);
        assert_close(&what, interval.low, case.low, 12);
        assert_close(&what, interval.high, case.high, 12);
        assert!(interval.confidence >= case.confidence, "{what}: achieved only {}", interval.confidence);
        if let Some(coverage) = case.coverage {
            assert_close(&what, interval.confidence, coverage, 12);
        }
        assert_eq!(hodges_lehmann::pseudo_median(&case.values).unwrap(), pseudo_median);
    }
}

#[test]
fn binomial_bounds_agree_with_scipy() {
    for case in fixture().binomial {
        let what = format!("{} of {} at {}", case.successes, case.trials, case.confidence);
        // A two-sided interval has half of the error on each side.
        let one_sided = (1.0 + case.confidence) / 2.0;
        let low = binomial::lower_bound(case.successes, case.trials, one_sided).unwrap();
        let high = binomial::upper_bound(case.successes, case.trials, one_sided).unwrap();
        assert_close(&what, low, case.low, 9);
        assert_close(&what, high, case.high, 9);
        let upper = binomial::upper_bound(case.successes, case.trials, case.confidence).unwrap();
        assert_close(&what, upper, case.upper, 9);
        let lower = binomial::lower_bound(case.successes, case.trials, case.confidence).unwrap();
        assert_close(&what, lower, case.lower, 9);
    }
}

#[test]
fn holm_agrees_with_statsmodels() {
    for case in fixture().holm {
        let ours = holm::adjusted(&case.p).unwrap();
        assert_eq!(ours.len(), case.adjusted.len());
        for (ours, theirs) in ours.into_iter().zip(case.adjusted) {
            assert_close(&format!("{:?}", case.p), ours, theirs, 12);
        }
    }
}

#[test]
fn the_median_agrees_with_numpy() {
    for case in fixture().descriptive {
        let what = format!("{} values", case.values.len());
        assert_close(&what, descriptive::median(&case.values).unwrap(), case.median, 12);
    }
}
