//! What a record says about the gate: false alarms with their bound, what is found of slowdowns of a known size, and both as a picture and a page.

use std::fmt::Write as _;

use anyhow::Result;
use baselines::compare::Verdict;
use baselines::stats::binomial::{lower_bound, upper_bound};
use reports::chart::{Line, shares};

use super::{Condition, Suite};

/// The confidence of every bound in the table.
const CONFIDENCE: f64 = 0.95;

/// One row of false alarms: suites of one condition that are one program against itself throughout, or have slowdowns among them.
#[derive(Debug, Clone, Default, PartialEq)]
struct Alarms {
    suites: usize,
    invalid: usize,
    /// Suites in which something that is the same on both sides was called slower: a gate that fails for nothing.
    red: usize,
    /// Cases that are the same on both sides.
    same: usize,
    slower: usize,
    faster: usize,
    /// Seconds that the suites took, the shortest first.
    durations_s: Vec<f64>,
}

/// One row of what is found: cases with a slowdown of one size under one condition.
#[derive(Debug, Clone, Default, PartialEq)]
struct Found {
    cases: usize,
    found: usize,
    inconclusive: usize,
    equal: usize,
    faster: usize,
}

/// An invalid suite is neither red nor green: it is counted, and what it says is not.
fn alarms<'a>(suites: impl Iterator<Item = &'a Suite>) -> Alarms {
    let mut row = Alarms::default();
    for suite in suites {
        row.suites += 1;
        row.durations_s.push(suite.duration_s);
        if !suite.invalid.is_empty() {
            row.invalid += 1;
            continue;
        }
        row.red += usize::from(suite.false_alarms() > 0);
        for tried in suite.tried.iter().filter(|tried| tried.extra_percent == 0.0) {
            row.same += 1;
            row.slower += usize::from(tried.verdict == Verdict::Regressed);
            row.faster += usize::from(tried.verdict == Verdict::Improved);
        }
    }
    row.durations_s.sort_by(f64::total_cmp);
    row
}

fn found(suites: &[Suite], condition: Condition, extra_percent: f64) -> Found {
    let mut row = Found::default();
    let valid = suites.iter().filter(|suite| suite.condition == condition && suite.invalid.is_empty());
    for tried in valid.flat_map(|suite| &suite.tried).filter(|tried| tried.extra_percent == extra_percent) {
        row.cases += 1;
        *match tried.verdict {
            Verdict::Regressed => &mut row.found,
            Verdict::Improved => &mut row.faster,
            Verdict::Equal => &mut row.equal,
            _ => &mut row.inconclusive,
        } += 1;
    }
    row
}

/// The conditions of a record, in order.
fn conditions(suites: &[Suite]) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = suites.iter().map(|suite| suite.condition).collect();
    conditions.sort_unstable();
    conditions.dedup();
    conditions
}

/// The sizes that were measured, the smallest first.
fn sizes(suites: &[Suite]) -> Vec<f64> {
    let mut sizes: Vec<f64> = suites.iter().flat_map(|suite| &suite.tried).map(|tried| tried.extra_percent).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    sizes
}

fn per_cent(part: f64) -> String {
    format!("{:.1}%", part * 100.0)
}

/// The table of false alarms and of what was found.
///
/// # Errors
/// A bound can't be computed.
pub fn table(suites: &[Suite]) -> Result<String> {
    let mut text = String::new();
    let bounds = per_cent(CONFIDENCE);
    writeln!(text, "{}\nBounds hold with {bounds} confidence each (Clopper and Pearson).\n", machines(suites))?;
    writeln!(
        text,
        "False alarms: cases that are the same on both sides. A suite is red if one of them is called slower."
    )?;
    writeln!(
        text,
        "{:<18} {:>11} {:>6} {:>7} {:>4} {:>9} {:>5} {:>6} {:>6} {:>8}",
        "", "beside", "suites", "invalid", "red", "true rate", "cases", "slower", "faster", "seconds"
    )?;
    for condition in conditions(suites) {
        for (beside, throughout) in [("nothing", true), ("slowdowns", false)] {
            let row = alarms(
                suites.iter().filter(|suite| suite.condition == condition && suite.same_throughout() == throughout),
            );
            if row.suites == 0 {
                continue;
            }
            let bound = match row.suites - row.invalid {
                0 => "unknown".to_owned(),
                valid => format!("<= {}", per_cent(upper_bound(row.red as u64, valid as u64, CONFIDENCE)?)),
            };
            writeln!(
                text,
                "{:<18} {beside:>11} {:>6} {:>7} {:>4} {bound:>9} {:>5} {:>6} {:>6} {:>8.0}",
                condition.name(),
                row.suites,
                row.invalid,
                row.red,
                row.same,
                row.slower,
                row.faster,
                row.durations_s[row.durations_s.len() / 2]
            )?;
        }
    }
    writeln!(text, "\nFound: cases that did more work than they were asked for.")?;
    writeln!(
        text,
        "{:<18} {:>6} {:>5} {:>5} {:>6} {:>9} {:>12} {:>5} {:>6}",
        "", "slowed", "cases", "found", "rate", "true rate", "inconclusive", "equal", "faster"
    )?;
    for condition in conditions(suites) {
        for size in sizes(suites).into_iter().filter(|size| *size > 0.0) {
            let row = found(suites, condition, size);
            if row.cases == 0 {
                continue;
            }
            let bound = lower_bound(row.found as u64, row.cases as u64, CONFIDENCE)?;
            writeln!(
                text,
                "{:<18} {:>6} {:>5} {:>5} {:>6} {:>9} {:>12} {:>5} {:>6}",
                condition.name(),
                slowdown(size),
                row.cases,
                row.found,
                per_cent(row.found as f64 / row.cases as f64),
                format!(">= {}", per_cent(bound)),
                row.inconclusive,
                row.equal,
                row.faster
            )?;
        }
    }
    Ok(text)
}

