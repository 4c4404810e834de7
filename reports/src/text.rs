//! Tables for a terminal or a log, without colours and control characters. The most important comes last, near the
//! prompt.

use baselines::delta::{Delta, Verdict};
use baselines::gate::Judgement;
use baselines::{Lane, Run};
use comfy_table::{CellAlignment, Table, presets};

use crate::names::{Names, printable};
use crate::numbers::{count, percent_at_most, signed};
use crate::ranking::{is_grouped, rank, reasons};
use crate::{Report, cause, deltas, headline, repeatability, tables};

/// Columns of the counts lane for which a terminal has no room.
const ELSEWHERE: [&str; 4] = ["branches", "l1_hits", "ll_hits", "ram_hits"];
/// Functions named for each change.
const FUNCTIONS: usize = 3;
/// Cases named for each reason why they were not judged.
const EXAMPLES: usize = 3;
/// Bounds of equal cases that are shown one by one, the largest first.
const BOUNDS: usize = 5;

/// The whole report: the run, and then the judgement or the reason why there is none.
pub fn render(report: &Report) -> String {
    let shows_all = report.shows_all_deltas && report.judgement.is_some();
    let mut text = if shows_all { entries(&report.run) } else { run(&report.run) };
    for note in &report.notes {
        text.push_str(&format!("note: {}\n", printable(note)));
    }
    text.push('\n');
    match &report.judgement {
        Some(judged) => {
            if let Some(against) = &report.against {
                text.push_str(&format!("compared with {}\n", printable(against)));
            }
            text.push_str(&judged_rows(judged, shows_all));
        }
        None => {
            let headline = headline::headline(report);
            text.push_str(&format!("{}; {}\n", printable(&headline.lead), headline.next));
        }
    }
    text
}

/// The run: a table for each lane, the skipped and invalid entries, and a summary as the last line.
pub fn run(run: &Run) -> String {
    let names = Names::of(run.measurements.iter().map(|measurement| &measurement.case));
    let mut text = String::new();
    for lane in tables::tables(run) {
        let columns: Vec<usize> = (0..lane.metrics.len())
            .filter(|column| lane.lane != Lane::Counts || !ELSEWHERE.contains(&lane.metrics[*column].name))
            .collect();
        text.push_str(&format!("{} ({})\n", lane.lane, tables::about(lane.lane)));
        let metrics = columns.iter().map(|column| lane.metrics[*column].name);
        let mut table = plain(["benchmark", "durability"].into_iter().chain(metrics));
        for row in &lane.rows {
            let cells = columns.iter().map(|column| row.shown(*column, lane.metrics[*column]));
            table.add_row([names.case(row.case), row.durability.to_string()].into_iter().chain(cells));
        }
        text.push_str(&table.trim_fmt());
        text.push_str("\n\n");
    }
    text + &entries(run)
}

/// What stands below the tables of a run.
fn entries(run: &Run) -> String {
    let mut text = String::new();
    if let Some(repeated) = repeatability::of(run) {
        text.push_str(&format!("repeated counts: {}\n", repeated.sentence()));
    }
    for skipped in &run.skipped {
        text.push_str(&format!("skipped: {}: {}\n", printable(&skipped.what), printable(&skipped.why)));
    }
    for entry in &run.invalid {
        text.push_str(&format!("invalid: {}: {}\n", printable(&entry.what), printable(&entry.why)));
    }
    text.push_str(&format!("{}\n", extent(run)));
    text
}

/// `138 cases, 1,240 measurements; 1 skipped`.
fn extent(run: &Run) -> String {
    let (cases, values) = headline::extent(run);
    let mut text = format!("{cases}, {values}");
    for (number, what) in [(run.skipped.len(), "skipped"), (run.invalid.len(), "invalid")] {
        if number > 0 {
            text.push_str(&format!("; {number} {what}"));
        }
    }
    if !run.complete {
        text.push_str("; the run did not end");
    }
    text
}

/// The judgement: the changes by importance with their causes, the deltas that were not judged, and the summary as the
/// last line.
pub fn judgement(judgement: &Judgement) -> String {
    judged_rows(judgement, false)
}

/// The judgement; with a row for every delta, or for the changes only.
fn judged_rows(judgement: &Judgement, every: bool) -> String {
    let ranking = rank(&judgement.comparison);
    let names = Names::of(judgement.comparison.deltas.iter().map(|delta| &delta.case));
    let mut text = String::new();
    for difference in &judgement.comparison.differences {
        text.push_str(&format!("environments differ in {}\n", printable(&difference.to_string())));
    }
    text.push_str(&table(&if every { ranking.all() } else { ranking.told.clone() }, &names));
    if !ranking.equal.is_empty() {
        text.push_str(&format!("equal: {}\n", count(ranking.equal.len() as u64)));
    }
    if !every {
        text.push_str(&bounds(&ranking.equal, &names));
    }
    for group in &ranking.unjudged {
        if every {
            text.push_str(&format!("{}: {}\n", group.verdict, printable(group.why)));
            continue;
        }
        let example = |delta: &&Delta| format!("{} of {}", printable(&delta.metric), names.case(&delta.case));
        let mut examples: Vec<_> = group.deltas.iter().take(EXAMPLES).map(example).collect();
        if group.deltas.len() > EXAMPLES {
            examples.push(format!("and {} more", group.deltas.len() - EXAMPLES));
        }
        let (number, examples) = (count(group.deltas.len() as u64), examples.join(", "));
        text.push_str(&format!("{}: {number} ({examples}): {}\n", group.verdict, printable(group.why)));
    }
    for accepted in &judgement.accepted {
        text.push_str(&format!("accepted: {}\n", printable(accepted)));
    }
    for reason in reasons(judgement) {
        text.push_str(&format!("invalid: {}\n", printable(reason)));
    }
    text.push_str(&format!("{}\n", printable(&judgement.summary)));
    text
}

