//! The page, table and chart of a calibration: the gate's false alarms with their bound, and the slowdowns that it
//! finds.

use std::fmt::Write as _;

use baselines::calibration::{Condition, Suite};
use baselines::compare::Verdict;
use baselines::stats::binomial::{lower_bound, upper_bound};

use crate::Result;
use crate::chart::{Line, shares};

/// The confidence of every bound in the table.
const CONFIDENCE: f64 = 0.95;

/// Suites of one condition, counted by what they say of cases with equal sides.
#[derive(Debug, Clone, Default, PartialEq)]
struct Alarms {
    suites: usize,
    invalid: usize,
    /// Suites with a false alarm: the gate would have failed for nothing.
    red: usize,
    /// Cases with equal sides.
    same: usize,
    slower: usize,
    faster: usize,
    /// Durations in seconds, the shortest first.
    durations_s: Vec<f64>,
}

/// Cases with one slowdown under one condition, counted by their verdict.
#[derive(Debug, Clone, Default, PartialEq)]
struct Found {
    cases: usize,
    found: usize,
    inconclusive: usize,
    equal: usize,
    faster: usize,
}

/// Counts the false alarms of some suites. The verdicts of an invalid suite are not counted.
fn alarms(suites: &[Suite], condition: Condition, chosen: impl Fn(&Suite) -> bool) -> Alarms {
    let mut row = Alarms::default();
    for suite in suites.iter().filter(|suite| suite.condition == condition && chosen(suite)) {
        row.suites += 1;
        row.durations_s.push(suite.duration_s);
        if !suite.invalid.is_empty() {
            row.invalid += 1;
            continue;
        }
        row.red += usize::from(suite.false_alarms() > 0);
        for case in suite.cases.iter().filter(|case| case.extra_percent == 0.0) {
            row.same += 1;
            row.slower += usize::from(case.verdict == Verdict::Regressed);
            row.faster += usize::from(case.verdict == Verdict::Improved);
        }
    }
    row.durations_s.sort_by(f64::total_cmp);
    row
}

fn found(suites: &[Suite], condition: Condition, extra_percent: f64) -> Found {
    let mut row = Found::default();
    let valid = suites.iter().filter(|suite| suite.condition == condition && suite.invalid.is_empty());
    for case in valid.flat_map(|suite| &suite.cases).filter(|case| case.extra_percent == extra_percent) {
        row.cases += 1;
        *match case.verdict {
            Verdict::Regressed => &mut row.found,
            Verdict::Improved => &mut row.faster,
            Verdict::Equal => &mut row.equal,
            _ => &mut row.inconclusive,
        } += 1;
    }
    row
}

/// Sorted, each once.
fn sorted<T>(values: impl Iterator<Item = T>, order: fn(&T, &T) -> std::cmp::Ordering) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_by(order);
    values.dedup_by(|a, b| order(a, b).is_eq());
    values
}

fn conditions(suites: &[Suite]) -> Vec<Condition> {
    sorted(suites.iter().map(|suite| suite.condition), Ord::cmp)
}

fn sizes(suites: &[Suite]) -> Vec<f64> {
    sorted(suites.iter().flat_map(|suite| &suite.cases).map(|case| case.extra_percent), f64::total_cmp)
}

fn machines(suites: &[Suite]) -> String {
    sorted(suites.iter().map(|suite| suite.machine.as_str()), Ord::cmp).join("; ")
}

fn per_cent(part: f64) -> String {
    format!("{:.1}%", part * 100.0)
}

/// The table of false alarms and of what was found.
pub fn table(suites: &[Suite]) -> Result<String> {
    let mut text = format!(
        "{}\nBounds hold with {} confidence each (Clopper and Pearson).\n\n\
         False alarms: cases that are the same on both sides. A suite is red if one of them is called slower.\n\
         {:<18} {:>11} {:>6} {:>7} {:>4} {:>9} {:>5} {:>6} {:>6} {:>8}\n",
        machines(suites),
        per_cent(CONFIDENCE),
        "",
        "beside",
        "suites",
        "invalid",
        "red",
        "true rate",
        "cases",
        "slower",
        "faster",
        "seconds"
    );
    for condition in conditions(suites) {
        for (beside, throughout) in [("nothing", true), ("slowdowns", false)] {
            let row = alarms(suites, condition, |suite| suite.same_throughout() == throughout);
            if row.suites == 0 {
                continue;
            }
            let bound = match row.suites - row.invalid {
                0 => "unknown".to_owned(),
                valid => {
                    let most = upper_bound(row.red as u64, valid as u64, CONFIDENCE).map_err(baselines::Error::from)?;
                    format!("<= {}", per_cent(most))
                }
            };
            let Alarms { suites, invalid, red, same, slower, faster, durations_s } = row;
            let _ = writeln!(
                text,
                "{:<18} {beside:>11} {suites:>6} {invalid:>7} {red:>4} {bound:>9} {same:>5} {slower:>6} {faster:>6} {:>8.0}",
                condition.name(),
                durations_s[durations_s.len() / 2]
            );
        }
    }
    let _ = writeln!(
        text,
        "\nFound: cases that did more work than they were asked for.\n{:<18} {:>6} {:>5} {:>5} {:>6} {:>9} {:>12} {:>5} {:>6}",
        "", "slowed", "cases", "found", "rate", "true rate", "inconclusive", "equal", "faster"
    );
    for condition in conditions(suites) {
        for size in sizes(suites).into_iter().filter(|size| *size > 0.0) {
            let Found { cases, found, inconclusive, equal, faster } = found(suites, condition, size);
            if cases == 0 {
                continue;
            }
            let least = per_cent(lower_bound(found as u64, cases as u64, CONFIDENCE).map_err(baselines::Error::from)?);
            let _ = writeln!(
                text,
                "{:<18} {:>6} {cases:>5} {found:>5} {:>6} {:>9} {inconclusive:>12} {equal:>5} {faster:>6}",
                condition.name(),
                slowdown(size),
                per_cent(found as f64 / cases as f64),
                format!(">= {least}"),
            );
        }
    }
    Ok(text)
}

