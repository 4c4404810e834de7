//! The model as JSON, for other programs, and the judgement read from it: `report.schema.json` beside this crate's
//! manifest describes it.
//!
//! A case has its numbers, its verdicts and, only where something changed, its functions and call stacks. All of them
//! are in the run's own file.

use std::collections::{BTreeMap, BTreeSet};

use baselines::cause::FunctionDelta;
use baselines::delta::{Bound, Delta, Verdict};
use baselines::doing::Doing;
use baselines::environment::Difference;
use baselines::gate::{GateOutcome, Judgement};
use baselines::ruled_out::RuledOut;
use baselines::{CaseKey, Durability, FunctionCost, InvalidEntry, Measurement, RunHeader, Sample, Skipped};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::deltas::is_changed;
use crate::{Error, Format, Report, Result, headline};

/// The version of the format. It grows when a field changes its meaning or is removed, not when one is added.
const SCHEMA: u64 = 2;

#[derive(Serialize)]
struct Wire<'a> {
    schema: u64,
    /// The exit code that the judgement stands for.
    exit: Option<u8>,
    /// The sentence that every format begins with.
    lead: String,
    against: &'a Option<String>,
    notes: &'a [String],
    run: WireRun<'a>,
    judgement: Option<WireJudgement<'a>>,
}

#[derive(Serialize)]
struct WireRun<'a> {
    header: &'a RunHeader,
    complete: bool,
    skipped: &'a [Skipped],
    invalid: &'a [InvalidEntry],
}

#[derive(Serialize)]
struct WireJudgement<'a> {
    outcome: GateOutcome,
    summary: &'a str,
    tally: &'a BTreeMap<Verdict, usize>,
    invalid: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    ruled_out: &'a Option<RuledOut>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    accepted: &'a [String],
    differences: &'a [Difference],
}

#[derive(Serialize)]
struct WireCase<'a> {
    benchmark: &'a str,
    variant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    durability: Option<Durability>,
    measured: Vec<WireMeasurement<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    counters: BTreeMap<&'a str, u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deltas: Vec<WireDelta<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    functions: &'a [FunctionCost],
    #[serde(skip_serializing_if = "Option::is_none")]
    stacks: Option<WireStacks<'a>>,
}

#[derive(Serialize)]
struct WireMeasurement<'a> {
    metric: &'a str,
    sample: &'a Sample,
    operations: u64,
}

#[derive(Serialize)]
struct WireDelta<'a> {
    metric: &'a str,
    base: Option<f64>,
    new: Option<f64>,
    relative: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bound: Option<Bound>,
    verdict: Verdict,
    blocks: bool,
    why: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cause: &'a [FunctionDelta],
    #[serde(skip_serializing_if = "Option::is_none")]
    doing: &'a Option<Doing>,
}

#[derive(Serialize)]
struct WireStacks<'a> {
    unit: &'a str,
    folded: &'a str,
    base_folded: &'a Option<String>,
}

/// The report as JSON, one case per line, with a line break at its end. A delta that is not finite is an error.
pub fn render(report: &Report) -> Result<String> {
    let failed = |reason: String| Error::Encode { format: Format::Json, reason };
    let deltas = || report.judgement.iter().flat_map(|judgement| &judgement.comparison.deltas);
    for delta in deltas() {
        let mut numbers = [delta.base, delta.new, delta.relative, delta.bound.map(|bound| bound.at_most)]
            .into_iter()
            .flatten()
            .chain(delta.interval.into_iter().flatten());
        // serde_json would write `null`, which means that there is no number.
        if numbers.any(|number| !number.is_finite()) {
            return Err(failed(format!("{} of {} is not finite", delta.metric, delta.case)));
        }
    }
    let written = |error: serde_json::Error| failed(error.to_string());
    let mut text = serde_json::to_string(&head(report)).map_err(written)?;
    // The head's closing bracket ends the whole.
    text.pop();
    text.push_str(",\"cases\":[");
    for (place, case) in cases(report).iter().enumerate() {
        text.push_str(if place == 0 { "\n" } else { ",\n" });
        text.push_str(&serde_json::to_string(case).map_err(written)?);
    }
    text.push_str("\n]}\n");
    Ok(text)
}

