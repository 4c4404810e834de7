//! What phases and toggles bring, as charts: phase by phase, each toggle alone and last, and three toggles beside each
//! other.

use super::{CaptionedChart, Drawing};
use crate::charts::dots::{DotAxis, DotPlot, DotRow};
use crate::charts::palette;
use crate::names::spoken;
use crate::numbers::percent;
use crate::toggles::ToggleEffects;

/// The charts of a benchmark: one, or two, or three.
pub(super) fn figures(of: &ToggleEffects) -> Vec<CaptionedChart<'static>> {
    phases(of).into_iter().chain([alone_and_last(of)]).chain(interactions(of)).collect()
}

fn id(what: &str, of: &ToggleEffects) -> String {
    format!("{what}-{}", of.benchmark.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"))
}

/// A row whose line leads from one place to another, coloured by the change between them.
fn row(label: String, [from, to]: [f64; 2], change: f64) -> DotRow {
    DotRow {
        label,
        link: None,
        at: to,
        interval: Some([from.min(to), from.max(to)]),
        mark: None,
        shown: percent(change),
        ink: match () {
            () if change < -0.001 => palette::IMPROVED,
            () if change > 0.001 => palette::BAD,
            () => palette::UNDECIDED,
        },
    }
}

fn dots(rows: Vec<DotRow>) -> Drawing<'static> {
    Drawing::Dots(DotPlot { axis: DotAxis::Change, rows })
}

/// A waterfall: what is left of the first phase's cost after each; none without phases.
fn phases(of: &ToggleEffects) -> Option<CaptionedChart<'static>> {
    let (first, none) = of.phases.first()?;
    let step = |pair: &[(String, f64)]| {
        let [from, to] = [pair[0].1, pair[1].1];
        row(
            format!("phase {} \u{b7} {}", pair[1].0, of.metric.show(to)),
            [from, to].map(|cost| cost / none - 1.0),
            to / from - 1.0,
        )
    };
    let last = of.phases.last().map_or(*none, |(_, cost)| *cost);
    Some(CaptionedChart {
        id: id("phases", of),
        title: format!("{}: {} phase by phase", of.benchmark, spoken(of.metric.name)),
        caption: format!(
            "Phase {first} takes {}. A dot is what is left of that, its line leads there from the phase before. The \
             number is the phase's own part; all together {}.",
            of.metric.show(*none),
            percent(last / none - 1.0)
        ),
        notes: vec![],
        drawing: dots(of.phases.windows(2).map(step).collect()),
    })
}

/// The effect of each toggle, by itself and on top of all others.
fn alone_and_last(of: &ToggleEffects) -> CaptionedChart<'static> {
    let of_toggle =
        |toggle: &str, words: &str, change: f64| row(format!("{toggle} \u{b7} {words}"), [0.0, change], change);
    let rows = of.effects.iter().flat_map(|effect| {
        let alone = effect.alone.map(|change| of_toggle(&effect.toggle, "by itself", change));
        alone.into_iter().chain(effect.last.map(|change| of_toggle(&effect.toggle, "on top of all others", change)))
    });
    let notes = if of.interactions.is_empty() { of.mixes.iter().map(|mix| mix.sentence()).collect() } else { vec![] };
    CaptionedChart {
        id: id("toggles", of),
        title: format!("{}: what each toggle brings in {}", of.benchmark, spoken(of.metric.name)),
        caption: format!(
            "All together: {} to {} ({}). A line leads from no effect to the toggle's own.",
            of.metric.show(of.ends[0]),
            of.metric.show(of.ends[1]),
            percent(of.ends[1] / of.ends[0] - 1.0)
        ),
        notes,
        drawing: dots(rows.collect()),
    }
}

/// What each of three toggles brings beside the others; none if they were not mixed.
fn interactions(of: &ToggleEffects) -> Option<CaptionedChart<'static>> {
    let rows = of.interactions.iter().map(|one| {
        let beside =
            if one.beside.is_empty() { "by itself".to_owned() } else { format!("with {}", one.beside.join(", ")) };
        row(format!("{} \u{b7} {beside}", one.toggle), [0.0, one.effect], one.effect)
    });
    (!of.interactions.is_empty()).then(|| CaptionedChart {
        id: id("interactions", of),
        title: format!("{}: three toggles beside each other, in {}", of.benchmark, spoken(of.metric.name)),
        caption: "What each brings by itself, and where others are on already. Toggles that do not act on each other \
                  have the same dots in all their rows."
            .to_owned(),
        notes: of.interaction_sentences().iter().map(|said| said.replace('`', "")).collect(),
        drawing: dots(rows.collect()),
    })
}