/// The page beside a record: the chart, the table, and their source. `record` and `chart` are the names of files beside
/// it.
pub fn page(suites: &[Suite], record: &str, chart: Option<&str>) -> Result<String> {
    let days = sorted(suites.iter().map(|suite| suite.started_at.get(..10).unwrap_or_default()), Ord::cmp);
    let commits = sorted(suites.iter().map(|suite| suite.commit.get(..12).unwrap_or(&suite.commit)), Ord::cmp);
    let picture = chart.map_or_else(String::new, |chart| {
        format!("![The part of the cases that was called slower, by the size of the slowdown]({chart})\n\n")
    });
    Ok(format!(
        "# How often the gate is wrong: {}\n\n\
         Written by `assay calibrate --suites 0` from [{record}]({record}): {} suites from {} to {}, commits {}.\n\n\
         Each suite is the time lane of `assay gate --against`, judged by its rules, on cases whose truth is known: one program\n\
         on both sides, or two builds of one source in a layout a round, or a known part of more work on one of them\n\
         ([METHODOLOGY](../../METHODOLOGY.md)).\n\n{picture}```text\n{}```\n",
        machines(suites),
        suites.len(),
        days.first().unwrap_or(&""),
        days.last().unwrap_or(&""),
        commits.join(", "),
        table(suites)?
    ))
}

fn slowdown(extra_percent: f64) -> String {
    if extra_percent == 0.0 { "none".to_owned() } else { format!("+{extra_percent}%") }
}

/// The share of the cases that was called slower, by slowdown. At no slowdown, these are false alarms. Nothing where
/// fewer than two sizes were measured.
pub fn chart(suites: &[Suite]) -> Result<Option<String>> {
    let sizes = sizes(suites);
    let line = |condition: Condition| {
        let called = |extra: f64| {
            if extra > 0.0 {
                let row = found(suites, condition, extra);
                return (row.found, row.cases);
            }
            let row = alarms(suites, condition, |_| true);
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
    use Verdict::{Equal, Improved, Inconclusive, Regressed};
    use baselines::calibration::{Judge, JudgedCase, SCHEMA};

    use super::*;

    /// A suite of one case measured over and over.
    fn suite(number: usize, sizes: &[f64], verdicts: &[(f64, Verdict)]) -> Suite {
        let cases = verdicts.iter().map(|(extra_percent, verdict)| JudgedCase {
            case: "step_log_memory".into(),
            metric: "cpu_time".into(),
            extra_percent: *extra_percent,
            verdict: *verdict,
            relative: Some(0.01),
            noise: 0.0,
            screen: vec![],
            confirm: vec![],
        });
        Suite {
            schema: SCHEMA,
            rules: "r".into(),
            started_at: "2026-01-01T00:00:00Z".into(),
            duration_s: 60.0,
            commit: "c".into(),
            machine: "one, 2 cores".into(),
            number,
            sizes: sizes.to_vec(),
            condition: Condition::default(),
            invalid: vec![],
            controls: vec![],
            cases: cases.collect(),
        }
    }

    fn mixed() -> Vec<Suite> {
        let sizes = [0.0, 3.0, 5.0];
        vec![
            suite(0, &sizes, &[(5.0, Regressed), (0.0, Equal), (3.0, Equal)]),
            suite(1, &sizes, &[(5.0, Inconclusive), (0.0, Regressed), (3.0, Regressed)]),
            Suite { invalid: vec!["a control".into()], ..suite(2, &sizes, &[(5.0, Equal), (0.0, Regressed)]) },
        ]
    }

    #[test]
    fn suites_are_counted_by_their_verdicts() {
        let suites = mixed();
        let expected =
            Alarms { suites: 3, invalid: 1, red: 1, same: 2, slower: 1, faster: 0, durations_s: vec![60.0; 3] };
        assert_eq!(alarms(&suites, Condition::default(), |_| true), expected);
        let idle = Condition::default();
        assert_eq!(found(&suites, idle, 5.0), Found { cases: 2, found: 1, inconclusive: 1, ..Found::default() });
        assert_eq!(found(&suites, idle, 3.0), Found { cases: 2, found: 1, equal: 1, ..Found::default() });
        assert_eq!(found(&suites, Condition { background_load: true, ..idle }, 3.0), Found::default());
    }

    #[test]
    fn the_page_has_the_chart_and_the_table() {
        let mut suites = mixed();
        suites.push(suite(0, &[0.0], &[(0.0, Equal), (0.0, Improved)]));
        suites.push(Suite {
            condition: Condition { judge: Judge::Criterion, ..Condition::default() },
            ..suite(0, &[0.0], &[(0.0, Regressed), (0.0, Improved)])
        });
        let page = page(&suites, "m.jsonl", Some("m.svg")).expect("a page");
        let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/calibration.markdown");
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
