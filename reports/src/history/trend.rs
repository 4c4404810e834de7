//! The trend of a series as SVG: its values by commit, with the changes marked. It needs no script, and takes its
//! colours from the page.

use baselines::history::changes::ChangedSeries;
use maud::{Markup, html};

use super::{day, short, shown, size};
use crate::names::printable;
use crate::numbers::plural;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 170.0;
/// The room for labels: on the left and the right, above, and below.
const SIDE: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 22.0;

/// The picture. Equal distances between commits; a linear scale from the least to the largest value.
pub(super) fn trend(one: &ChangedSeries) -> Markup {
    let series = &one.series;
    let values = series.values();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let step = (WIDTH - 2.0 * SIDE) / (values.len().max(2) - 1) as f64;
    let x = |at: f64| SIDE + at * step;
    let share = |value: f64| if most > least { (value - least) / (most - least) } else { 0.5 };
    let y = |value: f64| HEIGHT - BOTTOM - share(value) * (HEIGHT - TOP - BOTTOM);
    let points: Vec<(f64, f64)> = values.iter().enumerate().map(|(at, value)| (x(at as f64), y(*value))).collect();
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(label(one)) {
            @for change in &one.changes {
                @let place = x(change.at as f64 - 0.5);
                line.change.worse[change.is_worse] x1=(format!("{place:.1}")) x2=(format!("{place:.1}")) y1=(TOP - 8.0) y2=(HEIGHT - BOTTOM) {}
                text.mark x=(format!("{place:.1}")) y=(TOP - 12.0) text-anchor=(anchor(place)) { (size(change)) }
            }
            polyline.line points=(path.join(" ")) {}
            @for ((x, y), point) in points.iter().zip(&series.points) {
                circle cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="2.5" {
                    title { (short(&point.commit)) " (" (day(&point.date)) "): " (shown(series, point.value)) }
                }
            }
            text x=(SIDE) y=(HEIGHT - 6.0) { (series.points.first().map_or("", |point| day(&point.date))) }
            text x=(WIDTH - SIDE) y=(HEIGHT - 6.0) text-anchor="end" { (series.points.last().map_or("", |point| day(&point.date))) }
            text x=(SIDE) y="12" { (printable(&format!("{} to {}", shown(series, least), shown(series, most)))) }
        }
    }
}

fn label(one: &ChangedSeries) -> String {
    let (commits, changes) = (plural(one.series.points.len(), "commit"), plural(one.changes.len(), "change"));
    printable(&format!("{} of {}: {commits}, {changes}", one.series.metric, one.series.case))
}

/// A mark near an edge is written towards the middle.
fn anchor(x: f64) -> &'static str {
    match x {
        x if x < WIDTH * 0.2 => "start",
        x if x > WIDTH * 0.8 => "end",
        _ => "middle",
    }
}
