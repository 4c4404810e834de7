//! The page: one file that needs nothing but a browser. No network, no script of others, light and dark, from a telephone to a wide screen.
//!
//! Its content security policy forbids every request, so that what is missing is missing for its author as well. The one script of its own
//! filters tables; without it everything is there. Flamegraphs stand in frames of their own, because each brings inferno's script.

mod changes;
pub mod ledger;
mod numbers;
mod profiles;
mod verdict;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::figures::Figure;
use crate::{Report, Result, figures, headline, palette};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Every request is forbidden.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// A part of the page with its place in the table of contents.
struct Section {
    id: &'static str,
    title: &'static str,
    /// The title in the table of contents.
    short: &'static str,
    body: Markup,
}

/// The report as a page.
///
/// # Errors
/// A chart can't be drawn. A flamegraph that can't be is replaced by the reason.
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

fn figure(figure: &Figure) -> Markup {
    html! {
        figure.wide[figure.wide] {
            h3 { (figure.title) }
            div.chart role="img" aria-label=(format!("{}. {}", figure.title, figure.caption)) { (PreEscaped(&figure.svg)) }
            figcaption { (figure.caption) }
        }
    }
}

/// Prose in which what stands between backticks is code: messages say what to type that way.
fn prose(text: &str) -> Markup {
    let text = crate::names::printable(text);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! { @for (place, part) in parts.iter().enumerate() { @if place % 2 == 1 { code { (part) } } @else { (part) } } }
}

/// The head of a page: its style stands in it, and its content policy keeps it from asking anything of a network.
fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta http-equiv="Content-Security-Policy" content=(CONTENT_POLICY);
            link rel="icon" href="data:,";
            title { (title) " \u{b7} Assay" }
            style { (PreEscaped(palette::css())) (PreEscaped(STYLE)) }
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_escaped_and_keeps_its_code() {
        assert_eq!(prose("type `a<b` & go").into_string(), "type <code>a&lt;b</code> &amp; go");
        assert_eq!(prose("one ` <b>").into_string(), "one ` &lt;b&gt;");
    }
}
