//! The phases of a claim report as a waterfall: what each phase brought on top of the one before, workload by workload.
//!
//! A claim named `phase-N` has a part for each workload that it was measured on, against phase N - 1.

use baselines::claim::{ClaimReport, MeasuredEffect, Target};

use crate::charts::dots::{DotAxis, DotPlot, DotRow};
use crate::charts::palette::{BAD, IMPROVED, UNDECIDED};
use crate::figures::{CaptionedChart, Drawing};
use crate::markdown::prose;
use crate::names::printable;
use crate::numbers::percent;

/// A workload, and what each phase made of it.
#[derive(Debug, PartialEq)]
struct Waterfall<'a> {
    what: &'a str,
    steps: Vec<(&'a str, MeasuredEffect)>,
}

fn waterfalls(report: &ClaimReport) -> Vec<Waterfall<'_>> {
    let mut falls: Vec<Waterfall<'_>> = Vec::new();
    let phases = report.claims.iter().filter(|claim| claim.id.starts_with("phase-"));
    for (claim, part) in phases.flat_map(|claim| claim.parts.iter().map(move |part| (claim, part))) {
        // Steps multiply only if each is a share of the one before.
        let Some(measured) = part.measured.filter(|_| matches!(part.target, Target::AtMostOfBase(_))) else { continue };
        match falls.iter_mut().find(|fall| fall.what == part.what) {
            Some(fall) => fall.steps.push((&claim.id, measured)),
            None => falls.push(Waterfall { what: &part.what, steps: vec![(&claim.id, measured)] }),
        }
    }
    falls
}

/// What is left of the base's cost after each step, and before it.
fn left(fall: &Waterfall<'_>) -> Vec<(f64, f64)> {
    let mut before = 1.0;
    let step = |(_, measured): &(&str, MeasuredEffect)| {
        let this = (before, before * measured.estimate);
        before = this.1;
        this
    };
    fall.steps.iter().map(step).collect()
}

/// A row for each step; none if no phase was measured.
pub fn picture(report: &ClaimReport) -> Option<CaptionedChart<'static>> {
    let mut rows = Vec::new();
    for fall in waterfalls(report) {
        for ((phase, measured), (before, after)) in fall.steps.iter().zip(left(&fall)) {
            let shown = [measured.estimate, measured.low, measured.high].map(|value| percent(value - 1.0));
            rows.push(DotRow {
                label: format!("{} \u{b7} {}", printable(fall.what), printable(phase)),
                link: Some(format!("claim-{phase}")),
                at: after - 1.0,
                interval: Some([before.min(after) - 1.0, before.max(after) - 1.0]),
                mark: None,
                shown: format!("{} [{}, {}]", shown[0], shown[1], shown[2]),
                ink: match () {
                    () if measured.high < 1.0 => IMPROVED,
                    () if measured.low > 1.0 => BAD,
                    () => UNDECIDED,
                },
            });
        }
    }
    (!rows.is_empty()).then(|| CaptionedChart {
        id: "chart-phases".to_owned(),
        title: "Phase by phase".to_owned(),
        caption: "A dot is what was left of phase 0's cost after the phase, its line leads there from the phase before. \
                  The number is the phase's own part with its interval. Blue is less, red more, grey not shown to differ."
            .to_owned(),
        notes: vec![],
        drawing: Drawing::Dots(DotPlot { axis: DotAxis::Change, rows }),
    })
}

/// The same as a table: one row per workload; none if no phase was measured.
pub fn markdown(report: &ClaimReport) -> Option<String> {
    let falls = waterfalls(report);
    let is_measured = |id: &&str| falls.iter().flat_map(|fall| &fall.steps).any(|(phase, _)| phase == id);
    let phases: Vec<&str> = report.claims.iter().map(|claim| claim.id.as_str()).filter(is_measured).collect();
    if phases.is_empty() {
        return None;
    }
    let mut text =
        format!("| workload | {} | together |\n|---|{}--:|\n", phases.join(" | "), "--:|".repeat(phases.len()));
    for fall in &falls {
        let cell = |phase: &&str| {
            let found = fall.steps.iter().find(|(of, _)| of == phase);
            found.map_or_else(String::new, |(_, effect)| prose(&percent(effect.estimate - 1.0)))
        };
        let cells: Vec<String> = phases.iter().map(cell).collect();
        let together = left(fall).last().map_or(1.0, |(_, after)| *after);
        text.push_str(&format!("| {} | {} | {} |\n", prose(fall.what), cells.join(" | "), percent(together - 1.0)));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_multiply() {
        let effect =
            |estimate: f64| MeasuredEffect { base: Some(1.0), new: estimate, estimate, low: 0.0, high: 2.0, rounds: 5 };
        let fall = Waterfall { what: "x", steps: vec![("phase-1", effect(0.5)), ("phase-2", effect(0.8))] };
        assert_eq!(left(&fall), [(1.0, 0.5), (0.5, 0.4)]);
    }
}
