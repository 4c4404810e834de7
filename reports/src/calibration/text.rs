//! The tables of a calibration, as text.

use std::fmt::Write as _;

use baselines::calibration::Suite;
use stats::binomial::lower_bound;

use super::server;
use super::tally::{
    Alarms, CONFIDENCE, VerdictCounts, alarms, cases_of, conditions, machines, per_cent, per_cent_at_least, sizes,
    slowdown, sorted, upper,
};
use crate::Result;

/// All tables: those of the suites that today's rules judged, and a list of older ones.
pub fn tables(suites: &[Suite], older: &[Suite]) -> Result<String> {
    let (served, timed) = super::by_lane(suites);
    let mut text = timed_tables(&timed, &older.iter().collect::<Vec<_>>(), &machines(suites, older))?;
    if !served.is_empty() {
        text.push('\n');
        text.push_str(&server::table(&served)?);
    }
    Ok(text)
}

pub(super) fn timed_tables(suites: &[&Suite], older: &[&Suite], machines: &str) -> Result<String> {
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

fn alarm_table(suites: &[&Suite]) -> Result<String> {
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
            let VerdictCounts { cases, slower, faster, undecided: open, .. } = same;
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

fn found_table(suites: &[&Suite]) -> Result<String> {
    if sizes(suites).into_iter().all(|size| size <= 0.0) {
        return Ok(String::new());
    }
    let mut text = format!(
        "\nFound: cases that did more work than they were asked for, or waited longer. Up to the limit, to be called slower\n\
         is an error.\n\
         {:<18} {:>6} {:>5} {:>6} {:>6} {:>9} {:>9} {:>5} {:>6}\n",
        "", "slowed", "cases", "slower", "rate", "true rate", "undecided", "equal", "faster"
    );
    for condition in conditions(suites) {
        for size in sizes(suites).into_iter().filter(|size| *size > 0.0) {
            let VerdictCounts { cases, slower, faster, equal, undecided } =
                cases_of(suites, condition, size, |_, _| true);
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
                format!(">= {}", per_cent_at_least(least)),
            );
        }
    }
    Ok(text)
}

/// Every case by itself, because an average hides the one that is never found.
fn case_table(suites: &[&Suite]) -> String {
    let sizes: Vec<f64> = sizes(suites).into_iter().filter(|size| *size > 0.0).collect();
    let mut text = "\nEvery case by itself: of those with equal sides, how many were called slower and how many are undecided; of\n\
         those with more work or a longer wait, how many were called slower. A wait of less than 1 us an operation is no wait.\n"
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
            let VerdictCounts { cases, slower, undecided, .. } = of(0.0);
            let shown = if metric == "waiting_time" { format!("{name}, waiting") } else { name.to_owned() };
            let _ = write!(text, "  {shown:<36} {cases:>5} {slower:>6} {undecided:>9}");
            for size in &sizes {
                let VerdictCounts { cases, slower, .. } = of(*size);
                let part = if cases == 0 { "-".to_owned() } else { format!("{slower}/{cases}") };
                let _ = write!(text, " {part:>7}");
            }
            text.push('\n');
        }
    }
    text
}

/// Suites that other rules judged: not counted, because their verdicts meant something else.
fn older_table(older: &[&Suite]) -> String {
    if older.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\nJudged by older rules, and counted in no table above:\n{:<18} {:<18} {:>6} {:>12}\n",
        "rules", "", "suites", "false alarms"
    );
    for rules in sorted(older.iter().map(|suite| suite.rules.as_str()), Ord::cmp) {
        for condition in conditions(older) {
            let of = |suite: &&&Suite| suite.rules == rules && suite.condition == condition;
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
