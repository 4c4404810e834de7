//! The cost by call stack as flamegraphs, and the dearest functions of every case.

use baselines::{CallStacks, FunctionCost};
use maud::{Markup, html};

use super::parts::{Section, filter_name};
use crate::names::{Names, printable};
use crate::numbers::count;
use crate::{Report, flamegraph};

/// Functions named for each case.
const FUNCTIONS: usize = 8;

/// A flamegraph for each profile, and its difference if there is a base.
pub(super) fn flamegraphs(report: &Report) -> Option<Section> {
    if report.profiles.is_empty() {
        return None;
    }
    let names = Names::of(report.profiles.iter().map(|profile| &profile.case));
    let body = html! {
        p.hint { "Width is cost, depth is the call stack. Click a frame to zoom, search with the button in its corner." }
        @for profile in &report.profiles { (graphs(profile, &names.case(&profile.case))) }
    };
    Some(Section { id: "profiles", title: "Flamegraphs", short: "Flamegraphs", body })
}

fn graphs(profile: &CallStacks, name: &str) -> Markup {
    let unit = printable(&profile.unit);
    html! {
        h3 { (name) }
        (graph(&format!("{name}: {unit} by call stack"), flamegraph::flamegraph(&profile.folded, &unit)))
        @if let Some(base) = &profile.base_folded {
            h4 { "What changed against the base: red costs more, blue less. What only the base called has no width here" }
            (graph(&format!("{name}: {unit}, difference"), flamegraph::differential(base, &profile.folded, &unit)))
            h4 { "The base" }
            (graph(&format!("{name}: {unit} of the base by call stack"), flamegraph::flamegraph(base, &unit)))
        }
    }
}

/// A picture in a frame, or the reason why there is none.
fn graph(title: &str, svg: crate::Result<String>) -> Markup {
    match svg {
        Ok(svg) => {
            let height = flamegraph::height_px(&svg);
            html! { iframe.flamegraph title=(title) height=(height) srcdoc=(flamegraph::document(&svg)) {} }
        }
        Err(error) => html! { ul.reasons.partial { li { (error.to_string()) } } },
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
        p.hint { "What each function cost by itself, without what it called, over all operations that were measured." }
        @for measurement in measured {
            details data-name=(filter_name(&names.case(&measurement.case))) {
                summary { (names.case(&measurement.case)) }
                (costs(&measurement.functions))
            }
        }
    };
    Some(Section { id: "functions", title: "Where the instructions go", short: "Functions", body })
}

fn costs(functions: &[FunctionCost]) -> Markup {
    let total: u64 = functions.iter().map(|function| function.instructions).sum();
    let part = |instructions: u64| instructions as f64 * 100.0 / total.max(1) as f64;
    let rest: u64 = functions.iter().skip(FUNCTIONS).map(|function| function.instructions).sum();
    html! {
        table.functions {
            thead { tr { th.number { "instructions" } th.number { "part" } th.number { "calls" } th { "function" } } }
            tbody {
                @for function in functions.iter().take(FUNCTIONS) {
                    tr {
                        td.number { span.bar style=(format!("width:{:.1}%", part(function.instructions))) {} span { (count(function.instructions)) } }
                        td.number { (format!("{:.1}%", part(function.instructions))) }
                        td.number { (count(function.calls)) }
                        td { code { (printable(&function.function)) } }
                    }
                }
                @if functions.len() > FUNCTIONS {
                    tr { td.number { (count(rest)) } td.number { (format!("{:.1}%", part(rest))) } td {} td { (functions.len() - FUNCTIONS) " more" } }
                }
            }
        }
    }
}
