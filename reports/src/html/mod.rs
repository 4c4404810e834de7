//! The page: one file for a browser, without a network, light and dark, for narrow and wide screens.
//!
//! Its content security policy forbids every request, so a missing resource is noticed by its author. Its one script
//! filters tables and can be switched off. Each flamegraph is in a frame, because it brings inferno's script.

mod changes;
mod numbers;
pub(crate) mod parts;
mod profiles;
mod verdict;

use maud::{DOCTYPE, PreEscaped, html};

use self::parts::{Section, figure, head};
use crate::{Report, Result, figures, headline};

const SCRIPT: &str = include_str!("script.js");

/// The report as a page. A flamegraph that can't be drawn is replaced by the reason.
pub fn render(report: &Report) -> Result<String> {
    let headline = headline::headline(report);
    let sections: Vec<Section> = [
        verdict::invalid(report),
        verdict::skipped(report),
        changes::section(report)?,
        charts(report)?,
        profiles::flamegraphs(report),
        numbers::tables(report),
        profiles::functions(report),
        numbers::counters(report),
        numbers::repeatability(report),
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
                main {
                    @for section in &sections {
                        section id=(section.id) { h2 { (section.title) } (section.body) }
                    }
                }
                footer { "Made by " code { "assay report" } " from a record of schema " (baselines::record::SCHEMA) ". Nothing on this page comes from a network." }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string())
}

fn charts(report: &Report) -> Result<Option<Section>> {
    let figures = figures::figures(report)?;
    if figures.is_empty() {
        return Ok(None);
    }
    let body = html! { div.figures { @for one in &figures { (figure(one)) } } };
    Ok(Some(Section { id: "charts", title: "Charts", short: "Charts", body }))
}
