//! The words and the chart of a claim report, which its formats share.

use baselines::Metric;
use baselines::claim::{ClaimReport, ClaimVerdict, JudgedPart, Target};

use crate::charts::dots::{DotAxis, DotPlot, DotRow};
use crate::charts::palette;
use crate::figures::{CaptionedChart, Drawing};
use crate::names::{printable, spoken};
use crate::numbers::{count, percent, plural};

/// A part of a claim in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    pub verdict: ClaimVerdict,
    pub what: String,
    pub claimed: String,
    /// The effect with its interval.
    pub measured: String,
    /// The values of base and candidate.
    pub sides: String,
    /// The counter that shows that the candidate did its work.
    pub counter: String,
    pub durability: String,
    pub why: String,
}

impl PartRow {
    /// A part in words, with dashes for missing values.
    pub fn of(part: &JudgedPart) -> PartRow {
        let dash = || "-".to_owned();
        let moved = |(name, moved): &(String, u64)| format!("{} {}", printable(name), count(*moved));
        PartRow {
            verdict: part.verdict,
            what: printable(&part.what),
            claimed: claimed(part),
            measured: measured(part).unwrap_or_else(dash),
            sides: sides(part).unwrap_or_else(dash),
            counter: part.counter.as_ref().map_or_else(dash, moved),
            durability: part.durability.to_string(),
            why: printable(&part.why),
        }
    }
}

/// `24 claims: 9 confirmed, 8 partly, 7 refuted`.
pub fn summary(report: &ClaimReport) -> String {
    let counted = ClaimVerdict::ALL.iter().map(|verdict| (verdict, report.count(*verdict)));
    let parts: Vec<String> =
        counted.filter(|(_, count)| *count > 0).map(|(verdict, count)| format!("{count} {verdict}")).collect();
    format!("{}: {}", plural(report.claims.len(), "claim"), parts.join(", "))
}

/// A value in the metric's unit.
pub fn show(metric: &str, value: f64) -> String {
    Metric::find(metric).map_or_else(|| value.to_string(), |metric| metric.show(value))
}

fn claimed(part: &JudgedPart) -> String {
    let metric = spoken(&part.metric);
    let change = match part.target {
        Target::AtMostOfBase(1.0) => "less".to_owned(),
        Target::AtMostOfBase(times) if times > 1.0 => format!("at most {} of the base", share(times)),
        Target::AtMostOfBase(part) => format!("{} or less", percent(part - 1.0)),
        Target::AtLeastOfBase(times) => format!("{} or more", percent(times - 1.0)),
        Target::AtMost(bound) => format!("at most {}", show(&part.metric, bound)),
        Target::AtLeast(bound) => format!("at least {}", show(&part.metric, bound)),
    };
    format!("{metric} {change}")
}

/// `142.9%`.
fn share(part: f64) -> String {
    format!("{:.1}%", part * 100.0)
}

fn measured(part: &JudgedPart) -> Option<String> {
    let measured = part.measured.as_ref()?;
    let value = |value: f64| match part.target {
        Target::AtMostOfBase(times) if times > 1.0 => share(value),
        Target::AtMostOfBase(_) | Target::AtLeastOfBase(_) => percent(value - 1.0),
        Target::AtMost(_) | Target::AtLeast(_) => show(&part.metric, value),
    };
    let estimate = value(measured.estimate);
    Some(match measured.rounds {
        0 => format!("{estimate} (counted)"),
        _ => format!("{estimate} [{}, {}]", value(measured.low), value(measured.high)),
    })
}

fn sides(part: &JudgedPart) -> Option<String> {
    let measured = part.measured.as_ref()?;
    let new = show(&part.metric, measured.new);
    Some(match measured.base {
        Some(base) => format!("{} -> {new}", show(&part.metric, base)),
        None => new,
    })
}

/// The claimed and the measured effects, a row for each part; none if nothing was measured.
pub fn picture(report: &ClaimReport) -> Option<CaptionedChart<'static>> {
    let rows: Vec<DotRow> = report
        .claims
        .iter()
        .flat_map(|claim| claim.parts.iter().map(move |part| (claim, part)))
        .filter_map(|(claim, part)| {
            let measured = part.measured.as_ref()?;
            // A bound is a place by itself: what is measured is shown as so much more or less.
            let (of, claimed) = match part.target {
                Target::AtMostOfBase(share) | Target::AtLeastOfBase(share) => (1.0, share - 1.0),
                Target::AtMost(bound) | Target::AtLeast(bound) => (bound, 0.0),
            };
            let at = measured.estimate / of - 1.0;
            Some(DotRow {
                label: format!("{} \u{b7} {}", printable(&claim.id), printable(&part.what)),
                link: Some(format!("claim-{}", claim.id)),
                at,
                interval: (measured.rounds > 0).then_some([measured.low / of - 1.0, measured.high / of - 1.0]),
                mark: Some(claimed),
                shown: percent(at),
                ink: palette::claim_verdict(part.verdict),
            })
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    Some(CaptionedChart {
        id: "chart-claims".to_owned(),
        title: "Claimed and measured".to_owned(),
        caption: "A dot is what was measured, as a change against the base, with its interval; where a bound was claimed, as a distance from the bound. \
                  The upright mark is the claim. Green is confirmed, amber partly or not decided, red refuted."
            .to_owned(),
        notes: vec![],
        drawing: Drawing::Dots(DotPlot { axis: DotAxis::Change, rows }),
    })
}
