//! The claim report in GitHub's Markdown: a table of all parts, with the claims and their notes below.

use baselines::claim::ClaimReport;

use super::words::{PartRow, summary};
use crate::markdown::{code, prose};

/// The whole report.
pub fn render(report: &ClaimReport) -> String {
    let environment = &report.environment;
    let mut text = format!(
        "## {}\n\nMeasured at {} on {} ({} cores), commit {}{}, profile {}.\n\n",
        summary(report),
        prose(&report.started_at),
        prose(&environment.cpu_model),
        environment.cores,
        code(environment.commit.get(..8).unwrap_or(&environment.commit)),
        if environment.dirty { " with changes" } else { "" },
        prose(&report.profile),
    );
    text.push_str("| claim | verdict | measured | claimed | found | base and candidate | engaged | durability |\n");
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    for claim in &report.claims {
        for (number, row) in claim.parts.iter().map(PartRow::of).enumerate() {
            let id = if number == 0 { format!("{}: **{}**", code(&claim.id), claim.verdict) } else { String::new() };
            let cells = [
                id,
                format!("{}: {}", row.verdict, prose(&row.why)),
                prose(&row.what),
                prose(&row.claimed),
                prose(&row.measured),
                prose(&row.sides),
                prose(&row.counter),
                prose(&row.durability),
            ];
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    text.push('\n');
    for claim in &report.claims {
        text.push_str(&format!(
            "- {}: {}: {} ({})",
            code(&claim.id),
            prose(&claim.claim),
            prose(&claim.announced),
            prose(&claim.source)
        ));
        if !claim.note.is_empty() {
            text.push_str(&format!(". {}", prose(&claim.note)));
        }
        text.push('\n');
    }
    text
}
