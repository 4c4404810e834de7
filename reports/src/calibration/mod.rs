//! The page, tables and chart of a calibration: the gate's false alarms and undecided gates with their bounds, and the
//! slowdowns that it finds, for all cases together and for each by itself; and, apart from these, the gates of a server
//! under load.

mod served;

use std::fmt::Write as _;

use baselines::calibration::{Condition, Judge, JudgedCase, Suite};
use baselines::compare::Verdict;
use stats::binomial::{lower_bound, upper_bound};

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
    /// Suites of which something stayed open: the gate would have been undecided.
    undecided: usize,
    /// Cases with equal sides.
    same: CaseCounts,
    /// Durations in seconds, the shortest first.
    durations_s: Vec<f64>,
}

/// Cases, counted by their verdict.
#[derive(Debug, Clone, Default, PartialEq)]
struct CaseCounts {
    cases: usize,
    slower: usize,
    faster: usize,
    equal: usize,
    undecided: usize,
}

impl CaseCounts {
    fn of<'a>(cases: impl Iterator<Item = &'a JudgedCase>) -> CaseCounts {
        let mut counts = CaseCounts::default();
        for case in cases {
            counts.cases += 1;
            *match case.verdict {
                Verdict::Regressed => &mut counts.slower,
                Verdict::Improved => &mut counts.faster,
                Verdict::Equal => &mut counts.equal,
                _ => &mut counts.undecided,
            } += 1;
        }
        counts
    }
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
        row.undecided += usize::from(suite.is_undecided());
    }
    row.same = cases_of(suites, condition, 0.0, |suite, _| chosen(suite));
    row.durations_s.sort_by(f64::total_cmp);
    row
}

