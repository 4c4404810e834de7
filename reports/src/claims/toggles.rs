//! What a single toggle brings, as the claims measured it: a Markdown table for documents.

use baselines::claim::{ClaimReport, JudgedPart, Target};

use super::words::show;
use crate::markdown::{code, prose};
use crate::names::{spoken, toggles};
use crate::numbers::percent;

/// A row of the table. What one measurement says of two targets is one row.
struct Row<'a> {
    toggle: String,
    metric: &'a str,
    /// The values without and with the toggle.
    sides: [String; 2],
    what: &'a str,
    change: String,
    durability: String,
}

/// A row for each part of a claim whose sides differ in one toggle only, with the rows of a toggle together; none if no
/// part is like that.
pub fn markdown(report: &ClaimReport) -> Option<String> {
    let mut parts: Vec<&JudgedPart> = report.claims.iter().flat_map(|claim| &claim.parts).collect();
    // Changes against the base have intervals, bounds have none of the change.
    parts.sort_by_key(|part| matches!(part.target, Target::AtMost(_) | Target::AtLeast(_)));
    let mut rows: Vec<Row<'_>> = Vec::new();
    for row in parts.into_iter().filter_map(row) {
        let same =
            |other: &Row<'_>| (&other.toggle, other.metric, &other.sides) == (&row.toggle, row.metric, &row.sides);
        if !rows.iter().any(same) {
            let last = rows.iter().rposition(|other| other.toggle == row.toggle);
            rows.insert(last.map_or(rows.len(), |last| last + 1), row);
        }
    }
    if rows.is_empty() {
        return None;
    }
    let head = "| toggle | measured | metric | without | with | change | durability |\n|---|---|---|--:|--:|--:|---|\n";
    let rows = rows.into_iter().map(|Row { toggle, metric, sides: [without, with], what, change, durability }| {
        let [what, change] = [prose(what), prose(&change)];
        format!("| {toggle} | {what} | {} | {without} | {with} | {change} | {durability} |\n", spoken(metric))
    });
    Some(format!("{head}{}", rows.collect::<String>()))
}

/// The row of a part; none without a base, or if more than one toggle differs.
fn row(part: &JudgedPart) -> Option<Row<'_>> {
    let measured = part.measured.as_ref()?;
    let without = measured.base?;
    let ratio = |ratio: f64| percent(ratio - 1.0);
    let change = match part.target {
        // A bound on the cost of something compares with another program.
        Target::AtMostOfBase(times) if times > 1.0 => return None,
        _ if without == 0.0 => "-".to_owned(),
        Target::AtMostOfBase(_) | Target::AtLeastOfBase(_) if measured.rounds > 0 => {
            format!("{} [{}, {}]", ratio(measured.estimate), ratio(measured.low), ratio(measured.high))
        }
        _ => ratio(measured.new / without),
    };
    Some(Row {
        toggle: single_toggle(part)?,
        metric: &part.metric,
        sides: [without, measured.new].map(|value| show(&part.metric, value)),
        what: &part.what,
        change,
        durability: part.durability.to_string(),
    })
}

/// The toggle that differs, with the strategies of the candidate and of the base, if it is the only one.
fn single_toggle(part: &JudgedPart) -> Option<String> {
    let base = toggles(&part.base);
    let mut others = toggles(&part.new).into_iter().filter(|toggle| !base.contains(toggle));
    let (toggle, strategy) = others.next().filter(|_| others.next().is_none())?;
    let (_, replaced) = base.into_iter().find(|(other, _)| *other == toggle)?;
    Some(format!("{} instead of {}", code(&format!("{toggle}={strategy}")), code(replaced)))
}
