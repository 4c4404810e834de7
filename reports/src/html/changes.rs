//! The changes against the base, by importance, each with its cause by function.

use baselines::compare::{Delta, Verdict};
use maud::{Markup, html};

use super::parts::{Section, figure, prose};
use crate::cause::{caller, doing, explain, explain_rest, largest, scope};
use crate::names::{Names, printable};
use crate::numbers::{count, exact, percent, signed};
use crate::ranking::{RankedDeltas, rank};
use crate::{Report, Result, figures, text};

/// Functions named for each change.
const FUNCTIONS: usize = 8;

/// The comparison; none if nothing was compared.
pub(super) fn section(report: &Report) -> Result<Option<Section>> {
    let Some(judgement) = &report.judgement else { return Ok(None) };
    let comparison = &judgement.comparison;
    if comparison.deltas.is_empty() && comparison.differences.is_empty() {
        return Ok(None);
    }
    let ranking = rank(comparison);
    let names = Names::of(comparison.deltas.iter().map(|delta| &delta.case));
    let chart = figures::changes(report)?;
    let body = html! {
        @if !comparison.differences.is_empty() {
            p { "The environments differ, so exact counts can't be compared:" }
            ul.reasons.undecided { @for difference in &comparison.differences { li { (printable(&difference.to_string())) } } }
        }
        @if ranking.told.is_empty() && !ranking.equal.is_empty() {
            p { "Nothing moved past its limit." }
        }
        @if !ranking.told.is_empty() { (told(&ranking, &names)) }
        @if let Some(chart) = &chart { div.figures { (figure(chart)) } }
        @if !ranking.equal.is_empty() {
            details {
                summary { (count(ranking.equal.len() as u64)) " inside the limits" }
                (plain(&ranking.equal, &names))
            }
        }
        @for group in &ranking.unjudged {
            details {
                summary { (count(group.deltas.len() as u64)) " " (group.verdict.name()) ": " (prose(group.why)) }
                (plain(&group.deltas, &names))
            }
        }
    };
    Ok(Some(Section { id: "changes", title: "What changed", short: "Changes", body }))
}

/// The changes that are shown one by one, each with its cause.
fn told(ranking: &RankedDeltas<'_>, names: &Names) -> Markup {
    html! {
        div.scroll {
            table.changes {
                thead { tr { th { "verdict" } th { "benchmark" } th { "metric" } th.number { "base" } th.number { "new" } th.number { "change" } } }
                @for delta in &ranking.told {
                    tbody {
                        (row(delta, names))
                        @if let Some(doing) = doing(delta) { tr.cause { td {} td colspan="5" { (prose(&doing)) } } }
                        @if !delta.cause.is_empty() { tr.cause { td {} td colspan="5" { (cause(delta)) } } }
                        @else if delta.relative.is_none() || delta.verdict != Verdict::Improved {
                            tr.cause { td {} td colspan="5" { (prose(&delta.why)) } }
                        }
                    }
                }
            }
        }
    }
}

fn plain(deltas: &[&Delta], names: &Names) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { th { "verdict" } th { "benchmark" } th { "metric" } th.number { "base" } th.number { "new" } th.number { "change" } } }
                tbody { @for delta in deltas { (row(delta, names)) } }
            }
        }
    }
}

fn row(delta: &Delta, names: &Names) -> Markup {
    let all_digits = |side: Option<f64>| side.map(exact).unwrap_or_default();
    html! {
        tr {
            td {
                span.badge.(delta.verdict.name()) { (delta.verdict.name()) }
                @if matches!(delta.verdict, Verdict::Regressed | Verdict::Inconclusive) && !delta.blocks { " advises" }
            }
            td title=(printable(&delta.case.to_string())) { (names.case(&delta.case)) }
            td { (printable(&delta.metric.replace('_', " "))) }
            td.number title=(all_digits(delta.base)) { (text::value(delta, delta.base)) }
            td.number title=(all_digits(delta.new)) { (text::value(delta, delta.new)) }
            td.number {
                @if let Some(relative) = delta.relative { (percent(relative)) }
                @if let Some([low, high]) = delta.interval { br; small { "99%: " (percent(low)) " to " (percent(high)) } }
                @if let Some(bound) = text::bound(delta) { br; small { (bound) } }
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
            thead { tr { th.number { "instructions" } th { "function" } th { "why" } } }
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
