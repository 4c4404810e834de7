//! JUnit XML for CI systems: a test case for each delta, and one for the whole verdict. A file without failures means a
//! pass.
//!
//! A regression that blocks is a failure; a delta that is invalid, or missing or inconclusive where it blocks, is an
//! error. A delta that was not judged, that only advises, or that is open because the counts have decided already, is
//! skipped with both sides and the reason, because JUnit has no other colour that is not green. A pass says what it
//! rules out, and what nothing judges.

use baselines::delta::{Delta, Verdict};
use baselines::gate::{GateOutcome, new_cases, without_times};
use baselines::{Lane, Metric};
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use crate::headline::{Tone, headline};
use crate::names::printable;
use crate::numbers::{percent, signed};
use crate::{Error, Format, Report, Result, cause, deltas};

/// The report as JUnit XML.
pub fn render(report: &Report) -> Result<String> {
    let mut junit = Junit::new("assay");
    junit.add_test_suite(gate(report));
    if let Some(judgement) = &report.judgement {
        for lane in Lane::ALL.iter().copied().map(Some).chain([None]) {
            let mut suite = TestSuite::new(lane.map_or("unknown", Lane::name));
            for delta in &judgement.comparison.deltas {
                if Metric::find(&delta.metric).map(|metric| metric.lane) == lane {
                    suite.add_test_case(case(delta));
                }
            }
            if !suite.test_cases.is_empty() {
                junit.add_test_suite(suite);
            }
        }
    }
    let mut rest = TestSuite::new("run");
    for item in &report.run.invalid {
        rest.add_test_case(named(&item.what, "invalid", status(NonSuccessKind::Error, "invalid", &item.why)));
    }
    for item in &report.run.skipped {
        rest.add_test_case(named(&item.what, "skipped", skipped(&item.why)));
    }
    if !rest.test_cases.is_empty() {
        junit.add_test_suite(rest);
    }
    junit.to_string().map_err(|error| Error::Encode { format: Format::Junit, reason: error.to_string() })
}

/// The whole verdict as one test case.
fn gate(report: &Report) -> TestSuite {
    let headline = headline(report);
    let outcome = report.judgement.as_ref().map(|judgement| judgement.outcome);
    let said = match outcome {
        None => skipped(&format!("not judged: {}", headline.next)),
        Some(GateOutcome::Passed) if headline.tone == Tone::Good => TestCaseStatus::success(),
        Some(GateOutcome::Passed) => skipped(&format!("passed in part: {}", headline.sentence)),
        Some(GateOutcome::Regressed) => status(NonSuccessKind::Failure, "regressed", &headline.sentence),
        Some(GateOutcome::Invalid) => status(NonSuccessKind::Error, "invalid", &headline.sentence),
        Some(GateOutcome::Undecided) => status(NonSuccessKind::Error, "undecided", &headline.sentence),
        Some(GateOutcome::Nothing) => status(NonSuccessKind::Error, "nothing", &headline.sentence),
    };
    let mut suite = TestSuite::new("gate");
    let mut verdict = TestCase::new("verdict", said);
    verdict.set_classname("gate");
    if let Some(judgement) = &report.judgement {
        let ruled_out = judgement.ruled_out.iter().map(ToString::to_string);
        let no_times = without_times(&judgement.comparison, &report.run).map(str::to_owned);
        let not_judged = new_cases(&judgement.comparison).into_iter().chain(no_times);
        let said: Vec<String> = judgement.invalid.iter().cloned().chain(ruled_out).chain(not_judged).collect();
        if !said.is_empty() {
            verdict.set_system_out(said.join("\n"));
        }
    }
    suite.add_test_case(verdict);
    suite
}

fn case(delta: &Delta) -> TestCase {
    let verdict = delta.verdict.name();
    let said = match (delta.verdict, delta.blocks) {
        (Verdict::Equal | Verdict::Improved, _) => TestCaseStatus::success(),
        (Verdict::Regressed, true) => {
            let mut status = status(NonSuccessKind::Failure, verdict, &sentence(delta));
            status.set_description(explanation(delta));
            status
        }
        (Verdict::Invalid, _) | (Verdict::Missing, true) => status(NonSuccessKind::Error, verdict, &delta.why),
        (Verdict::Inconclusive, _) if delta.is_left_to_counts() => skipped(&format!("{verdict}: {}", sentence(delta))),
        (Verdict::Inconclusive, true) => status(NonSuccessKind::Error, verdict, &sentence(delta)),
        (Verdict::Regressed | Verdict::Missing | Verdict::Inconclusive, false) => {
            skipped(&format!("{verdict}, advises only: {}", sentence(delta)))
        }
        (Verdict::Incomparable | Verdict::Added, _) => skipped(&format!("{verdict}: {}", sentence(delta))),
    };
    let mut case = named(&delta.case.to_string(), &delta.metric, said);
    if let Some(bound) = deltas::bound(delta) {
        case.set_system_out(bound);
    }
    case
}

/// `12.35M to 12.51M, +1.30%; limit 0.300% and 100, blocks`.
fn sentence(delta: &Delta) -> String {
    let change = delta.relative.map(|relative| format!(", {}", percent(relative))).unwrap_or_default();
    let doing = cause::doing(delta).map(|doing| format!("; {doing}")).unwrap_or_default();
    format!("{}{change}; {}{doing}", deltas::sides(delta), delta.why)
}

/// Every function that moved, a line each.
fn explanation(delta: &Delta) -> String {
    let lines = delta.cause.iter().map(|function| {
        format!("{} {}: {}", signed(function.delta), printable(&function.function), cause::told(function))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn named(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(printable(name), status);
    case.set_classname(printable(class));
    case
}

fn status(kind: NonSuccessKind, what: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(what).set_message(printable(message));
    status
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(printable(why));
    status
}
