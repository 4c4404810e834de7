//! The page: one file for a browser, without a network, light and dark, for narrow and wide screens and for paper.
//!
//! It opens with one sentence and shows what changed; the rest is folded. Folds, links and charts work without its one
//! script, which filters rows and keeps the filter and a flamegraph's frame in the address. Its content security policy
//! forbids every request, so a missing resource is noticed by its author. Each flamegraph is in a frame, because it
//! brings inferno's script.

mod changes;
mod data;
pub(crate) mod drawing;
mod numbers;
pub(crate) mod parts;
mod profiles;
mod verdict;

use maud::{DOCTYPE, PreEscaped, html};

use self::parts::{Section, head};
use crate::figures::Drawing;
use crate::names::Names;
use crate::numbers::plural;
use crate::{Report, Result, figures, headline};

const SCRIPT: &str = include_str!("script.js");

/// The report as a page. A flamegraph that can't be drawn is replaced by the reason.
pub fn render(report: &Report) -> Result<String> {
    let headline = headline::headline(report);
    let sections: Vec<Section> = [
        verdict::invalid(report),
        changes::section(report),
        charts(report)?,
        verdict::skipped(report),
        profiles::flamegraphs(report),
        numbers::tables(report),
        profiles::functions(report),
        numbers::counters(report),
        numbers::repeatability(report),
        data::section(report)?,
        Some(verdict::environment(report)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(headline.word))
            body {
                (verdict::hero(report, &headline))
                nav aria-label="Sections" {
                    @for section in &sections { a href=(format!("#{}", section.id)) { (section.short) } }
                }
                main { @for section in &sections { (section.markup()) } }
                footer { "Made by " code { "assay report" } " from a record of schema " (baselines::record::SCHEMA) ". Nothing on this page comes from a network." }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string())
}

/// The charts of the run itself, folded below a comparison.
fn charts(report: &Report) -> Result<Option<Section>> {
    let figures = figures::figures(report)?;
    if figures.is_empty() {
        return Ok(None);
    }
    let everywhere = Names::of(report.run.measurements.iter().map(|measurement| &measurement.case)).everywhere();
    let body = html! {
        @if !everywhere.is_empty() { p.hint { (everywhere) } }
        @if figures.iter().any(|figure| matches!(figure.drawing, Drawing::Heat(_))) { p.hint { (figures::OF_VARIANTS) } }
        (drawing::figures(&figures))
    };
    let section = Section::new("charts", "What was measured", "Charts", body);
    Ok(Some(if report.judgement.is_some() { section.folded(plural(figures.len(), "chart")) } else { section }))
}