/// What is ruled out of equal cases, the largest bounds first.
fn bounds(equal: &[&Delta], names: &Names) -> String {
    let mut bounded: Vec<_> = equal.iter().filter_map(|delta| Some((delta.bound?.at_most, *delta))).collect();
    bounded.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let line = |(at_most, delta): &(f64, &Delta)| {
        let (at_most, metric) = (percent_at_most(*at_most), printable(&delta.metric));
        format!("    at most {at_most}  {metric} of {}\n", names.case(&delta.case))
    };
    let mut text: String = bounded.iter().take(BOUNDS).map(line).collect();
    if bounded.len() > BOUNDS {
        text.push_str(&format!("    and {} with less\n", bounded.len() - BOUNDS));
    }
    text
}

/// A table of deltas, with the cause below each row.
fn table(deltas: &[&Delta], names: &Names) -> String {
    if deltas.is_empty() {
        return String::new();
    }
    let mut table = plain(["verdict", "metric", "base", "new", "change", "benchmark"]);
    if let Some(last) = table.column_mut(5) {
        last.set_cell_alignment(CellAlignment::Left);
    }
    for delta in deltas {
        table.add_row(row(delta, names));
    }
    let mut lines = table.trim_fmt().lines().map(str::to_owned).collect::<Vec<_>>().into_iter();
    let mut text = format!("{}\n", lines.next().unwrap_or_default());
    for (place, (line, delta)) in lines.zip(deltas).enumerate() {
        text.push_str(&line);
        text.push('\n');
        let shown = cause::largest(&delta.cause, FUNCTIONS);
        if !delta.cause.is_empty() {
            text.push_str(&format!("    {:>12}  by function{}:\n", signed(shown.total), cause::scope(delta)));
        }
        for function in shown.functions {
            let name = printable(&function.function);
            text.push_str(&format!("    {:>12}  {name}: {}\n", signed(function.delta), cause::told(function)));
        }
        if let Some(rest) = cause::explain_rest(&shown) {
            text.push_str(&format!("    {:>12}  in {rest}\n", ""));
        }
        if let Some(doing) = cause::doing(delta) {
            text.push_str(&format!("    {:>12}  {}\n", "", printable(&doing)));
        }
        let grouped = delta.verdict == Verdict::Equal || is_grouped(delta);
        // What holds for several rows stands below the last of them.
        let again = deltas.get(place + 1).is_some_and(|next| next.verdict == delta.verdict && next.why == delta.why);
        let baffles = delta.relative.is_none() || delta.is_left_to_counts();
        if delta.cause.is_empty() && baffles && !grouped && !again {
            text.push_str(&format!("    {}\n", printable(&delta.why)));
        }
    }
    text
}

fn row(delta: &Delta, names: &Names) -> [String; 6] {
    [
        format!("{}{}", delta.verdict, deltas::advises(delta)),
        printable(&delta.metric),
        deltas::value(delta, delta.base),
        deltas::value(delta, delta.new),
        deltas::change(delta),
        names.case(&delta.case),
    ]
}

/// A table without lines whose first two columns are text and the others numbers.
fn plain<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.into_iter().collect::<Vec<_>>());
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        column.set_cell_alignment(if index < 2 { CellAlignment::Left } else { CellAlignment::Right });
    }
    table
}

#[cfg(test)]
mod tests {
    use baselines::CaseKey;
    use baselines::delta::Comparison;
    use baselines::gate;

    use super::*;

    #[test]
    fn what_there_was_no_time_to_measure_is_one_line() {
        let why = "the time was up before the first look: give it more (--budget)";
        let delta = |benchmark: &str, metric: &str| {
            let case = CaseKey { benchmark: benchmark.to_owned(), variant: String::new() };
            Delta::new(case, metric, (Verdict::Inconclusive, why), true)
        };
        let deltas =
            ["sums/a", "sums/b"].into_iter().flat_map(|case| ["cpu_time", "waiting_time"].map(|of| delta(case, of)));
        let judged = gate::judge(Comparison { differences: vec![], deltas: deltas.collect() }, &[], &[]);
        let text = judgement(&judged);
        let lines: Vec<&str> = text.lines().collect();
        let told = "inconclusive: 4 (cpu_time of sums/a, waiting_time of sums/a, cpu_time of sums/b, and 1 more): ";
        assert_eq!(lines[0], format!("{told}{why}"));
        assert!(lines.len() == 2 && lines[1].starts_with("undecided"), "{text}");
        assert_eq!(judged_rows(&judged, true).matches(why).count(), 2, "below all rows, and in the summary");
    }
}
