//! Every format says whose doing a change is.

use baselines::delta::Verdict;
use baselines::doing::{Doing, Whose};
use baselines::gate::{self, GateOutcome};
use reports::{Format, Report, render};

use crate::fixture;

#[test]
fn every_format_says_whose_doing_a_change_is() {
    let regressed = fixture::regressed();
    let mut comparison = regressed.judgement.clone().expect("judged").comparison;
    comparison.deltas.retain(|delta| delta.metric == "instructions");
    let evidence = "the 5 functions that it executes are the same before optimisation, and executed as often";
    for delta in comparison.deltas.iter_mut().filter(|delta| delta.verdict == Verdict::Regressed) {
        delta.set_doing(Doing { whose: Whose::Compiler, evidence: evidence.to_owned() }, Some(0.5));
    }
    let judgement = gate::judge(comparison, &[], &[]);
    assert_eq!(judgement.outcome, GateOutcome::Passed, "it only advises: {}", judgement.summary);
    let report = Report { judgement: Some(judgement), ..regressed };
    for format in [Format::Text, Format::Markdown, Format::Html, Format::Junit] {
        let text = render(&report, format).expect("rendered");
        assert!(text.contains(&format!("whose doing: only the compiler: {evidence}")), "{format:?}: {text}");
        assert!(text.contains("advises"), "{format:?}");
    }
    assert!(render(&report, Format::Github).expect("rendered").contains("; only the compiler"));
    let json: serde_json::Value =
        serde_json::from_str(&render(&report, Format::Json).expect("rendered")).expect("JSON");
    let deltas = json["cases"].as_array().expect("cases").iter().filter_map(|case| case["deltas"].as_array()).flatten();
    let attributed: Vec<_> = deltas.filter_map(|delta| delta.get("doing")).collect();
    assert_eq!(attributed.len(), 1);
    assert_eq!((&attributed[0]["whose"], &attributed[0]["evidence"]), (&"compiler".into(), &evidence.into()));
}

/// "Not shown" is no part of the sentence on what got worse, and is told with its reason where it is asked for.
#[test]
fn what_is_not_known_is_no_part_of_the_lead() {
    let regressed = fixture::regressed();
    let mut comparison = regressed.judgement.clone().expect("judged").comparison;
    comparison.deltas.retain(|delta| delta.metric == "cpu_time" && delta.verdict == Verdict::Regressed);
    for delta in &mut comparison.deltas {
        delta.set_doing(
            Doing { whose: Whose::Unknown, evidence: "python3 does not name its compiler".to_owned() },
            None,
        );
    }
    let report = Report { judgement: Some(gate::judge(comparison, &[], &[])), ..regressed };
    let page = render(&report, Format::Html).expect("rendered");
    let lead = page.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).expect("a lead");
    assert!(lead.ends_with("(99%: +13.1% to +16.8%)."), "{lead}");
    assert!(page.contains("<dt>Whose doing?</dt><dd>Not shown: python3 does not name its compiler</dd>"));
    assert!(page.contains("Yes: the benchmark that was compared, by cpu time, beyond"));
}
