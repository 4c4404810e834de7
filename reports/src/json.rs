//! The model as JSON, for other programs: everything that the other formats say comes from what is here.

use baselines::gate::{Judgement, Outcome};
use baselines::{Case, Distrusted, Header, Measurement, Skipped};
use serde::Serialize;

use crate::{Error, Format, Profile, Report, Result};

/// The version of the format. It grows when a field changes its meaning or goes; new fields leave it.
pub const SCHEMA: u64 = 1;

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
    header: &'a Header,
    complete: bool,
    skipped: &'a [Skipped],
    invalid: &'a [Distrusted],
    measurements: &'a [Measurement],
}

#[derive(Serialize)]
struct WireProfile<'a> {
    case: &'a Case,
    unit: &'a str,
    folded: &'a str,
    base_folded: &'a Option<String>,
}

/// The report as JSON, indented, with a line break at its end.
///
/// # Errors
/// A number that JSON can't hold: deltas that are not finite.
pub fn render(report: &Report) -> Result<String> {
    let failed = |reason: String| Error::Encode { format: Format::Json, reason };
    let deltas = report.judgement.iter().flat_map(|judgement| &judgement.comparison.deltas);
    for delta in deltas {
        let numbers =
            [delta.base, delta.new, delta.relative].into_iter().flatten().chain(delta.interval.into_iter().flatten());
        // serde_json would write `null`, which means that there is no number.
        if numbers.into_iter().any(|number| !number.is_finite()) {
            return Err(failed(format!("{} of {} is not finite", delta.metric, delta.case)));
        }
    }
    let outcome = report.judgement.as_ref().map(|judgement| judgement.outcome);
    let wire = Wire {
        schema: SCHEMA,
        exit: outcome.map(Outcome::exit).map(|exit| exit.code()),
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
        profiles: report.profiles.iter().map(wire_profile).collect(),
    };
    let mut text = serde_json::to_string_pretty(&wire).map_err(|error| failed(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

fn wire_profile(profile: &Profile) -> WireProfile<'_> {
    WireProfile { case: &profile.case, unit: &profile.unit, folded: &profile.folded, base_folded: &profile.base_folded }
}
