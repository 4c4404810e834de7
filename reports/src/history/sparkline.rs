//! The trend of a value beside it in a table: a small picture of its series, with the changes marked.

use baselines::CaseKey;
use baselines::history::changes::ChangedSeries;
use maud::{Markup, html};

use super::{day, short, size};
use crate::names::printable;
use crate::numbers::plural;

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 20.0;
/// The room for half a line above and below.
const EDGE: f64 = 2.0;

/// The words that explain the pictures of a table.
pub(crate) const ABOUT: &str = "The line below a number is its trend over the last commits of the stored history, with \
    dashes where it changed.";

/// The newest series of a metric of a case; nothing without one of two commits.
pub(crate) fn sparkline(trends: &[ChangedSeries], case: &CaseKey, metric: &str) -> Markup {
    let of_both = trends.iter().filter(|one| one.series.case == *case && one.series.metric == metric);
    let newest = of_both.max_by_key(|one| one.series.points.last().map(|point| &point.date));
    newest.filter(|one| one.series.points.len() > 1).map_or_else(|| html! {}, drawn)
}

/// Equal distances between commits; from the least to the largest value.
fn drawn(one: &ChangedSeries) -> Markup {
    let values = one.series.values();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let x = |at: f64| at * WIDTH / (values.len() - 1) as f64;
    let share = |value: f64| if most > least { (value - least) / (most - least) } else { 0.5 };
    let point = |at: usize| {
        let y = HEIGHT - EDGE - share(values[at]) * (HEIGHT - 2.0 * EDGE);
        format!("{:.1},{y:.1}", x(at as f64))
    };
    // A long series of few values is a short line.
    let is_bend = |at: &usize| {
        *at == 0 || *at + 1 == values.len() || values[at - 1..=at + 1].iter().any(|value| *value != values[*at])
    };
    let bends: Vec<String> = (0..values.len()).filter(is_bend).map(point).collect();
    html! {
        svg.spark viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) width=(WIDTH) height=(HEIGHT) role="img" aria-label=(label(one)) {
            title { (label(one)) }
            @for change in &one.changes {
                @let place = format!("{:.1}", x(change.at as f64 - 0.5));
                line.worse[change.is_worse] x1=(place) x2=(place) y1="0" y2=(HEIGHT) {}
            }
            polyline points=(bends.join(" ")) {}
        }
    }
}

/// `60 commits, 1 change, the last one +3.10% at 0123456789ab (2026-01-02)`.
fn label(one: &ChangedSeries) -> String {
    let mut said = format!("{}, {}", plural(one.series.points.len(), "commit"), plural(one.changes.len(), "change"));
    if let Some(change) = one.changes.last() {
        let (_, after) = change.between(&one.series);
        said.push_str(&format!(", the last one {} at {} ({})", size(change), short(&after.commit), day(&after.date)));
    }
    printable(&said)
}

#[cfg(test)]
mod tests {
    use baselines::history::changes::SeriesChange;
    use baselines::history::series::{Point, Series};

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
        let change = SeriesChange { from: 3, at: 4, before: 1.0, after: 2.0, p_value: None, is_worse: true, blocks: false };
        let trends = [series(&[5.0, 5.0], vec![]), series(&step, vec![change])];
        let drawn = sparkline(&trends, &case("parse"), "instructions").into_string();
        assert!(drawn.contains("points=\"0.0,18.0 60.0,18.0 80.0,2.0 120.0,2.0\""), "{drawn}");
        assert!(drawn.contains("class=\"worse\" x1=\"70.0\""), "{drawn}");
        assert!(drawn.contains("7 commits, 1 change, the last one +100% at c4 (2026-01-05)"), "{drawn}");
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
