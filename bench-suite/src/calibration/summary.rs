//! What a record says about the gate: false alarms with their bound, what is found of slowdowns of a known size, and both as a picture.

use std::fmt::Write as _;

use anyhow::Result;
use baselines::compare::Verdict;
use baselines::stats::binomial::{lower_bound, upper_bound};
use reports::chart::{Line, shares};

use super::{Condition, Suite};

/// The confidence of every bound in the table.
const CONFIDENCE: f64 = 0.95;

/// One row of the table: suites of a size, idle or not.
#[derive(Debug, Clone, Default, PartialEq)]
struct Row {
    suites: usize,
    invalid: usize,
    red: usize,
    same: usize,
    alarms: usize,
    slowed: usize,
    found: usize,
    /// Slowed cases by what else was said of them: improved, equal, inconclusive.
    missed: [usize; 3],
}

fn row<'a>(suites: impl Iterator<Item = &'a Suite>) -> Row {
    let mut row = Row::default();
    for suite in suites {
        row.suites += 1;
        // An invalid suite is neither red nor green: it is counted, and what it says is not.
        if !suite.invalid.is_empty() {
            row.invalid += 1;
            continue;
        }
        row.red += usize::from(suite.false_alarms() > 0);
        row.alarms += suite.false_alarms();
        for tried in &suite.tried {
            if tried.extra_percent == 0.0 {
                row.same += 1;
                continue;
            }
            row.slowed += 1;
            match tried.verdict {
                Verdict::Regressed => row.found += 1,
                Verdict::Improved => row.missed[0] += 1,
                Verdict::Equal => row.missed[1] += 1,
                _ => row.missed[2] += 1,
            }
        }
    }
    row
}

/// The sizes and conditions of a record, in order.
fn groups(suites: &[Suite]) -> Vec<(Condition, f64)> {
    let mut groups: Vec<_> = suites.iter().map(|suite| (suite.condition, suite.extra_percent)).collect();
    groups.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    groups.dedup();
    groups
}

fn of(suites: &[Suite], (condition, extra): (Condition, f64)) -> impl Iterator<Item = &Suite> {
    suites.iter().filter(move |suite| suite.condition == condition && suite.extra_percent == extra)
}

/// The table of false alarms and of what was found.
///
/// # Errors
/// A bound can't be computed.
pub fn table(suites: &[Suite]) -> Result<String> {
    let mut text = String::new();
    let per_cent = |part: f64| format!("{:.1}%", part * 100.0);
    let machines = {
        let mut machines: Vec<&str> = suites.iter().map(|suite| suite.machine.as_str()).collect();
        machines.sort_unstable();
        machines.dedup();
        machines.join("; ")
    };
    let bounds = per_cent(CONFIDENCE);
    writeln!(text, "{machines}\nBounds hold with {bounds} confidence each (Clopper and Pearson).\n")?;
    writeln!(text, "False alarms: programs that are the same on both sides.")?;
    writeln!(
        text,
        "{:<18} {:>7} {:>7} {:>8} {:>8} {:>11} {:>7} {:>8}",
        "", "slowed", "suites", "invalid", "red", "true rate", "cases", "alarms"
    )?;
    for group in groups(suites) {
        let row = row(of(suites, group));
        let valid = row.suites - row.invalid;
        let bound = match valid {
            0 => "unknown".to_owned(),
            _ => format!("<= {}", per_cent(upper_bound(row.red as u64, valid as u64, CONFIDENCE)?)),
        };
        let (name, size) = (group.0.name(), slowdown(group.1));
        writeln!(
            text,
            "{name:<18} {size:>7} {:>7} {:>8} {:>8} {bound:>11} {:>7} {:>8}",
            row.suites, row.invalid, row.red, row.same, row.alarms
        )?;
    }
    writeln!(text, "\nFound: cases that did more work than they were asked for.")?;
    writeln!(
        text,
        "{:<18} {:>7} {:>7} {:>8} {:>8} {:>11} {:>13} {:>6} {:>9}",
        "", "slowed", "cases", "found", "rate", "true rate", "inconclusive", "equal", "improved"
    )?;
    for group in groups(suites).into_iter().filter(|(_, extra)| *extra > 0.0) {
        let row = row(of(suites, group));
        let (name, size) = (group.0.name(), slowdown(group.1));
        let (rate, bound) = match row.slowed {
            0 => ("unknown".to_owned(), "unknown".to_owned()),
            slowed => (
                per_cent(row.found as f64 / slowed as f64),
                format!(">= {}", per_cent(lower_bound(row.found as u64, slowed as u64, CONFIDENCE)?)),
            ),
        };
        let [improved, equal, inconclusive] = row.missed;
        writeln!(
            text,
            "{name:<18} {size:>7} {:>7} {:>8} {rate:>8} {bound:>11} {inconclusive:>13} {equal:>6} {improved:>9}",
            row.slowed, row.found
        )?;
    }
    Ok(text)
}