fn head(report: &Report) -> Wire<'_> {
    let judgement = report.judgement.as_ref();
    Wire {
        schema: SCHEMA,
        exit: judgement.map(|judgement| judgement.outcome.exit().code()),
        lead: headline::headline(report).lead,
        against: &report.against,
        notes: &report.notes,
        run: WireRun {
            header: &report.run.header,
            complete: report.run.complete,
            skipped: &report.run.skipped,
            invalid: &report.run.invalid,
        },
        judgement: judgement.map(|judgement| WireJudgement {
            outcome: judgement.outcome,
            summary: &judgement.summary,
            tally: &judgement.tally,
            invalid: &judgement.invalid,
            ruled_out: &judgement.ruled_out,
            accepted: &judgement.accepted,
            differences: &judgement.comparison.differences,
        }),
    }
}

/// The cases of the run in the order of measuring, and then those that only the base has.
fn cases(report: &Report) -> Vec<WireCase<'_>> {
    let deltas = || report.judgement.iter().flat_map(|judgement| &judgement.comparison.deltas);
    let mut places: BTreeMap<&CaseKey, usize> = BTreeMap::new();
    let mut cases: Vec<WireCase<'_>> = Vec::new();
    let keys = report.run.measurements.iter().map(|found| &found.case).chain(deltas().map(|delta| &delta.case));
    for case in keys {
        places.entry(case).or_insert_with(|| {
            let (benchmark, variant) = (case.benchmark.as_str(), case.variant.as_str());
            let (measured, counters, deltas) = (vec![], BTreeMap::new(), vec![]);
            cases.push(WireCase {
                benchmark,
                variant,
                durability: None,
                measured,
                counters,
                deltas,
                functions: &[],
                stacks: None,
            });
            cases.len() - 1
        });
    }
    let changed: BTreeSet<&CaseKey> = deltas().filter(|delta| is_changed(delta)).map(|delta| &delta.case).collect();
    for Measurement { case, metric, sample, operations, durability, counters, functions, .. } in
        &report.run.measurements
    {
        let wire = &mut cases[places[case]];
        wire.durability = Some(*durability);
        wire.measured.push(WireMeasurement { metric, sample, operations: *operations });
        wire.counters.extend(counters.iter().map(|(name, value)| (name.as_str(), *value)));
        if changed.contains(case) && !functions.is_empty() {
            wire.functions = functions;
        }
    }
    for delta in deltas() {
        let Delta { case, metric, base, new, relative, interval, bound, verdict, blocks, why, cause, doing } = delta;
        let (base, new, relative, interval, bound) = (*base, *new, *relative, *interval, *bound);
        let wire = WireDelta {
            metric,
            base,
            new,
            relative,
            interval,
            bound,
            verdict: *verdict,
            blocks: *blocks,
            why,
            cause,
            doing,
        };
        cases[places[case]].deltas.push(wire);
    }
    for stacks in report.profiles.iter().filter(|stacks| changed.contains(&stacks.case)) {
        let wire = WireStacks { unit: &stacks.unit, folded: &stacks.folded, base_folded: &stacks.base_folded };
        cases[places[&stacks.case]].stacks = Some(wire);
    }
    cases
}

/// What a report in JSON says of the change.
#[derive(Debug, Clone, Deserialize)]
pub struct JudgedReport {
    /// The base of the comparison.
    pub against: Option<String>,
    /// Sentences for the reader.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The judgement; none if nothing was compared.
    pub judgement: Option<Judgement>,
}

impl JudgedReport {
    /// Reads a report that a command printed; none if it printed something else.
    pub fn read(output: &str) -> Option<JudgedReport> {
        let mut report: Value = serde_json::from_str(output).ok()?;
        // A report has the deltas with their cases, and a judgement has them in one list.
        let mut deltas = vec![];
        for mut case in report["cases"].as_array_mut().map(std::mem::take).unwrap_or_default() {
            let key = json!({ "benchmark": case["benchmark"], "variant": case["variant"] });
            for mut delta in case["deltas"].as_array_mut().map(std::mem::take).unwrap_or_default() {
                delta["case"] = key.clone();
                deltas.push(delta);
            }
        }
        if let Some(judgement) = report["judgement"].as_object_mut() {
            let differences = judgement.remove("differences");
            judgement.insert("comparison".to_owned(), json!({ "differences": differences, "deltas": deltas }));
        }
        serde_json::from_value(report).ok()
    }
}
