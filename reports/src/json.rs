//! The model as JSON, for other programs. It has everything that the other formats show.

use baselines::gate::{GateOutcome, Judgement};
use baselines::{CallStacks, CaseKey, InvalidEntry, Measurement, RunHeader, Skipped};
use serde::Serialize;

use crate::{Error, Format, Report, Result};

/// The version of the format. It grows when a field changes its meaning or is removed, not when one is added.
const SCHEMA: u64 = 1;

#[derive(Serialize)]
struct Wire<'a> {
    schema: u64,
    /// The exit code that the judgement stands for.
    exit: Option<u8>,
    against: &'a Option<String>,
    notes: &'a [String],
    run: WireRun<'a>,
    judgement: &'a Option<Judgement>,
    profiles: Vec<WireProfile<'a>>,
}

#[derive(Serialize)]
struct WireRun<'a> {
    header: &'a RunHeader,
    complete: bool,
    skipped: &'a [Skipped],
    invalid: &'a [InvalidEntry],
    measurements: &'a [Measurement],
}

#[derive(Serialize)]
struct WireProfile<'a> {
    case: &'a CaseKey,
    unit: &'a str,
    folded: &'a str,
    base_folded: &'a Option<String>,
}

/// The report as JSON, indented, with a line break at its end. A delta that is not finite is an error.
pub fn render(report: &Report) -> Result<String> {
    let failed = |reason: String| Error::Encode { format: Format::Json, reason };
    for delta in report.judgement.iter().flat_map(|judgement| &judgement.comparison.deltas) {
        let mut numbers = [delta.base, delta.new, delta.relative, delta.bound.map(|bound| bound.at_most)]
            .into_iter()
            .flatten()
            .chain(delta.interval.into_iter().flatten());
        // serde_json would write `null`, which means that there is no number.
        if numbers.any(|number| !number.is_finite()) {
            return Err(failed(format!("{} of {} is not finite", delta.metric, delta.case)));
        }
    }
    let outcome = report.judgement.as_ref().map(|judgement| judgement.outcome);
    let wire = Wire {
        schema: SCHEMA,
        exit: outcome.map(GateOutcome::exit).map(|exit| exit.code()),
        against: &report.against,
        notes: &report.notes,
        run: WireRun {
            header: &report.run.header,
            complete: report.run.complete,
            skipped: &report.run.skipped,
            invalid: &report.run.invalid,
            measurements: &report.run.measurements,
        },
        judgement: &report.judgement,
        profiles: (report.profiles.iter())
            .map(|CallStacks { case, unit, folded, base_folded }| WireProfile { case, unit, folded, base_folded })
            .collect(),
    };
    let text = serde_json::to_string_pretty(&wire).map_err(|error| failed(error.to_string()))?;
    Ok(text + "\n")
}
