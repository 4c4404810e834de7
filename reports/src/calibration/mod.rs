//! The page, tables and chart of a calibration: the gate's false alarms and undecided gates with their bounds, and the
//! slowdowns that it finds, for all cases together and for each by itself; and, apart from these, the gates of a server
//! under load.

mod server;
mod tally;
mod text;

use std::fmt::Write as _;

use baselines::calibration::{Condition, Judge, Suite};

use self::tally::{Alarms, alarms, cases_of, conditions, machines, sizes, slowdown, sorted, upper};
use crate::Result;
use crate::charts::lines::{Line, shares};

pub use text::tables;

/// The gates of a server under load, and the suites of the time lane.
fn by_lane(suites: &[Suite]) -> (Vec<&Suite>, Vec<&Suite>) {
    suites.iter().partition(|suite| suite.condition.under_load)
}

/// Suites whose slowdowns are work. Waits are in the tables only: in most short operations they are none, as the table
/// of each case shows.
fn worked(timed: Vec<&Suite>) -> Vec<&Suite> {
    timed.into_iter().filter(|suite| !suite.condition.waits).collect()
}

/// The page beside a record: the chart, the table, and their source. `record` and `chart` are the names of files beside
/// it.
pub fn page(suites: &[Suite], older: &[Suite], record: &str, chart: Option<&str>) -> Result<String> {
    let all = || suites.iter().chain(older);
    let days = sorted(all().map(|suite| suite.started_at.get(..10).unwrap_or_default()), Ord::cmp);
    let commits = sorted(all().map(|suite| suite.commit.get(..12).unwrap_or(&suite.commit)), Ord::cmp);
    let picture = chart.map_or_else(String::new, |chart| {
        format!("![The share of the cases that was called slower, by the size of the slowdown]({chart})\n\n")
    });
    let (served, timed) = by_lane(suites);
    let section = match served.is_empty() {
        true => String::new(),
        false => format!("\n## A server under load\n\n```text\n{}```\n", server::table(&served)?),
    };
    let machines = machines(suites, older);
    Ok(format!(
        "# How often the gate is wrong: {machines}\n\n\
         Written by `assay calibrate --suites 0` from [{record}]({record}): {} suites from {} to {}, commits {}.\n\n\
         Each suite is the time lane of `assay gate --against`, judged by its rules, on cases whose truth is known: one program\n\
         on both sides, or two builds of one source with a new layout per round, or a known part of more work on one side\n\
         ([METHODOLOGY](../../METHODOLOGY.md)).\n\n{picture}```text\n{}```\n{section}",
        all().count(),
        days.first().unwrap_or(&""),
        days.last().unwrap_or(&""),
        commits.join(", "),
        text::timed_tables(&timed, &older.iter().collect::<Vec<_>>(), &machines)?
    ))
}

/// The false alarms and what was found as Markdown for a document: a row for each judge and kind of sides, on idle and
/// busy machines together. Suites of other rules than the newest one's have rows by themselves.
pub fn markdown(suites: &[Suite]) -> Result<String> {
    let (served, timed) = by_lane(suites);
    let timed = worked(timed);
    let mut text = "| both sides | false alarms | slowdowns found |\n|---|---|---|\n".to_owned();
    let newest = timed.iter().rfind(|suite| suite.condition.judge == Judge::Assay).map(|suite| &suite.rules);
    let is_older = |suite: &Suite| suite.condition.judge == Judge::Assay && Some(&suite.rules) != newest;
    let kind = |suite: &&Suite| (suite.condition.judge, suite.condition.two_builds, is_older(suite));
    for (judge, two_builds, older) in sorted(timed.iter().map(kind), Ord::cmp) {
        let suites: Vec<&Suite> = timed.iter().copied().filter(|suite| is_older(suite) == older).collect();
        let mut of_kind = conditions(&suites);
        of_kind.retain(|condition| (condition.judge, condition.two_builds) == (judge, two_builds));
        let all: Vec<Alarms> =
            of_kind.iter().map(|condition| alarms(&suites, *condition, Suite::same_throughout)).collect();
        let sum = |part: fn(&Alarms) -> usize| all.iter().map(part).sum::<usize>();
        let (valid, red) = (sum(|row| row.suites - row.invalid), sum(|row| row.red));
        let (cases, called) = (sum(|row| row.same.cases), sum(|row| row.same.slower + row.same.faster));
        let mut found = Vec::new();
        for size in sizes(&suites).into_iter().filter(|size| *size > 0.0) {
            let counts: Vec<_> =
                of_kind.iter().map(|condition| cases_of(&suites, *condition, size, |_, _| true)).collect();
            let (of, slower) = counts.iter().fold((0, 0), |sum, one| (sum.0 + one.cases, sum.1 + one.slower));
            if of > 0 {
                found.push(format!("{}: {slower} of {of}", slowdown(size)));
            }
        }
        let found = if found.is_empty() { "not measured".to_owned() } else { found.join(", ") };
        let sides = match (judge, two_builds) {
            (Judge::Assay, false) => "one program",
            (Judge::Assay, true) => "two builds",
            (Judge::Criterion, _) => "criterion, one program",
        };
        let rules = if older { ", earlier rules" } else { "" };
        let alarms = match valid {
            0 => "not measured".to_owned(),
            _ => {
                let rate = upper(red, valid)?.replace("<= ", "at most ");
                format!("{red} of {valid} suites red (rate {rate}), {called} of {cases} cases called changed")
            }
        };
        let _ = writeln!(text, "| {sides}{rules} | {alarms} | {found} |");
    }
    Ok(text + &server::rows(&served)?)
}