/// The chosen cases of valid suites that were given one size.
fn cases_of(
    suites: &[Suite],
    condition: Condition,
    extra_percent: f64,
    chosen: impl Fn(&Suite, &JudgedCase) -> bool,
) -> CaseCounts {
    let valid = suites.iter().filter(|suite| suite.condition == condition && suite.invalid.is_empty());
    let cases = valid.flat_map(|suite| suite.cases.iter().filter(|case| chosen(suite, case)));
    CaseCounts::of(cases.filter(|case| case.extra_percent == extra_percent))
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

fn upper(events: usize, of: usize) -> Result<String> {
    Ok(match of {
        0 => "unknown".to_owned(),
        _ => {
            let most = upper_bound(events as u64, of as u64, CONFIDENCE).map_err(baselines::Error::from)?;
            format!("<= {}", per_cent(most))
        }
    })
}

/// All tables: those of the suites that today's rules judged, and a list of older ones.
pub fn tables(suites: &[Suite], older: &[Suite]) -> Result<String> {
    let (served, timed) = by_lane(suites);
    let mut text = timed_tables(&timed, older, &machines(if suites.is_empty() { older } else { suites }))?;
    if !served.is_empty() {
        text.push('\n');
        text.push_str(&served::table(&served)?);
    }
    Ok(text)
}

/// The gates of a server under load, and the suites of the time lane.
fn by_lane(suites: &[Suite]) -> (Vec<Suite>, Vec<Suite>) {
    suites.iter().cloned().partition(|suite| suite.condition.under_load)
}

fn timed_tables(suites: &[Suite], older: &[Suite], machines: &str) -> Result<String> {
    let mut text = format!("{machines}\n");
    if suites.is_empty() {
        text.push_str("No suite of the time lane was judged by today's rules.\n");
    } else {
        text.push_str(&alarm_table(suites)?);
        text.push_str(&found_table(suites)?);
        text.push_str(&case_table(suites));
    }
    text.push_str(&older_table(older));
    Ok(text)
}

fn alarm_table(suites: &[Suite]) -> Result<String> {
    let mut text = format!(
        "Bounds hold with {} confidence each (Clopper and Pearson).\n\n\
         False alarms: cases that are the same on both sides. A suite is red if one of them is called slower, and\n\
         undecided if one stays open and none is red.\n\
         {:<18} {:>9} {:>6} {:>7} {:>4} {:>9} {:>9} {:>9} {:>6} {:>6} {:>6} {:>9} {:>8}\n",
        per_cent(CONFIDENCE),
        "",
        "beside",
        "suites",
        "invalid",
        "red",
        "true rate",
        "undecided",
        "true rate",
        "judged",
        "slower",
        "faster",
        "undecided",
        "seconds"
    );
    for condition in conditions(suites) {
        for (beside, throughout) in [("nothing", true), ("slowdowns", false)] {
            let Alarms { suites, invalid, red, undecided, same, durations_s } =
                alarms(suites, condition, |suite| suite.same_throughout() == throughout);
            if suites == 0 {
                continue;
            }
            let (name, valid) = (condition.name(), suites - invalid);
            let (red_rate, open_rate) = (upper(red, valid)?, upper(undecided, valid)?);
            let CaseCounts { cases, slower, faster, undecided: open, .. } = same;
            let seconds = durations_s[durations_s.len() / 2];
            let _ = writeln!(
                text,
                "{name:<18} {beside:>9} {suites:>6} {invalid:>7} {red:>4} {red_rate:>9} {undecided:>9} {open_rate:>9} \
                 {cases:>6} {slower:>6} {faster:>6} {open:>9} {seconds:>8.0}"
            );
        }
    }
    Ok(text)
}

fn found_table(suites: &[Suite]) -> Result<String> {
    let mut text = format!(
        "\nFound: cases that did more work than they were asked for. Up to the limit, to be called slower is an error.\n\
         {:<18} {:>6} {:>5} {:>6} {:>6} {:>9} {:>9} {:>5} {:>6}\n",
        "", "slowed", "cases", "slower", "rate", "true rate", "undecided", "equal", "faster"
    );
    for condition in conditions(suites) {
        for size in sizes(suites).into_iter().filter(|size| *size > 0.0) {
            let CaseCounts { cases, slower, faster, equal, undecided } = cases_of(suites, condition, size, |_, _| true);
            if cases == 0 {
                continue;
            }
            let least = lower_bound(slower as u64, cases as u64, CONFIDENCE).map_err(baselines::Error::from)?;
            let _ = writeln!(
                text,
                "{:<18} {:>6} {cases:>5} {slower:>6} {:>6} {:>9} {undecided:>9} {equal:>5} {faster:>6}",
                condition.name(),
                slowdown(size),
                per_cent(slower as f64 / cases as f64),
                format!(">= {}", per_cent(least)),
            );
        }
    }
    Ok(text)
}

/// Every case by itself, because an average hides the one that is never found.
fn case_table(suites: &[Suite]) -> String {
    let sizes: Vec<f64> = sizes(suites).into_iter().filter(|size| *size > 0.0).collect();
    let mut text = "\nEvery case by itself: of those with equal sides, how many were called slower and how many are undecided; of\n\
         those with more work, how many were called slower.\n"
        .to_owned();
    for condition in conditions(suites) {
        let _ = write!(text, "{:<38} {:>5} {:>6} {:>9}", condition.name(), "same", "slower", "undecided");
        for size in &sizes {
            let _ = write!(text, " {:>7}", slowdown(*size));
        }
        text.push('\n');
        let of_condition = suites.iter().filter(|suite| suite.condition == condition);
        let named = of_condition.flat_map(|suite| &suite.cases).map(|case| (case.case.as_str(), case.metric.as_str()));
        for (name, metric) in sorted(named, Ord::cmp) {
            let of =
                |size: f64| cases_of(suites, condition, size, |_, case| case.case == name && case.metric == metric);
            let CaseCounts { cases, slower, undecided, .. } = of(0.0);
            let shown = if metric == "waiting_time" { format!("{name}, waiting") } else { name.to_owned() };
            let _ = write!(text, "  {shown:<36} {cases:>5} {slower:>6} {undecided:>9}");
            for size in &sizes {
                let CaseCounts { cases, slower, .. } = of(*size);
                let part = if cases == 0 { "-".to_owned() } else { format!("{slower}/{cases}") };
                let _ = write!(text, " {part:>7}");
            }
            text.push('\n');
        }
    }
    text
}

/// Suites that other rules judged: not counted, because their verdicts meant something else.
fn older_table(older: &[Suite]) -> String {
    if older.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\nJudged by older rules, and counted in no table above:\n{:<18} {:<18} {:>6} {:>12}\n",
        "rules", "", "suites", "false alarms"
    );
    for rules in sorted(older.iter().map(|suite| suite.rules.as_str()), Ord::cmp) {
        for condition in conditions(older) {
            let of = |suite: &&Suite| suite.rules == rules && suite.condition == condition;
            let (suites, red) = older
                .iter()
                .filter(of)
                .fold((0, 0), |(suites, red), suite| (suites + 1, red + usize::from(suite.false_alarms() > 0)));
            if suites > 0 {
                let _ = writeln!(text, "{rules:<18} {:<18} {suites:>6} {red:>12}", condition.name());
            }
        }
    }
    text
}

