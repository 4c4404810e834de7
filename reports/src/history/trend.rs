//! The trend of a series as SVG: its values by commit, with the changes marked. It needs no script, and takes its
//! colours from the page. A page of the site has it large; a table has it small, beside a number.

use baselines::CaseKey;
use baselines::history::changes::ChangedSeries;
use baselines::history::series::Series;
use maud::{Markup, html};

use super::{day, short, shown, size};
use crate::names::printable;
use crate::numbers::plural;

/// The words that explain the pictures of a table.
pub(crate) const ABOUT: &str = "The line below a number is its trend over the last commits of the stored history, with \
    dashes where it changed.";

/// Equal distances between commits; a linear scale from the least to the largest value.
struct Plot {
    width: f64,
    height: f64,
    /// The room on the left and the right.
    side: f64,
    top: f64,
    bottom: f64,
    values: Vec<f64>,
    least: f64,
    most: f64,
}

impl Plot {
    fn new([width, height]: [f64; 2], [side, top, bottom]: [f64; 3], series: &Series) -> Plot {
        let values = series.values();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Plot { width, height, side, top, bottom, values, least, most }
    }

    fn x(&self, at: f64) -> f64 {
        self.side + at * (self.width - 2.0 * self.side) / (self.values.len().max(2) - 1) as f64
    }

    fn y(&self, value: f64) -> f64 {
        let share = if self.most > self.least { (value - self.least) / (self.most - self.least) } else { 0.5 };
        self.height - self.bottom - share * (self.height - self.top - self.bottom)
    }

    /// The points of the line: only where it bends, so that a long series of few values is short.
    fn line(&self) -> String {
        let values = &self.values;
        let is_bend = |at: &usize| {
            *at == 0 || *at + 1 == values.len() || values[at - 1..=at + 1].iter().any(|value| *value != values[*at])
        };
        let point = |at: usize| format!("{:.1},{:.1}", self.x(at as f64), self.y(values[at]));
        (0..values.len()).filter(is_bend).map(point).collect::<Vec<_>>().join(" ")
    }

    fn view_box(&self) -> String {
        format!("0 0 {} {}", self.width, self.height)
    }
}

/// The large picture, with the value of each commit.
pub(super) fn trend(one: &ChangedSeries) -> Markup {
    let series = &one.series;
    let plot = Plot::new([760.0, 170.0], [12.0, 26.0, 22.0], series);
    let (top, bottom) = (plot.top, plot.height - plot.bottom);
    html! {
        svg viewBox=(plot.view_box()) role="img" aria-label=(label(one)) {
            @for change in &one.changes {
                @let x = plot.x(change.at as f64 - 0.5);
                @let place = format!("{x:.1}");
                line.change.worse[change.is_worse] x1=(place) x2=(place) y1=(top - 8.0) y2=(bottom) {}
                text.mark x=(place) y=(top - 12.0) text-anchor=(anchor(x / plot.width)) { (size(change)) }
            }
            polyline.line points=(plot.line()) {}
            @for (at, point) in series.points.iter().enumerate() {
                circle cx=(format!("{:.1}", plot.x(at as f64))) cy=(format!("{:.1}", plot.y(point.value))) r="2.5" {
                    title { (short(&point.commit)) " (" (day(&point.date)) "): " (shown(series, point.value)) }
                }
            }
            text x=(plot.side) y=(plot.height - 6.0) { (series.points.first().map_or("", |point| day(&point.date))) }
            text x=(plot.width - plot.side) y=(plot.height - 6.0) text-anchor="end" { (series.points.last().map_or("", |point| day(&point.date))) }
            text x=(plot.side) y="12" { (printable(&format!("{} to {}", shown(series, plot.least), shown(series, plot.most)))) }
        }
    }
}

