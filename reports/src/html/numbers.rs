//! All numbers: a table for each lane and family, the strategies' counters, and the repeated counts.

use std::collections::BTreeMap;

use baselines::compare::{MISPREDICTED, THREADS};
use baselines::history::changes::ChangedSeries;
use baselines::{Assume, CaseKey, Measurement, Metric};
use maud::{Markup, html};

use super::parts::{Section, filter_name};
use crate::Report;
use crate::history::trend::{self, sparkline};
use crate::names::{Names, anchor, capitalised, family, printable, spoken};
use crate::numbers::{count, exact, plural, spread};
use crate::repeatability;
use crate::tables::{self, Table, TableRow};

/// The most values that a tooltip lists.
const VALUES: usize = 12;

/// A table for each lane and family.
pub(super) fn tables(report: &Report) -> Option<Section> {
    let tables = tables::tables(&report.run);
    if tables.is_empty() {
        return None;
    }
    let names = Names::of(report.run.measurements.iter().map(|measurement| &measurement.case));
    let everywhere = names.everywhere();
    let body = html! {
        p.filter hidden { label { "Show only " input type="search" id="filter" placeholder="benchmark or toggle" autocomplete="off"; } " " a id="filter-link" href="#filter=" hidden { "link to this filter" } }
        @if !everywhere.is_empty() { p.hint { (everywhere) } }
        @if !report.trends.is_empty() { p.hint { (trend::ABOUT) } }
        @for table in &tables { (lane(table, &names, &report.trends)) }
    };
    let rows: usize = tables.iter().map(|table| table.rows.len()).sum();
    Some(Section::new("numbers", "All numbers", "Numbers", body).folded(plural(rows, "row")))
}

fn lane(table: &Table<'_>, names: &Names, trends: &[ChangedSeries]) -> Markup {
    let mut families: Vec<(&str, Vec<&TableRow<'_>>)> = Vec::new();
    for row in &table.rows {
        let family = family(&row.case.benchmark);
        match families.iter_mut().find(|(known, _)| *known == family) {
            Some((_, rows)) => rows.push(row),
            None => families.push((family, vec![row])),
        }
    }
    html! {
        h3 { (capitalised(table.lane.name())) small { (tables::about(table.lane)) } }
        @for (family, rows) in families {
            div.scroll tabindex="0" {
                table.numbers {
                    caption {
                        strong { (printable(family)) }
                        @let shared = names.shared(family);
                        @if !shared.is_empty() { " " span { (shared) } }
                    }
                    thead { tr {
                        th scope="col" { "benchmark" } th scope="col" { "durability" }
                        @for metric in &table.metrics { th.number scope="col" title=(metric.about) { (spoken(metric.name)) } }
                    } }
                    tbody { @for row in rows { (line(row, table, names, trends)) } }
                }
            }
        }
    }
}

fn line(row: &TableRow<'_>, table: &Table<'_>, names: &Names, trends: &[ChangedSeries]) -> Markup {
    html! {
        @let place = anchor(table.lane.name(), row.case, "");
        tr id=(place) data-name=(filter_name(&names.case(row.case))) {
            td title=(printable(&row.case.to_string())) { a.self href=(format!("#{place}")) { (names.within_family(row.case)) } }
            td.quiet { (row.durability) }
            @for (cell, metric) in row.cells.iter().zip(&table.metrics) { (value(*cell, metric, trends)) }
        }
    }
}

/// The median, with the values as a tooltip, their range if they are sampled, and the trend if there is a history.
fn value(cell: Option<&Measurement>, metric: &Metric, trends: &[ChangedSeries]) -> Markup {
    let Some(measurement) = cell else { return html! { td.number.quiet { "\u{b7}" } } };
    let values = measurement.sample.values();
    let mut listed: Vec<String> = values.iter().take(VALUES).map(|value| exact(*value)).collect();
    if values.len() > VALUES {
        listed.push(format!("and {} more", values.len() - VALUES));
    }
    if measurement.operations > 1 {
        listed.push(format!("each over {} operations", count(measurement.operations)));
    }
    let range = measurement.sample.relative_range();
    html! {
        td.number title=(listed.join(", ")) {
            (metric.show(measurement.sample.median()))
            @if values.len() > 1 && (metric.assume == Assume::Sampled || range > 0.0) { small { (spread(range)) " apart" } }
            (sparkline(trends, &measurement.case, &measurement.metric))
        }
    }
}

/// The strategies' counters, a line for each case.
pub(super) fn counters(report: &Report) -> Option<Section> {
    let names = Names::of(report.run.measurements.iter().map(|measurement| &measurement.case));
    let mut counters: BTreeMap<&CaseKey, BTreeMap<&str, u64>> = BTreeMap::new();
    for measurement in &report.run.measurements {
        let case = counters.entry(&measurement.case).or_default();
        let counters = measurement.counters.iter().map(|(name, value)| (name.as_str(), *value));
        case.extend(counters.filter(|(name, _)| ![THREADS, MISPREDICTED].contains(name)));
    }
    counters.retain(|_, counters| counters.values().any(|value| *value > 0));
    if counters.is_empty() {
        return None;
    }
    let body = html! {
        p.hint { "The proof that a toggle did its job." }
        div.scroll tabindex="0" { table { tbody {
            @for (case, counters) in &counters {
                tr data-name=(filter_name(&names.case(case))) {
                    td { (names.case(case)) }
                    td.counters {
                        @for (name, value) in counters.iter().filter(|(_, value)| **value > 0) {
                            span { (spoken(name)) " " b { (count(*value)) } }
                        }
                    }
                }
            }
        } } }
    };
    let cases = plural(counters.len(), "case");
    Some(Section::new("counters", "What the strategies did", "Counters", body).folded(format!("counters of {cases}")))
}

/// The repeated counts: which came out the same, and which did not.
pub(super) fn repeatability(report: &Report) -> Option<Section> {
    let repeated = repeatability::of(&report.run)?;
    let names = Names::of(report.run.measurements.iter().map(|measurement| &measurement.case));
    let differ: Vec<_> = repeated.counts.iter().copied().filter(|count| count.sample.relative_range() > 0.0).collect();
    let body = html! {
        p.hint { "Counts that were measured more than once on the same commit: exact ones come out the same again." }
        @if !differ.is_empty() { (repeated_counts(&differ, &names)) }
    };
    let section = Section::new("repeatability", "Repeatability of the counts", "Repeatability", body);
    Some(section.folded(repeated.sentence()))
}

fn repeated_counts(counts: &[&Measurement], names: &Names) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "benchmark" } th scope="col" { "metric" } th.number scope="col" { "values" } th.number scope="col" { "apart" } th scope="col" { "least to most" } } }
            tbody {
                @for count in counts {
                    @let (low, high) = count.sample.extremes();
                    tr {
                        td { (names.case(&count.case)) }
                        td { (spoken(&count.metric)) }
                        td.number { (count.sample.values().len()) }
                        td.number { @if high > low { (spread(count.sample.relative_range())) } @else { "identical" } }
                        td { (exact(low)) @if high > low { " to " (exact(high)) } }
                    }
                }
            }
        } }
    }
}
