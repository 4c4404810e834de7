//! The changes against the base, by importance, each with its cause by function.

use baselines::delta::{Delta, Verdict};
use baselines::history::changes::ChangedSeries;
use maud::{Markup, html};

use super::drawing::figure;
use super::parts::{Section, prose};
use super::verdict::is_advice;
use crate::cause::{caller, doing, explain, explain_rest, largest, scope};
use crate::history::trend::{self, sparkline};
use crate::names::{Names, anchor, printable, spoken};
use crate::numbers::{count, exact, percent, signed};
use crate::ranking::{RankedDeltas, rank};
use crate::{Report, deltas, figures};

/// Functions named for each change.
const FUNCTIONS: usize = 8;
/// Changes that are shown with their cause.
const TOLD: usize = 60;

/// What all rows share.
struct Context<'a> {
    names: &'a Names,
    trends: &'a [ChangedSeries],
}

/// The comparison; none if nothing was compared.
pub(super) fn section(report: &Report) -> Option<Section> {
    let judgement = report.judgement.as_ref()?;
    let comparison = &judgement.comparison;
    if comparison.deltas.is_empty() && comparison.differences.is_empty() {
        return None;
    }
    let ranking = rank(comparison);
    let names = Names::of(comparison.deltas.iter().map(|delta| &delta.case));
    let context = Context { names: &names, trends: &report.trends };
    let charts = figures::changes(report);
    let body = html! {
        @if !comparison.differences.is_empty() {
            p { "The environments differ, so exact counts can't be compared:" }
            ul.reasons.undecided { @for difference in &comparison.differences { li { (printable(&difference.to_string())) } } }
        }
        @if ranking.told.is_empty() && !ranking.equal.is_empty() {
            p { "Nothing moved past its limit." }
        }
        @if !ranking.told.is_empty() {
            @if !names.everywhere().is_empty() { p.hint { (names.everywhere()) } }
            @if !report.trends.is_empty() { p.hint { (trend::ABOUT) } }
            (told(&ranking, &context))
        }
        @if !charts.is_empty() { div.figures { @for chart in &charts { (figure(chart)) } } }
        @if !ranking.equal.is_empty() {
            details {
                summary { (count(ranking.equal.len() as u64)) " within their limits" }
                (plain(&ranking.equal, &context))
            }
        }
        @for group in &ranking.unjudged {
            details {
                summary { (count(group.deltas.len() as u64)) " " (group.verdict.name()) ": " (prose(group.why)) }
                (plain(&group.deltas, &context))
            }
        }
    };
    Some(Section::new("changes", "What changed", "Changes", body))
}

/// The changes that are shown one by one, each with its cause; the rest is folded.
fn told(ranking: &RankedDeltas<'_>, context: &Context<'_>) -> Markup {
    let (shown, rest) = ranking.told.split_at(ranking.told.len().min(TOLD));
    html! {
        div.scroll tabindex="0" {
            table.changes {
                thead { tr { th scope="col" { "verdict" } th scope="col" { "benchmark" } th scope="col" { "metric" } th.number scope="col" { "base" } th.number scope="col" { "new" } th.number scope="col" { "change" } } }
                @for delta in shown {
                    tbody {
                        (row(delta, context))
                        @if let Some(doing) = doing(delta) { tr.cause { td {} td colspan="5" { (prose(&doing)) } } }
                        @if !delta.cause.is_empty() { tr.cause { td {} td colspan="5" { (cause(delta)) } } }
                        @else if delta.relative.is_none() || delta.verdict != Verdict::Improved {
                            tr.cause { td {} td colspan="5" { (prose(&delta.why)) } }
                        }
                    }
                }
            }
        }
        @if !rest.is_empty() {
            details { summary { (count(rest.len() as u64)) " more" } (plain(rest, context)) }
        }
    }
}

fn plain(deltas: &[&Delta], context: &Context<'_>) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table {
                thead { tr { th scope="col" { "verdict" } th scope="col" { "benchmark" } th scope="col" { "metric" } th.number scope="col" { "base" } th.number scope="col" { "new" } th.number scope="col" { "change" } } }
                tbody { @for delta in deltas { (row(delta, context)) } }
            }
        }
    }
}

fn row(delta: &Delta, context: &Context<'_>) -> Markup {
    let all_digits = |side: Option<f64>| side.map(exact).unwrap_or_default();
    html! {
        tr id=(anchor("change", &delta.case, &delta.metric)) {
            td {
                span.badge.(delta.verdict.name()) { (delta.verdict.name()) }
                @if is_advice(delta) { " advises" }
            }
            td title=(printable(&delta.case.to_string())) {
                a.self href=(format!("#{}", anchor("change", &delta.case, &delta.metric))) { (context.names.case(&delta.case)) }
            }
            td { (spoken(&delta.metric)) }
            td.number title=(all_digits(delta.base)) { (deltas::value(delta, delta.base)) }
            td.number title=(all_digits(delta.new)) { (deltas::value(delta, delta.new)) }
            td.number {
                @if let Some(relative) = delta.relative { (percent(relative)) }
                @if let Some([low, high]) = delta.interval { small { "99%: " (percent(low)) " to " (percent(high)) } }
                @if let Some(bound) = deltas::bound(delta) { small { (bound) } }
                (sparkline(context.trends, &delta.case, &delta.metric))
            }
        }
    }
}

/// The functions that changed, with a bar for the size of each change.
fn cause(delta: &Delta) -> Markup {
    let shown = largest(&delta.cause, FUNCTIONS);
    let most = shown.functions.iter().map(|function| function.delta.unsigned_abs()).max().unwrap_or(1).max(1);
    html! {
        table.functions {
            thead { tr { th.number scope="col" { (spoken(&delta.metric)) } th scope="col" { "function" } th scope="col" { "why" } } }
            tbody {
                @for function in shown.functions {
                    tr {
                        td.number {
                            span.bar.(if function.delta < 0 { "improved" } else { "regressed" })
                                style=(format!("width:{:.1}%", function.delta.unsigned_abs() as f64 * 100.0 / most as f64)) {}
                            span { (signed(function.delta)) }
                        }
                        td { code { (printable(&function.function)) } }
                        td { (explain(function)) @if let Some(caller) = caller(function) { ", by " code { (caller) } } }
                    }
                }
                @if let Some(rest) = explain_rest(&shown) { tr { td.number { (signed(shown.rest_delta)) } td colspan="2" { (rest) } } }
                tr.total { td.number { (signed(shown.total)) } td colspan="2" { "together" @if !scope(delta).is_empty() { ", for all operations that were measured" } } }
            }
        }
    }
}
