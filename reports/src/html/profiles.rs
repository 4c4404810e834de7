//! The cost by call stack as flamegraphs and as tables, and the dearest functions of every case.

use baselines::{CallStacks, FunctionCost};
use maud::{Markup, html};

use super::parts::{Section, filter_name};
use crate::names::{Names, anchor, printable};
use crate::numbers::{count, percent, plural, signed};
use crate::stacks::{self, FunctionSum};
use crate::{Report, flamegraph};

/// Functions named for each case.
const FUNCTIONS: usize = 5;
/// Functions in the table beside a flamegraph.
const SUMS: usize = 15;

/// A flamegraph for each profile, and its difference if there is a base.
pub(super) fn flamegraphs(report: &Report) -> Option<Section> {
    if report.profiles.is_empty() {
        return None;
    }
    let names = Names::of(report.profiles.iter().map(|profile| &profile.case));
    let body = html! {
        p.hint { "Width is cost, depth is the call stack. Click a frame to zoom: the address then leads back to it. The tables have the same numbers." }
        @for profile in &report.profiles { (graphs(profile, &names.case(&profile.case))) }
    };
    let section = Section::new("profiles", "Flamegraphs", "Flamegraphs", body);
    let compared = report.profiles.iter().any(|profile| profile.base_folded.is_some());
    Some(if compared { section } else { section.folded(plural(report.profiles.len(), "case")) })
}

fn graphs(profile: &CallStacks, name: &str) -> Markup {
    let (unit, new) = (printable(&profile.unit), profile.folded.as_str());
    let id = anchor("flame", &profile.case, "");
    let graph = |side: &str, words: &str, open: bool, svg: crate::Result<String>| {
        html! {
            details open[open] {
                summary { (words) }
                (picture(&format!("{id}-{side}"), &format!("{name}: {words}"), svg))
            }
        }
    };
    html! {
        h3 id=(id) { a.self href=(format!("#{id}")) { (name) } }
        @match &profile.base_folded {
            Some(base) => {
                (sums(Some(base), new, &unit))
                (graph("new", "The new side, coloured by what changed: red costs more than in the base, blue less", true, flamegraph::compared(base, new, &unit)))
                (graph("base", "The base, with what only the base calls", false, flamegraph::flamegraph(base, &unit)))
            },
            None => {
                (picture(&format!("{id}-new"), &format!("{name}: {unit} by call stack"), flamegraph::flamegraph(new, &unit)))
                details { summary { "The same as a table" } (sums(None, new, &unit)) }
            },
        }
    }
}

/// A picture in a frame, or the reason why there is none.
fn picture(id: &str, title: &str, svg: crate::Result<String>) -> Markup {
    match svg {
        Ok(svg) => {
            let height = flamegraph::height_px(&svg);
            html! { iframe.flamegraph id=(id) title=(title) height=(height) loading="lazy" srcdoc=(flamegraph::document(&svg)) {} }
        }
        Err(error) => html! { ul.reasons.partial { li { (error.to_string()) } } },
    }
}

/// The functions of a profile with their sums, for readers who can't use a picture.
fn sums(base: Option<&String>, new: &str, unit: &str) -> Markup {
    let Ok(functions) = stacks::functions(base.map(String::as_str), new) else { return html! {} };
    let (shown, rest) = functions.split_at(functions.len().min(SUMS));
    let whole = |functions: &[FunctionSum], side: usize| functions.iter().map(|sum| sum.itself[side]).sum::<u64>();
    let change = |[before, now]: [u64; 2]| {
        let part =
            if before == 0 { String::new() } else { format!(" ({})", percent(now as f64 / before as f64 - 1.0)) };
        format!("{}{part}", signed(now as i64 - before as i64))
    };
    let cells = |[before, now]: [u64; 2]| {
        html! {
            @if base.is_some() { td.number { (count(before)) } }
            td.number { (count(now)) }
            @if base.is_some() { td.number { @if before == now { "0" } @else { (change([before, now])) } } }
        }
    };
    let sides: &[&str] = if base.is_some() { &["base", "new", "change"] } else { &["new"] };
    let columns = sides.len();
    html! {
        div.scroll tabindex="0" { table.sums.few.both[base.is_some()] style=(if base.is_some() { "--columns:4" } else { "--columns:2" }) {
            thead {
                // A reader of the table hears the words of a group in each of its columns.
                tr aria-hidden="true" { td {} td.number.group colspan=(columns) { (unit) " by itself" } td.number.group colspan=(columns) { "with all that it calls" } }
                tr { th scope="col" { "function" } @for group in ["by itself", "with all that it calls"] { @for side in sides { th.number scope="col" { (side) span.unseen { " " (group) } } } } }
            }
            tbody {
                @for sum in shown { tr { td { code { (printable(&sum.function)) } } (cells(sum.itself)) (cells(sum.total)) } }
                @if !rest.is_empty() { tr { td { (plural(rest.len(), "other function")) } (cells([whole(rest, 0), whole(rest, 1)])) td colspan=(columns) {} } }
                tr.total { td { "together" } (cells([whole(&functions, 0), whole(&functions, 1)])) td colspan=(columns) {} }
            }
        } }
    }
}

/// The dearest functions of every case whose costs were measured by function.
pub(super) fn functions(report: &Report) -> Option<Section> {
    let names = Names::of(report.run.measurements.iter().map(|measurement| &measurement.case));
    let measured: Vec<_> =
        report.run.measurements.iter().filter(|measurement| !measurement.functions.is_empty()).collect();
    if measured.is_empty() {
        return None;
    }
    let body = html! {
        p.hint { "The cost of each function by itself, without what it called, over all operations that were measured." }
        @for measurement in &measured {
            @let id = anchor("functions", &measurement.case, "");
            details id=(id) data-name=(filter_name(&names.case(&measurement.case))) {
                summary { (names.case(&measurement.case)) }
                (costs(&measurement.functions))
            }
        }
    };
    let section = Section::new("functions", "Where the instructions go", "Functions", body);
    Some(section.folded(plural(measured.len(), "case")))
}

fn costs(functions: &[FunctionCost]) -> Markup {
    let total: u64 = functions.iter().map(|function| function.instructions).sum();
    let part = |instructions: u64| instructions as f64 * 100.0 / total.max(1) as f64;
    let rest: u64 = functions.iter().skip(FUNCTIONS).map(|function| function.instructions).sum();
    html! {
        div.scroll tabindex="0" { table.sums.few style="--columns:3" {
            thead { tr { th scope="col" { "function" } th.number scope="col" { "instructions" } th.number scope="col" { "part" } th.number scope="col" { "calls" } } }
            tbody {
                @for function in functions.iter().take(FUNCTIONS) {
                    tr {
                        td { code { (printable(&function.function)) } }
                        td.number { (count(function.instructions)) }
                        td.number { (format!("{:.1}%", part(function.instructions))) }
                        td.number { (count(function.calls)) }
                    }
                }
                @if functions.len() > FUNCTIONS {
                    tr { td { (plural(functions.len() - FUNCTIONS, "other function")) } td.number { (count(rest)) } td.number { (format!("{:.1}%", part(rest))) } td {} }
                }
                tr.total { td { "together" } td.number { (count(total)) } td.number { "100%" } td {} }
            }
        } }
    }
}