/// The small picture of the newest series of a metric of a case; nothing without one of two commits.
pub(crate) fn sparkline(trends: &[ChangedSeries], case: &CaseKey, metric: &str) -> Markup {
    let of_both = trends.iter().filter(|one| one.series.case == *case && one.series.metric == metric);
    let newest = of_both.max_by_key(|one| one.series.points.last().map(|point| &point.date));
    let Some(one) = newest.filter(|one| one.series.points.len() > 1) else { return html! {} };
    let plot = Plot::new([120.0, 20.0], [0.0, 2.0, 2.0], &one.series);
    html! {
        svg.spark viewBox=(plot.view_box()) width=(plot.width) height=(plot.height) role="img" aria-label=(label(one)) {
            title { (label(one)) }
            @for change in &one.changes {
                @let place = format!("{:.1}", plot.x(change.at as f64 - 0.5));
                line.worse[change.is_worse] x1=(place) x2=(place) y1="0" y2=(plot.height) {}
            }
            polyline points=(plot.line()) {}
        }
    }
}

/// `60 commits, 1 change, the last one +3.10% at 0123456789ab (2026-01-02)`: the row or the heading says of what.
fn label(one: &ChangedSeries) -> String {
    let mut said = format!("{}, {}", plural(one.series.points.len(), "commit"), plural(one.changes.len(), "change"));
    if let Some(change) = one.changes.last() {
        let (_, after) = change.between(&one.series);
        said.push_str(&format!(", the last one {} at {} ({})", size(change), short(&after.commit), day(&after.date)));
    }
    printable(&said)
}

/// A mark near an edge is written towards the middle; `place` is a share of the width.
fn anchor(place: f64) -> &'static str {
    match place {
        place if place < 0.2 => "start",
        place if place > 0.8 => "end",
        _ => "middle",
    }
}

#[cfg(test)]
mod tests {
    use baselines::history::changes::SeriesChange;
    use baselines::history::series::Point;

    use super::*;

    fn case(benchmark: &str) -> CaseKey {
        CaseKey { benchmark: benchmark.to_owned(), variant: String::new() }
    }

    fn series(values: &[f64], changes: Vec<SeriesChange>) -> ChangedSeries {
        let point = |(number, value): (usize, &f64)| Point {
            commit: format!("c{number}"),
            date: format!("2026-01-{:02}T00:00:00Z", number + 1),
            value: *value,
        };
        let points = values.iter().enumerate().map(point).collect();
        let (environment, metric) = ("x86_64".to_owned(), "instructions".to_owned());
        ChangedSeries { series: Series { environment, case: case("parse"), metric, operations: 1, points }, changes }
    }

    #[test]
    fn a_series_is_drawn_by_its_bends_with_its_changes() {
        let step = [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0];
        let change =
            SeriesChange { from: 3, at: 4, before: 1.0, after: 2.0, p_value: None, is_worse: true, blocks: false };
        let trends = [series(&[5.0, 5.0], vec![]), series(&step, vec![change])];
        let drawn = sparkline(&trends, &case("parse"), "instructions").into_string();
        assert!(drawn.contains("points=\"0.0,18.0 60.0,18.0 80.0,2.0 120.0,2.0\""), "{drawn}");
        assert!(drawn.contains("class=\"worse\" x1=\"70.0\""), "{drawn}");
        let label = "7 commits, 1 change, the last one +100% at c4 (2026-01-05)";
        assert!(drawn.contains(&format!("aria-label=\"{label}\"")), "{drawn}");
        let large = trend(&trends[1]).into_string();
        assert!(large.contains(label) && large.contains("class=\"change worse\" x1=\"441.3\""), "{large}");
    }

    #[test]
    fn nothing_is_drawn_of_one_commit_or_of_another_series() {
        let trends = [series(&[1.0], vec![])];
        assert_eq!(sparkline(&trends, &case("parse"), "instructions").into_string(), "");
        let trends = [series(&[1.0, 2.0], vec![])];
        assert_eq!(sparkline(&trends, &case("other"), "instructions").into_string(), "");
        assert_eq!(sparkline(&trends, &case("parse"), "branches").into_string(), "");
    }
}
