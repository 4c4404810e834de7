//! The claim report as a page: the chart first, then every claim with its parts.

use baselines::claim::{ClaimReport, JudgedClaim};
use maud::{DOCTYPE, Markup, html};

use super::phases;
use super::words::{PartRow, picture, summary};
use crate::Result;
use crate::html::drawing::figure;
use crate::html::parts::{head, prose};

/// The claim report as a page.
pub fn render(report: &ClaimReport) -> Result<String> {
    let environment = &report.environment;
    let charts: Vec<_> = picture(report).into_iter().chain(phases::picture(report)).collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head("Claims"))
            body {
                main {
                    section id="summary" {
                        h1 { (summary(report)) }
                        p {
                            "Measured at " (report.started_at) " on " (environment.cpu_model) ", " (environment.cores) " cores, commit "
                            code { (environment.commit.get(..8).unwrap_or(&environment.commit)) }
                            @if environment.dirty { " with changes" }
                            ", by " code { (report.command) } "."
                        }
                    }
                    @if !charts.is_empty() { section id="chart" { div.figures { @for chart in &charts { (figure(chart)) } } } }
                    @for one in &report.claims { (claim(one)) }
                }
                footer { "Made by " code { "assay claims" } " from a claim report of schema " (report.schema) ". Nothing on this page comes from a network." }
            }
        }
    };
    Ok(page.into_string())
}

fn claim(claim: &JudgedClaim) -> Markup {
    html! {
        section id=(format!("claim-{}", claim.id)) {
            h2 { (claim.id) ": " (claim.verdict) }
            p { (prose(&claim.claim)) ": " strong { (prose(&claim.announced)) } " (" (prose(&claim.source)) ")" }
            div.scroll tabindex="0" {
                table {
                    thead {
                        tr { th scope="col" { "verdict" } th scope="col" { "measured" } th scope="col" { "claimed" } th scope="col" { "found" } th scope="col" { "base and candidate" } th scope="col" { "engaged" } th scope="col" { "durability" } th scope="col" { "why" } }
                    }
                    tbody {
                        @for row in claim.parts.iter().map(PartRow::of) {
                            tr {
                                td { (row.verdict) } td { (row.what) } td { (row.claimed) } td { (row.measured) }
                                td { (row.sides) } td { (row.counter) } td { (row.durability) } td { (prose(&row.why)) }
                            }
                        }
                    }
                }
            }
            @if !claim.note.is_empty() { p { (prose(&claim.note)) } }
        }
    }
}
