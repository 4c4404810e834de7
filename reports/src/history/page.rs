//! The pages of a history: an index of the changes and of all benchmarks, and one page per benchmark.

use baselines::history::changes::ChangedSeries;
use baselines::history::series::Series;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::benchmark::Benchmark;
use super::trend::trend;
use super::{HistoryReport, day, meaning, newest_first, short, shown, size};
use crate::html::parts::head;
use crate::names::printable;
use crate::numbers::plural;

const STYLE: &str = include_str!("history.css");

fn page(title: &str, body: Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            style { (PreEscaped(STYLE)) }
            body {
                main { (body) }
                footer { "Made by " code { "assay history site" } ". Nothing on this page comes from a network." }
            }
        }
    };
    page.into_string()
}

/// The index: the changes first, the newest of them on top; then every benchmark, and the commits that are left out.
pub(super) fn index(reports: &[HistoryReport], benchmarks: &[Benchmark<'_>]) -> String {
    let link = |series: &Series| {
        let of = benchmarks.iter().find(|one| one.is_of(series));
        of.map(|one| format!("{}#{}", one.file, anchor(&series.metric, series.operations))).unwrap_or_default()
    };
    let body = html! {
        h1 { "History" }
        @for report in reports {
            section {
                h2 { (printable(&report.environment)) }
                @let changes = newest_first(&report.series);
                p { (plural(report.commits.len(), "commit")) ", " (report.series.len()) " series, " (plural(changes.len(), "change")) "." }
                @if !changes.is_empty() {
                    div.scroll tabindex="0" { table {
                        caption { "Changes, the newest first" }
                        thead { tr { th scope="col" { "date" } th scope="col" { "commits" } th scope="col" { "benchmark" } th scope="col" { "metric" } th.number scope="col" { "before" } th.number scope="col" { "after" } th.number scope="col" { "change" } th scope="col" { "meaning" } } }
                        tbody { @for (series, change) in changes {
                            @let (before, after) = change.between(series);
                            tr {
                                td { (day(&after.date)) }
                                td { code { (short(&before.commit)) ".." (short(&after.commit)) } }
                                td { a href=(link(series)) { (printable(&series.case.to_string())) } }
                                td { (printable(&series.metric)) }
                                td.number { (shown(series, change.before)) }
                                td.number { (shown(series, change.after)) }
                                td.number { (size(change)) }
                                td { (meaning(series, change)) }
                            }
                        } }
                    } }
                }
                @if !report.odd.is_empty() {
                    h3 { "Odd runs" }
                    ul { @for odd in &report.odd { li { code { (short(&odd.commit)) } " (" (day(&odd.date)) "): " (odd.to_string()) } } }
                }
                @let left_out: Vec<_> = report.commits.iter().filter_map(|commit| Some((commit, commit.left_out.as_ref()?))).collect();
                @if !left_out.is_empty() {
                    details {
                        summary { (plural(left_out.len(), "commit")) " left out" }
                        ul { @for (commit, why) in left_out { li { code { (short(&commit.commit)) } " (" (day(&commit.date)) "): " (printable(why)) } } }
                    }
                }
            }
        }
        section {
            h2 { "Benchmarks" }
            ul { @for one in benchmarks {
                li { a href=(one.file) { (printable(&one.case.to_string())) } " (" (plural(one.changes(), "change")) ")" }
            } }
        }
    };
    page("History", body)
}

/// The page of one benchmark: one trend per metric, with its table.
pub(super) fn benchmark(one: &Benchmark<'_>) -> String {
    let name = printable(&one.case.to_string());
    let body = html! {
        p { a href="index.html" { "History" } }
        h1 { (name) }
        p { (printable(one.environment)) }
        @for series in &one.series { (section(series)) }
    };
    page(&name, body)
}

fn section(one: &ChangedSeries) -> Markup {
    let series = &one.series;
    html! {
        section id=(anchor(&series.metric, series.operations)) {
            h2 { (printable(&series.metric)) @if series.operations > 1 { small { " of one operation, counted over " (series.operations) } } }
            figure.trend { (trend(one)) }
            @for change in &one.changes {
                @let (before, after) = change.between(series);
                p { strong { (size(change)) } " between " code { (short(&before.commit)) } " and " code { (short(&after.commit)) } " (" (day(&after.date)) "): " (shown(series, change.before)) " to " (shown(series, change.after)) ", " (meaning(series, change)) "." }
            }
            details {
                summary { "Values of " (plural(series.points.len(), "commit")) }
                div.scroll tabindex="0" { table {
                    thead { tr { th scope="col" { "date" } th scope="col" { "commit" } th.number scope="col" { (printable(&series.metric)) } } }
                    tbody { @for point in series.points.iter().rev() {
                        tr { td { (day(&point.date)) } td { code { (short(&point.commit)) } } td.number { (shown(series, point.value)) } }
                    } }
                } }
            }
        }
    }
}

/// The place of a series on its page. It stays as it is, so that links to it last.
fn anchor(metric: &str, operations: u64) -> String {
    format!("{metric}-{operations}")
}
