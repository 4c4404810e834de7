//! The gate's outcome: which verdict outweighs which, and its exit code.

use baselines::delta::{Comparison, Delta, Verdict};
use baselines::gate::{GateOutcome, Judgement, judge};
use baselines::policy::Policy;
use baselines::{CaseKey, Environment, InvalidEntry, Run, RunHeader, Skipped};

const TODAY: jiff::civil::Date = jiff::civil::date(2026, 1, 1);

/// A run of which nothing is missing.
fn run(profile: &str) -> Run {
    let header = RunHeader::new("assay gate", profile, Environment::detect(1, "generated"));
    Run { complete: true, ..Run::new(header) }
}

fn delta(verdict: Verdict, blocks: bool) -> Delta {
    let case = CaseKey { benchmark: format!("case/{verdict}"), variant: String::new() };
    let (base, new, relative) = (Some(1.0), Some(1.0), Some(0.0));
    Delta { base, new, relative, ..Delta::new(case, "cpu_time", (verdict, "the reason"), blocks) }
}

fn of(deltas: Vec<Delta>, invalid: &[InvalidEntry]) -> Judgement {
    judge(Comparison { differences: vec![], deltas }, invalid, &[])
}

#[test]
fn invalid_outweighs_regressed_outweighs_undecided_outweighs_passed() {
    use Verdict::{Equal, Inconclusive, Regressed};
    let outcome =
        |verdicts: &[Verdict]| of(verdicts.iter().map(|verdict| delta(*verdict, true)).collect(), &[]).outcome;
    assert_eq!(outcome(&[]), GateOutcome::Nothing);
    assert_eq!(outcome(&[Equal]), GateOutcome::Passed);
    assert_eq!(outcome(&[Equal, Inconclusive]), GateOutcome::Undecided);
    assert_eq!(outcome(&[Equal, Inconclusive, Regressed]), GateOutcome::Regressed);
    let wrong = [InvalidEntry { what: "a control".into(), why: "it is equal".into() }];
    assert_eq!(of(vec![delta(Regressed, true), delta(Inconclusive, true)], &wrong).outcome, GateOutcome::Invalid);
    assert_eq!(GateOutcome::Undecided.exit().code(), 3);
}

#[test]
fn an_undecided_gate_names_the_case_and_the_reason() {
    let judgement = of(vec![delta(Verdict::Equal, true), delta(Verdict::Inconclusive, true)], &[]);
    let expected = "undecided, neither red nor green: cpu_time of case/inconclusive";
    assert!(judgement.summary.starts_with(expected), "{}", judgement.summary);
    assert!(judgement.summary.contains("the reason"), "{}", judgement.summary);
}

#[test]
fn what_only_advises_may_stay_open_but_not_everything() {
    let passed = of(vec![delta(Verdict::Equal, true), delta(Verdict::Inconclusive, false)], &[]);
    assert_eq!(passed.outcome, GateOutcome::Passed);
    assert!(passed.summary.contains("1 inconclusive that only advises"), "{}", passed.summary);
    assert_eq!(of(vec![delta(Verdict::Inconclusive, false)], &[]).outcome, GateOutcome::Undecided);
}

#[test]
fn a_pass_with_gaps_is_one_in_part_and_says_which() {
    let whole = run("quick");
    let said = |run: &Run, verdicts: &[Verdict]| {
        let judgement = of(verdicts.iter().map(|verdict| delta(*verdict, false)).collect(), &[]);
        let judgement = judgement.annotate(run, &Policy::standard(), Some("1 of 60 cases: filter `x`"), TODAY);
        assert_eq!(judgement.outcome, GateOutcome::Passed);
        assert_eq!(judgement.summary.starts_with("passed: "), judgement.is_whole(run), "{}", judgement.summary);
        judgement.summary
    };
    assert_eq!(said(&whole, &[Verdict::Equal]), "passed: 1 compared, 1 equal, 0 improved; 1 of 60 cases: filter `x`");
    let open = said(&whole, &[Verdict::Equal, Verdict::Inconclusive]);
    assert!(open.starts_with("passed in part: 2 compared"), "{open}");
    let skipped = vec![Skipped { what: "counts of x".into(), why: "too long".into() }];
    let cut = Run { skipped, complete: false, ..whole };
    let expected = "passed in part: 1 compared, 1 equal, 0 improved; 1 of 60 cases: filter `x`; 1 skipped (not passed); \
        the run did not end";
    assert_eq!(said(&cut, &[Verdict::Equal]), expected);
}

#[test]
fn what_is_new_passes_and_is_counted() {
    let new = |number: usize| {
        let case = CaseKey { benchmark: format!("new/{number}"), variant: String::new() };
        ["instructions", "allocations"].map(|metric| Delta::new(case.clone(), metric, (Verdict::Added, ""), true))
    };
    let said = |number: usize| {
        let mut deltas: Vec<Delta> = (0..number).flat_map(new).collect();
        // A new metric of a case that the base has.
        deltas.extend([delta(Verdict::Equal, true), Delta { verdict: Verdict::Added, ..delta(Verdict::Equal, true) }]);
        of(deltas, &[]).summary
    };
    let passed = "passed: 1 compared, 1 equal, 0 improved";
    assert_eq!(said(0), passed);
    assert_eq!(said(1), format!("{passed}; 1 new case, which nothing judges"));
    assert_eq!(said(12), format!("{passed}; 12 new cases, which nothing judges"));
}

#[test]
fn a_pass_by_counts_alone_says_that_no_times_were_taken() {
    let said = |profile: &str, deltas: Vec<Delta>| {
        of(deltas, &[]).annotate(&run(profile), &Policy::standard(), None, TODAY).summary
    };
    let exact = |metric: &str| Delta { metric: metric.to_owned(), ..delta(Verdict::Equal, true) };
    let count = || exact("instructions");
    let passed = "passed: 1 compared, 1 equal, 0 improved; 1 exact, within its limit";
    assert_eq!(said("full", vec![count()]), format!("{passed}; no times were taken"));
    assert_eq!(said(RunHeader::FOREIGN, vec![count()]), passed, "other tools count alone by nature");
    assert_eq!(said("full", vec![exact("lines")]), passed, "a source has no times");
    let case = CaseKey { benchmark: "new".to_owned(), variant: String::new() };
    let new = Delta::new(case, "cpu_time", (Verdict::Added, ""), true);
    let expected = format!("{passed}; 1 new case, which nothing judges; no times were taken");
    assert_eq!(said("full", vec![count(), new]), expected);
    for timed in [delta(Verdict::Equal, true), Delta::of_same_code(&count().case, "cpu_time", true)] {
        let timed = said("full", vec![count(), timed]);
        assert!(!timed.contains("no times"), "{timed}");
    }
}