fn machines(suites: &[Suite]) -> String {
    let mut machines: Vec<&str> = suites.iter().map(|suite| suite.machine.as_str()).collect();
    machines.sort_unstable();
    machines.dedup();
    machines.join("; ")
}

/// The page that lies beside a record: the chart, the table, and what they come from. `record` and `chart` are names of files beside it.
///
/// # Errors
/// A bound can't be computed.
pub fn page(suites: &[Suite], record: &str, chart: Option<&str>) -> Result<String> {
    let days: Vec<&str> = suites.iter().map(|suite| suite.started_at.get(..10).unwrap_or_default()).collect();
    let (first, last) = (days.iter().min().unwrap_or(&""), days.iter().max().unwrap_or(&""));
    let mut commits: Vec<&str> = suites.iter().map(|suite| suite.commit.get(..12).unwrap_or(&suite.commit)).collect();
    commits.sort_unstable();
    commits.dedup();
    let mut text = format!("# How often the gate is wrong: {}\n\n", machines(suites));
    writeln!(
        text,
        "Written by `assay calibrate --suites 0` from [{record}]({record}): {} suites from {first} to {last}, commits {}.\n",
        suites.len(),
        commits.join(", ")
    )?;
    writeln!(
        text,
        "Each suite is the time lane of `assay gate --against`, judged by its rules, on cases whose truth is known: one program\n\
         on both sides, or two builds of one source in a layout a round, or a known part of more work on one of them\n\
         ([METHODOLOGY](../../METHODOLOGY.md)).\n"
    )?;
    if let Some(chart) = chart {
        writeln!(text, "![The part of the cases that was called slower, by the size of the slowdown]({chart})\n")?;
    }
    writeln!(text, "```text\n{}```", table(suites)?)?;
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
    let sizes = sizes(suites);
    let line = |condition: Condition| {
        let called = |extra: f64| {
            if extra > 0.0 {
                let row = found(suites, condition, extra);
                return (row.found, row.cases);
            }
            let row = alarms(suites.iter().filter(|suite| suite.condition == condition));
            (row.slower, row.same)
        };
        let points = sizes.iter().enumerate().filter_map(|(step, extra)| {
            let (called, of) = called(*extra);
            (of > 0).then(|| (step as f64, called as f64 / of as f64))
        });
        Line { label: condition.name(), points: points.collect() }
    };
    let drawn: Vec<Line> = conditions(suites).into_iter().map(line).filter(|line| !line.points.is_empty()).collect();
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

    use Verdict::{Equal, Improved, Inconclusive, Regressed};

    fn mixed() -> Vec<Suite> {
        let sizes = [0.0, 3.0, 5.0];
        vec![
            suite(0, &sizes, &[(5.0, Regressed), (0.0, Equal), (3.0, Equal)]),
            suite(1, &sizes, &[(5.0, Inconclusive), (0.0, Regressed), (3.0, Regressed)]),
            Suite { invalid: vec!["a control".into()], ..suite(2, &sizes, &[(5.0, Equal), (0.0, Regressed)]) },
        ]
    }

    #[test]
    fn suites_are_counted_by_what_they_said() {
        let suites = mixed();
        let expected =
            Alarms { suites: 3, invalid: 1, red: 1, same: 2, slower: 1, faster: 0, durations_s: vec![60.0; 3] };
        assert_eq!(alarms(suites.iter()), expected);
        let idle = Condition::default();
        assert_eq!(found(&suites, idle, 5.0), Found { cases: 2, found: 1, inconclusive: 1, ..Found::default() });
        assert_eq!(found(&suites, idle, 3.0), Found { cases: 2, found: 1, equal: 1, ..Found::default() });
        assert_eq!(found(&suites, Condition { hog: true, ..idle }, 3.0), Found::default());
    }

    #[test]
    fn the_page_has_the_chart_and_the_table() {
        let mut suites = mixed();
        suites.push(suite(0, &[0.0], &[(0.0, Equal), (0.0, Improved)]));
        suites.push(Suite {
            condition: Condition { judge: super::super::Judge::Criterion, ..Condition::default() },
            ..suite(0, &[0.0], &[(0.0, Regressed), (0.0, Improved)])
        });
        let page = page(&suites, "m.jsonl", Some("m.svg")).expect("a page");
        let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/calibration/page.golden");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &page).expect("written");
        }
        assert_eq!(page, std::fs::read_to_string(&golden).expect("UPDATE_GOLDEN=1 writes it"));
    }

    #[test]
    fn the_chart_needs_two_sizes() {
        let one = [suite(0, &[5.0], &[(5.0, Regressed)])];
        assert!(chart(&one).expect("drawn").is_none());
        let two = [one[0].clone(), suite(0, &[10.0], &[(10.0, Regressed)])];
        assert!(chart(&two).expect("drawn").is_some_and(|svg| svg.contains("+10%")));
    }
}
