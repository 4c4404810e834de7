//! A comment on a change, in GitHub's Markdown: the verdict, the changes with their causes, and the gaps, on one screen
//! at most.
//!
//! Names may hold anything, so each is put in a code span that it can't end, and prose is escaped.

use baselines::delta::{Delta, Verdict};
use baselines::gate::Judgement;

use crate::charts::heat;
use crate::headline::{Tone, headline};
use crate::names::{Names, printable, spoken};
use crate::numbers::{count, plural, signed};
use crate::ranking::{Unjudged, rank, reasons};
use crate::tables::{self, Table};
use crate::{Report, cause, costs, deltas, repeatability};

/// Rows of the table of changes.
const ROWS: usize = 12;
/// Rows that are folded below it, where every delta has one.
const FOLDED: usize = 200;
/// Changes that are shown with their cause.
const CAUSES: usize = 3;
/// Functions named for each cause.
const FUNCTIONS: usize = 5;
/// Entries of a list before the rest is counted.
const LISTED: usize = 5;

/// The comment.
pub fn render(report: &Report) -> String {
    let headline = headline(report);
    let word = if report.judgement.is_some() { format!("{}: ", headline.word) } else { String::new() };
    let mut text = format!("## {} {word}{}\n", light(headline.tone), prose(&headline.lead));
    // What regressed stands in the table, and some leads are the gate's own words.
    let is_said =
        headline.tone == Tone::Bad || headline.lead.to_lowercase().contains(&headline.sentence.to_lowercase());
    if report.judgement.is_some() && !is_said {
        text.push_str(&format!("\n{}\n", prose(&headline.sentence)));
    }
    if !headline.next.is_empty() && headline.tone != Tone::Good {
        text.push_str(&format!("\n_{}_\n", prose(headline.next)));
    }
    if let Some(judgement) = &report.judgement {
        judged(judgement, report.shows_all_deltas, &mut text);
    } else {
        list(&mut text, "Measured", tables::tables(&report.run).iter().map(measured));
        // A judgement lists these among its own reasons.
        let invalid = report.run.invalid.iter().map(|item| format!("{}: {}", code(&item.what), prose(&item.why)));
        list(&mut text, "Invalid", invalid);
    }
    let skipped = report.run.skipped.iter().map(|item| format!("{}: {}", code(&item.what), prose(&item.why)));
    list(&mut text, "Skipped, not passed", skipped);
    list(&mut text, "Notes", report.notes.iter().map(|note| prose(note)));
    text.push_str(&format!("\n<sub>{}</sub>\n", footer(report)));
    text
}

fn light(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "\u{1f7e2}",
        Tone::Partial => "\u{1f7e1}",
        Tone::Bad => "\u{1f534}",
        Tone::Distrust => "\u{1f7e3}",
        Tone::Undecided => "\u{26aa}",
    }
}

/// The judgement; with a row for every delta, or for the changes only.
fn judged(judgement: &Judgement, every: bool, text: &mut String) {
    let ranking = rank(&judgement.comparison);
    let names = Names::of(judgement.comparison.deltas.iter().map(|delta| &delta.case));
    let rows = if every { ranking.all() } else { ranking.told.clone() };
    let (shown, rest) = rows.split_at(rows.len().min(ROWS));
    text.push_str(&delta_rows(shown, &names));
    if every && !rest.is_empty() {
        let (folded, left) = rest.split_at(rest.len().min(FOLDED));
        let table = delta_rows(folded, &names);
        text.push_str(&format!(
            "\n<details><summary>{} more</summary>\n{table}\n</details>\n",
            count(rest.len() as u64)
        ));
        if !left.is_empty() {
            text.push_str(&format!("\nand {} more, which the page lists.\n", left.len()));
        }
    } else if !rest.is_empty() {
        text.push_str(&format!("\nand {} more.\n", rest.len()));
    }
    for delta in ranking.told.iter().filter(|delta| !delta.cause.is_empty()).take(CAUSES) {
        let shown = cause::largest(&delta.cause, FUNCTIONS);
        let (metric, case) = (code(&delta.metric), code(&names.case(&delta.case)));
        let (total, scope) = (signed(shown.total), cause::scope(delta));
        text.push_str(&format!("\n{metric} of {case}: {total} by function{scope}\n"));
        for function in shown.functions {
            text.push_str(&format!(
                "- {} {}: {}{}\n",
                signed(function.delta),
                code(&function.function),
                cause::explain(function),
                cause::caller(function).map(|caller| format!(", by {}", code(&caller))).unwrap_or_default()
            ));
        }
        if let Some(rest) = cause::explain_rest(&shown) {
            text.push_str(&format!("- {rest}\n"));
        }
        if let Some(doing) = cause::doing(delta) {
            text.push_str(&format!("- {}\n", prose(&doing)));
        }
    }
    list(text, "Accepted until a day", judgement.accepted.iter().map(|accepted| prose(accepted)));
    list(text, "Invalid", reasons(judgement).into_iter().map(prose));
    let differences = judgement.comparison.differences.iter().map(|difference| prose(&difference.to_string()));
    list(text, "The environments differ", differences);
    let unjudged =
        |group: &Unjudged<'_>| format!("{} {}: {}", count(group.deltas.len() as u64), group.verdict, prose(group.why));
    list(text, "Not judged", ranking.unjudged.iter().map(unjudged));
}

