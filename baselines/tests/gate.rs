//! The gate's outcome: which verdict outweighs which, and its exit code.

use baselines::delta::{Comparison, Delta, Verdict};
use baselines::gate::{GateOutcome, Judgement, judge};
use baselines::{CaseKey, InvalidEntry};

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