/// The page beside a record: the chart, the table, and their source. `record` and `chart` are the names of files beside
/// it.
pub fn page(suites: &[Suite], older: &[Suite], record: &str, chart: Option<&str>) -> Result<String> {
    let all = || suites.iter().chain(older);
    let days = sorted(all().map(|suite| suite.started_at.get(..10).unwrap_or_default()), Ord::cmp);
    let commits = sorted(all().map(|suite| suite.commit.get(..12).unwrap_or(&suite.commit)), Ord::cmp);
    let picture = chart.map_or_else(String::new, |chart| {
        format!("![The part of the cases that was called slower, by the size of the slowdown]({chart})\n\n")
    });
    let (served, timed) = by_lane(suites);
    let section = match served.is_empty() {
        true => String::new(),
        false => format!("\n## A server under load\n\n```text\n{}```\n", served::table(&served)?),
    };
    let machines = machines(if suites.is_empty() { older } else { suites });
    Ok(format!(
        "# How often the gate is wrong: {machines}\n\n\
         Written by `assay calibrate --suites 0` from [{record}]({record}): {} suites from {} to {}, commits {}.\n\n\
         Each suite is the time lane of `assay gate --against`, judged by its rules, on cases whose truth is known: one program\n\
         on both sides, or two builds of one source in a layout a round, or a known part of more work on one of them\n\
         ([METHODOLOGY](../../METHODOLOGY.md)).\n\n{picture}```text\n{}```\n{section}",
        all().count(),
        days.first().unwrap_or(&""),
        days.last().unwrap_or(&""),
        commits.join(", "),
        timed_tables(&timed, older, &machines)?
    ))
}

/// The false alarms and what was found as Markdown for a document: a row for each judge and kind of sides, on idle and
/// busy machines together.
pub fn markdown(suites: &[Suite]) -> Result<String> {
    let (served, suites) = by_lane(suites);
    let suites = &suites[..];
    let mut text = "| both sides | false alarms | slowdowns found |\n|---|---|---|\n".to_owned();
    let kinds = sorted(suites.iter().map(|suite| (suite.condition.judge, suite.condition.two_builds)), Ord::cmp);
    for (judge, two_builds) in kinds {
        let mut of_kind = conditions(suites);
        of_kind.retain(|condition| (condition.judge, condition.two_builds) == (judge, two_builds));
        let all: Vec<Alarms> =
            of_kind.iter().map(|condition| alarms(suites, *condition, Suite::same_throughout)).collect();
        let sum = |part: fn(&Alarms) -> usize| all.iter().map(part).sum::<usize>();
        let (valid, red) = (sum(|row| row.suites - row.invalid), sum(|row| row.red));
        let (cases, called) = (sum(|row| row.same.cases), sum(|row| row.same.slower + row.same.faster));
        let mut found = Vec::new();
        for size in sizes(suites).into_iter().filter(|size| *size > 0.0) {
            let counts: Vec<_> =
                of_kind.iter().map(|condition| cases_of(suites, *condition, size, |_, _| true)).collect();
            let (of, slower) = counts.iter().fold((0, 0), |sum, one| (sum.0 + one.cases, sum.1 + one.slower));
            if of > 0 {
                found.push(format!("{}: {slower} of {of}", slowdown(size)));
            }
        }
        let found = if found.is_empty() { "not measured".to_owned() } else { found.join(", ") };
        let sides = match (judge, two_builds) {
            (Judge::Assay, false) => "one program",
            (Judge::Assay, true) => "two builds, no layout shared",
            (Judge::Criterion, _) => "criterion, one program",
        };
        let rate = upper(red, valid)?.replace("<= ", "at most ");
        let _ = writeln!(
            text,
            "| {sides} | {red} of {valid} suites red (rate {rate}), {called} of {cases} cases called changed | {found} |"
        );
    }
    Ok(text + &served::rows(&served)?)
}

fn slowdown(extra_percent: f64) -> String {
    if extra_percent == 0.0 { "none".to_owned() } else { format!("+{extra_percent}%") }
}

/// The share of the cases that was called slower, by slowdown. At no slowdown, these are false alarms. Nothing where
/// fewer than two sizes were measured.
pub fn chart(suites: &[Suite]) -> Result<Option<String>> {
    let (_, suites) = by_lane(suites);
    let suites = &suites[..];
    let sizes = sizes(suites);
    let line = |condition: Condition| {
        let called = |extra: f64| {
            let counts = cases_of(suites, condition, extra, |_, _| true);
            (counts.slower, counts.cases)
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
    use baselines::calibration::SCHEMA;

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
        let same = CaseCounts { cases: 2, slower: 1, equal: 1, ..CaseCounts::default() };
        let expected = Alarms { suites: 3, invalid: 1, red: 1, undecided: 0, same, durations_s: vec![60.0; 3] };
        assert_eq!(alarms(&suites, Condition::default(), |_| true), expected);
        let idle = Condition::default();
        let found = |condition, size| cases_of(&suites, condition, size, |_, _| true);
        let counts = CaseCounts { cases: 2, slower: 1, ..CaseCounts::default() };
        assert_eq!(found(idle, 5.0), CaseCounts { undecided: 1, ..counts.clone() });
        assert_eq!(found(idle, 3.0), CaseCounts { equal: 1, ..counts });
        assert_eq!(found(Condition { background_load: true, ..idle }, 3.0), CaseCounts::default());
        let open = [suite(0, &[0.0], &[(0.0, Inconclusive), (0.0, Equal)])];
        assert_eq!(alarms(&open, idle, |_| true).undecided, 1);
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
        suites.extend(super::served::tests::gates());
        let page = page(&suites, &older, "m.jsonl", Some("m.svg")).expect("a page");
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