fn slowdown(extra_percent: f64) -> String {
    if extra_percent == 0.0 { "none".to_owned() } else { format!("+{extra_percent}%") }
}

/// The part of the cases that was called slower, by the size of the slowdown: false alarms where it is none, what was found elsewhere. Nothing where
/// fewer than two sizes were measured.
///
/// # Errors
/// The picture can't be drawn.
pub fn chart(suites: &[Suite]) -> Result<Option<String>> {
    let groups = groups(suites);
    let mut sizes: Vec<f64> = groups.iter().map(|(_, extra)| *extra).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    let mut conditions: Vec<Condition> = groups.iter().map(|(condition, _)| *condition).collect();
    conditions.dedup();
    let line = |condition: &Condition| {
        let points = sizes.iter().enumerate().filter_map(|(step, extra)| {
            let row = row(of(suites, (*condition, *extra)));
            let (called, of) = if *extra > 0.0 { (row.found, row.slowed) } else { (row.alarms, row.same) };
            (of > 0).then(|| (step as f64, called as f64 / of as f64))
        });
        Line { label: condition.name(), points: points.collect() }
    };
    let drawn: Vec<Line> = conditions.iter().map(line).filter(|line| !line.points.is_empty()).collect();
    if sizes.len() < 2 || drawn.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = sizes.iter().map(|extra| slowdown(*extra)).collect();
    Ok(Some(shares(&drawn, &names)?))
}

#[cfg(test)]
mod tests {
    use super::super::samples::suite;
    use super::*;

    #[test]
    fn suites_are_counted_by_what_they_said() {
        use Verdict::{Equal, Inconclusive, Regressed};
        let suites = [
            suite(0, 5.0, &[(5.0, Regressed), (0.0, Equal)]),
            suite(1, 5.0, &[(5.0, Inconclusive), (0.0, Regressed)]),
            Suite { invalid: vec!["a control".into()], ..suite(2, 5.0, &[(5.0, Equal), (0.0, Regressed)]) },
        ];
        let row = row(suites.iter());
        let expected =
            Row { suites: 3, invalid: 1, red: 1, same: 2, alarms: 1, slowed: 2, found: 1, missed: [0, 0, 1] };
        assert_eq!(row, expected);
        let table = table(&suites).expect("a table");
        assert!(table.contains("one, 2 cores"), "{table}");
        assert!(
            table.lines().any(|line| line.starts_with("idle") && line.contains("+5%") && line.contains("50.0%")),
            "{table}"
        );
    }

    #[test]
    fn the_chart_needs_two_sizes() {
        let one = [suite(0, 5.0, &[(5.0, Verdict::Regressed)])];
        assert!(chart(&one).expect("drawn").is_none());
        let two = [one[0].clone(), suite(0, 10.0, &[(10.0, Verdict::Regressed)])];
        assert!(chart(&two).expect("drawn").is_some_and(|svg| svg.contains("+10%")));
    }
}