/// The share of the cases that was called slower, by slowdown. At no slowdown, these are false alarms. Nothing where
/// fewer than two sizes were measured.
pub fn chart(suites: &[Suite]) -> Result<Option<String>> {
    let timed = worked(by_lane(suites).1);
    let sizes = sizes(&timed);
    let line = |condition: Condition| {
        let called = |extra: f64| {
            let counts = cases_of(&timed, condition, extra, |_, _| true);
            (counts.slower, counts.cases)
        };
        let points = sizes.iter().enumerate().filter_map(|(step, extra)| {
            let (called, of) = called(*extra);
            (of > 0).then(|| (step as f64, called as f64 / of as f64))
        });
        Line { label: condition.name(), points: points.collect() }
    };
    let drawn: Vec<Line> = conditions(&timed).into_iter().map(line).filter(|line| !line.points.is_empty()).collect();
    if sizes.len() < 2 || drawn.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = sizes.iter().map(|extra| slowdown(*extra)).collect();
    Ok(Some(shares(&drawn, &names)?))
}

#[cfg(test)]
mod tests {
    use Verdict::{Equal, Improved, Inconclusive, Regressed};
    use baselines::calibration::{JudgedCase, SCHEMA};
    use baselines::delta::Verdict;

    use super::tally::VerdictCounts;
    use super::*;

    /// A suite of one case measured over and over.
    pub(super) fn suite(number: usize, sizes: &[f64], verdicts: &[(f64, Verdict)]) -> Suite {
        let cases = verdicts.iter().map(|(extra_percent, verdict)| JudgedCase {
            case: "step_log_memory".into(),
            metric: "cpu_time".into(),
            extra_percent: *extra_percent,
            verdict: *verdict,
            relative: Some(0.01),
            bound: None,
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
        let suites: Vec<&Suite> = suites.iter().collect();
        let same = VerdictCounts { cases: 2, slower: 1, equal: 1, ..VerdictCounts::default() };
        let expected = Alarms { suites: 3, invalid: 1, red: 1, undecided: 0, same, durations_s: vec![60.0; 3] };
        assert_eq!(alarms(&suites, Condition::default(), |_| true), expected);
        let idle = Condition::default();
        let found = |condition, size| cases_of(&suites, condition, size, |_, _| true);
        let counts = VerdictCounts { cases: 2, slower: 1, ..VerdictCounts::default() };
        assert_eq!(found(idle, 5.0), VerdictCounts { undecided: 1, ..counts.clone() });
        assert_eq!(found(idle, 3.0), VerdictCounts { equal: 1, ..counts });
        assert_eq!(found(Condition { background_load: true, ..idle }, 3.0), VerdictCounts::default());
        let open = suite(0, &[0.0], &[(0.0, Inconclusive), (0.0, Equal)]);
        assert_eq!(alarms(&[&open], idle, |_| true).undecided, 1);
    }

    #[test]
    fn the_page_has_the_chart_and_the_table() {
        let mut suites = mixed();
        suites.push(suite(0, &[0.0], &[(0.0, Equal), (0.0, Improved)]));
        suites.push(Suite {
            condition: Condition { judge: Judge::Criterion, ..Condition::default() },
            ..suite(0, &[0.0], &[(0.0, Regressed), (0.0, Improved)])
        });
        let older = [Suite { rules: "older".into(), ..suite(0, &[0.0], &[(0.0, Regressed)]) }];
        suites.extend(super::server::tests::gates());
        let page = page(&suites, &older, "m.jsonl", Some("m.svg")).expect("a page");
        let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/calibration.markdown");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &page).expect("written");
        }
        assert_eq!(page, std::fs::read_to_string(&golden).expect("UPDATE_GOLDEN=1 writes it"));
    }

    #[test]
    fn a_document_has_suites_of_earlier_rules_in_rows_by_themselves() {
        let suites =
            [suite(0, &[0.0], &[(0.0, Equal)]), Suite { rules: "s".into(), ..suite(0, &[5.0], &[(5.0, Regressed)]) }];
        let table = markdown(&suites).expect("a table");
        let rows: Vec<&str> = table.lines().skip(2).collect();
        let earlier = "0 of 1 suites red (rate at most 95.0%), 0 of 1 cases called changed | not measured";
        assert_eq!(
            rows,
            ["| one program | not measured | +5%: 1 of 1 |", &format!("| one program, earlier rules | {earlier} |")]
        );
    }

    #[test]
    fn waits_are_in_the_tables_only() {
        let waits = Condition { waits: true, ..Condition::default() };
        let planted = Suite { condition: waits, ..suite(0, &[5.0, 20.0], &[(5.0, Equal), (20.0, Equal)]) };
        let suites = [planted, suite(0, &[0.0], &[(0.0, Equal)])];
        assert!(tables(&suites, &[]).expect("tables").contains("idle, waits"));
        let row =
            "| one program | 0 of 1 suites red (rate at most 95.0%), 0 of 1 cases called changed | not measured |";
        assert_eq!(markdown(&suites).expect("a table").lines().skip(2).collect::<Vec<_>>(), [row]);
        assert!(chart(&suites).expect("drawn").is_none());
    }

    #[test]
    fn the_chart_needs_two_sizes() {
        let one = [suite(0, &[5.0], &[(5.0, Regressed)])];
        assert!(chart(&one).expect("drawn").is_none());
        let two = [one[0].clone(), suite(0, &[10.0], &[(10.0, Regressed)])];
        assert!(chart(&two).expect("drawn").is_some_and(|svg| svg.contains("+10%")));
    }
}
