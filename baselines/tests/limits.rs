//! The limits of the built-in policy on the stored baselines: how small a change of an exact count is red.

use std::collections::BTreeSet;
use std::path::Path;

use baselines::compare::compare;
use baselines::delta::{Comparison, Verdict};
use baselines::gate::{self, GateOutcome};
use baselines::policy::Policy;
use baselines::record::RunHeader;
use baselines::{CaseKey, Durability, Measurement, Run, Sample};
use jiff::civil::date;

fn stored() -> Vec<Run> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stored");
    let files = std::fs::read_dir(folder).expect("lists").map(|entry| entry.expect("an entry").path());
    let runs = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    runs.map(|path| Run::read(&path, false).expect("a baseline")).collect()
}

/// The run with one metric of every case changed by `change` of an operation.
fn changed(base: &Run, metric: &str, change: f64) -> Run {
    let mut new = base.clone();
    for measurement in new.measurements.iter_mut().filter(|measurement| measurement.metric == metric) {
        let values = measurement.sample.values().iter().map(|value| value + change).collect();
        measurement.sample = Sample::new(values).expect("finite");
    }
    new
}

fn compared(base: &Run, new: &Run) -> Comparison {
    compare(base, new, &Policy::standard(), date(2026, 1, 1))
}

/// The cases in which a metric is worse and blocks.
fn red<'a>(comparison: &'a Comparison, metric: &str) -> BTreeSet<&'a CaseKey> {
    let worse = comparison.deltas.iter().filter(|delta| delta.verdict == Verdict::Regressed && delta.blocks);
    worse.filter(|delta| delta.metric == metric).map(|delta| &delta.case).collect()
}

#[test]
fn a_small_change_of_every_operation_is_red() {
    let baselines = stored();
    assert!(!baselines.is_empty());
    for base in &baselines {
        let outcome = |comparison: Comparison| gate::judge(comparison, &[], &[]).outcome;
        assert_eq!(outcome(compared(base, base)), GateOutcome::Passed);
        let instructions = |from: f64| {
            let of = base.measurements.iter().filter(|measurement| measurement.metric == "instructions");
            of.filter(move |measurement| measurement.sample.median() < from).map(|measurement| &measurement.case)
        };
        let every: BTreeSet<&CaseKey> = instructions(f64::INFINITY).collect();
        for (metric, change) in [("allocations", 1.0), ("allocated_bytes", 256.0), ("allocations", 1.0 / 64.0)] {
            let comparison = compared(base, &changed(base, metric, change));
            assert_eq!(red(&comparison, metric), every, "{metric} {change:+}");
            assert_eq!(outcome(comparison), GateOutcome::Regressed);
        }
        // 99 instructions are more than 0.3% of 33,000.
        let comparison = compared(base, &changed(base, "instructions", 99.0));
        assert_eq!(red(&comparison, "instructions"), instructions(33_000.0).collect());
        assert_eq!(outcome(comparison), GateOutcome::Regressed);
    }
}

fn run(profile: &str, metric: &str, value: f64) -> Run {
    let environment = stored().remove(0).header.environment;
    let case = CaseKey { benchmark: "step/log".into(), variant: "store=memory".into() };
    let measured = Measurement::new(case, metric, Sample::new(vec![value]).expect("finite"), Durability::Memory);
    let mut run = Run::new(RunHeader::new("assay run", profile, environment));
    run.measurements.push(measured);
    run
}

#[test]
fn one_system_call_in_many_operations_is_red() {
    let comparison = compared(&run("full", "system_calls", 12.0), &run("full", "system_calls", 12.0 + 1.0 / 64.0));
    assert_eq!(red(&comparison, "system_calls").len(), 1);
    let fewer = compared(&run("full", "system_calls", 12.0), &run("full", "system_calls", 11.0));
    assert_eq!(fewer.deltas[0].verdict, Verdict::Improved);
}

#[test]
fn absolute_limits_are_those_of_one_operation_and_not_of_another_tools_values() {
    let red_in = |profile: &str, new: f64| {
        let comparison = compared(&run(profile, "instructions", 100.0), &run(profile, "instructions", new));
        !red(&comparison, "instructions").is_empty()
    };
    assert!(!red_in("full", 104.0) && red_in("full", 106.0));
    assert!(red_in(RunHeader::FOREIGN, 104.0), "4% of another tool's value");
    assert!(!red_in(RunHeader::FOREIGN, 100.2), "within the relative limit");
}
