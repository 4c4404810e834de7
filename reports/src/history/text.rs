//! The history for a terminal: the commits, those that are left out, and the changes, the newest last.

use super::{HistoryReport, day, meaning, newest_first, short, shown, size};
use crate::names::{Names, printable};
use crate::numbers::plural;

/// The history of an environment, a few lines and a line a change.
pub fn render(report: &HistoryReport) -> String {
    let measured: Vec<_> = report.commits.iter().filter(|commit| commit.left_out.is_none()).collect();
    let mut text = format!("{}: {}", printable(&report.environment), plural(measured.len(), "commit"));
    if let [first, .., last] = &measured[..] {
        text.push_str(&format!(
            " from {} ({}) to {} ({})",
            short(&first.commit),
            day(&first.date),
            short(&last.commit),
            day(&last.date)
        ));
    }
    text.push('\n');
    for commit in &report.commits {
        if let Some(why) = &commit.left_out {
            text.push_str(&format!(
                "left out: {} ({}): {}\n",
                short(&commit.commit),
                day(&commit.date),
                printable(why)
            ));
        }
    }
    for odd in &report.odd {
        text.push_str(&format!("odd: {} ({}): {odd}\n", short(&odd.commit), day(&odd.date)));
    }
    let names = Names::of(report.series.iter().map(|one| &one.series.case));
    for (series, change) in newest_first(&report.series).into_iter().rev() {
        let (before, after) = change.between(series);
        let chance = change.p_value.map(|p| format!(", p {p:.2e}")).unwrap_or_default();
        text.push_str(&format!(
            "{:>9}  {} of {}: {} to {} in {}..{} ({}){chance}: {}\n",
            size(change),
            printable(&series.metric),
            names.case(&series.case),
            shown(series, change.before),
            shown(series, change.after),
            short(&before.commit),
            short(&after.commit),
            day(&after.date),
            meaning(series, change)
        ));
    }
    let steady = report.series.iter().filter(|one| one.changes.is_empty()).count();
    text + &format!("{} series, {} without a change\n", report.series.len(), steady)
}