/// The changes alone, as a table; a sentence if nothing changed.
pub(crate) fn changes(judgement: &Judgement) -> String {
    let ranking = rank(&judgement.comparison);
    let names = Names::of(judgement.comparison.deltas.iter().map(|delta| &delta.case));
    match ranking.told.is_empty() {
        true => "Nothing changed.".to_owned(),
        false => delta_rows(&ranking.told, &names),
    }
}

/// The variants of each family side by side, with their ratio to the naive one; empty if there are none.
pub(crate) fn variants(report: &Report, names: &Names) -> String {
    let mut text = String::new();
    if let Some(metric) = costs::cost(&report.run) {
        for table in heat::tables(report, metric, names) {
            let columns: Vec<String> = table.columns.iter().map(|column| code(column)).collect();
            text.push_str(&format!(
                "\n| {}: {} | {} |\n|---|{}\n",
                code(table.family),
                spoken(metric.name),
                columns.join(" | "),
                "--:|".repeat(columns.len())
            ));
            for row in &table.rows {
                let cell = |cell: &Option<heat::HeatCell<'_>>| match cell {
                    None => String::new(),
                    Some(cell) => match cell.ratio {
                        None => format!("{} (naive)", metric.show(cell.value)),
                        Some(ratio) => format!("{} ({ratio:.2}x)", metric.show(cell.value)),
                    },
                };
                let cells: Vec<String> = row.cells.iter().map(cell).collect();
                text.push_str(&format!(
                    "| {} | {} |\n",
                    code(
                        &[&row.store, &row.label]
                            .map(String::as_str)
                            .into_iter()
                            .filter(|part| !part.is_empty())
                            .collect::<Vec<_>>()
                            .join(", ")
                    ),
                    cells.join(" | ")
                ));
            }
        }
    }
    text.trim_start().to_owned()
}

/// The numbers of a lane as a table; none if the run does not have them.
pub(crate) fn lane(report: &Report, lane: &str) -> Option<String> {
    let table = tables::tables(&report.run).into_iter().find(|table| table.lane.name() == lane)?;
    let names = Names::of(report.run.measurements.iter().map(|measurement| &measurement.case));
    let metrics: Vec<String> = table.metrics.iter().map(|metric| spoken(metric.name)).collect();
    let mut text = format!("| benchmark | {} |\n|---|{}\n", metrics.join(" | "), "--:|".repeat(metrics.len()));
    for row in &table.rows {
        let cells = table.metrics.iter().enumerate().map(|(column, metric)| row.shown(column, metric));
        let cells: Vec<String> = cells.collect();
        text.push_str(&format!("| {} | {} |\n", code(&names.case(row.case)), cells.join(" | ")));
    }
    Some(text)
}

