//! The claim report for a terminal: a block for each claim, columns aligned over all claims, the summary last.

use baselines::claim::ClaimReport;

use super::words::{PartRow, summary};
use crate::names::printable;

/// The whole report.
pub fn render(report: &ClaimReport) -> String {
    let claims: Vec<Vec<PartRow>> =
        report.claims.iter().map(|claim| claim.parts.iter().map(PartRow::of).collect()).collect();
    let rows = || claims.iter().flatten();
    let width = |column: fn(&PartRow) -> &str| rows().map(|row| column(row).chars().count()).max().unwrap_or(0);
    let columns: [fn(&PartRow) -> &str; 7] = [
        |row| row.verdict.name(),
        |row| &row.what,
        |row| &row.claimed,
        |row| &row.measured,
        |row| &row.sides,
        |row| &row.counter,
        |row| &row.durability,
    ];
    let widths = columns.map(width);
    let mut text = String::new();
    for (claim, rows) in report.claims.iter().zip(&claims) {
        text.push_str(&format!(
            "{}: {}\n  {}: {} ({})\n",
            printable(&claim.id),
            claim.verdict,
            printable(&claim.claim),
            printable(&claim.announced),
            printable(&claim.source)
        ));
        for row in rows {
            text.push_str("  ");
            for (column, width) in columns.iter().zip(widths) {
                text.push_str(&format!("  {:width$}", column(row)));
            }
            text.push_str(&format!("  {}\n", row.why));
        }
        if !claim.note.is_empty() {
            text.push_str(&format!("  note: {}\n", printable(&claim.note)));
        }
        text.push('\n');
    }
    text.push_str(&format!("{}\n", summary(report)));
    text
}