/// A table of deltas, both sides beside each other; empty if there are none.
fn delta_rows(deltas: &[&Delta], names: &Names) -> String {
    if deltas.is_empty() {
        return String::new();
    }
    let mut text = "\n| verdict | benchmark | metric | base | new | change |\n|---|---|---|--:|--:|--:|\n".to_owned();
    for delta in deltas {
        let bold = if delta.verdict == Verdict::Regressed { "**" } else { "" };
        let aside =
            if delta.is_left_to_counts() { " (the counts have decided already)" } else { deltas::advises(delta) };
        text.push_str(&format!(
            "| {bold}{}{bold}{aside} | {} | {} | {} | {} | {} |\n",
            delta.verdict,
            code(&names.case(&delta.case)),
            code(&delta.metric),
            deltas::value(delta, delta.base),
            deltas::value(delta, delta.new),
            deltas::change(delta),
        ));
    }
    text
}

fn measured(table: &Table<'_>) -> String {
    let metrics: Vec<_> = table.metrics.iter().map(|metric| metric.name).collect();
    format!("{}: {}, {}", table.lane, plural(table.rows.len(), "case"), code(&metrics.join(" ")))
}

fn list(text: &mut String, title: &str, items: impl ExactSizeIterator<Item = String>) {
    let left = items.len().saturating_sub(LISTED);
    for (place, item) in items.take(LISTED).enumerate() {
        if place == 0 {
            text.push_str(&format!("\n**{title}**\n"));
        }
        text.push_str(&format!("- {item}\n"));
    }
    if left > 0 {
        text.push_str(&format!("- and {left} more\n"));
    }
}

fn footer(report: &Report) -> String {
    let environment = &report.run.header.environment;
    let commit: String = environment.commit.chars().take(12).collect();
    let mut parts =
        vec![format!("commit {}{}", code(&commit), if environment.dirty { " with uncommitted changes" } else { "" })];
    if let Some(against) = &report.against {
        parts.push(format!("against {}", code(against)));
    }
    if let Some(repeated) = repeatability::of(&report.run) {
        parts.push(format!("repeated counts: {}", repeated.sentence()));
    }
    parts.push(code(&environment.rustc));
    parts.push(code(&environment.cpu_model));
    parts.join(" \u{b7} ")
}

/// Text in a code span: nothing in it is markup, nothing ends the span or the table's cell.
pub(crate) fn code(text: &str) -> String {
    let text = printable(text).replace('|', "\\|");
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let air =
        if text.is_empty() || text.starts_with('`') || text.ends_with('`') || text.starts_with(' ') { " " } else { "" };
    format!("{fence}{air}{text}{air}{fence}")
}

/// Prose: its code spans stay, and everything else that could be markup, a mention or the end of a cell is escaped.
pub(crate) fn prose(text: &str) -> String {
    let text = printable(text);
    let parts: Vec<&str> = text.split('`').collect();
    // An odd number of parts is an even number of backticks: every second part stands between two of them.
    let spans = parts.len() % 2 == 1;
    let mut escaped = String::with_capacity(text.len());
    for (place, part) in parts.iter().enumerate() {
        if spans && place % 2 == 1 && !part.is_empty() {
            escaped.push_str(&code(part));
            continue;
        }
        if place > 0 && !(spans && (place % 2 == 0 && !parts[place - 1].is_empty())) {
            escaped.push_str("\\`");
        }
        for letter in part.chars() {
            match letter {
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '&' => escaped.push_str("&amp;"),
                '@' => escaped.push_str("@\u{200b}"),
                '\\' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => escaped.extend(['\\', letter]),
                _ => escaped.push(letter),
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_span_can_not_be_left() {
        assert_eq!(code("plain"), "`plain`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`` |x"), "``` `` \\|x ```");
        assert_eq!(code("a\nb"), "`a\\nb`");
        assert_eq!(code(""), "`  `");
    }

    #[test]
    fn prose_keeps_its_code_and_nothing_else() {
        assert_eq!(prose("type `assay run` now"), "type `assay run` now");
        assert_eq!(prose("a <b> *c* @you | d"), "a &lt;b&gt; \\*c\\* @\u{200b}you \\| d");
        assert_eq!(prose("one ` only <b>"), "one \\` only &lt;b&gt;");
        assert_eq!(prose("empty `` span"), "empty \\`\\` span");
    }
}
