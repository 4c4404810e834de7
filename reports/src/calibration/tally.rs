//! The suites of a calibration, counted: false alarms, and cases by what was said of them.

use baselines::calibration::{Condition, JudgedCase, Suite};
use baselines::delta::Verdict;
use baselines::ruled_out::rounded_up;
use stats::binomial::upper_bound;

use crate::Result;

/// The confidence of every bound in the table.
pub const CONFIDENCE: f64 = 0.95;

/// Suites of one condition, counted by what they say of cases with equal sides.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alarms {
    pub suites: usize,
    pub invalid: usize,
    /// Suites with a false alarm: the gate would have failed for nothing.
    pub red: usize,
    /// Suites of which something stayed open: the gate would have been undecided.
    pub undecided: usize,
    /// Cases with equal sides.
    pub same: VerdictCounts,
    /// Durations in seconds, the shortest first.
    pub durations_s: Vec<f64>,
}

/// Cases, counted by their verdict.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VerdictCounts {
    pub cases: usize,
    pub slower: usize,
    pub faster: usize,
    pub equal: usize,
    pub undecided: usize,
}

impl VerdictCounts {
    fn of<'a>(cases: impl Iterator<Item = &'a JudgedCase>) -> VerdictCounts {
        let mut counts = VerdictCounts::default();
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
pub fn alarms(suites: &[&Suite], condition: Condition, chosen: impl Fn(&Suite) -> bool) -> Alarms {
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
pub fn cases_of(
    suites: &[&Suite],
    condition: Condition,
    extra_percent: f64,
    chosen: impl Fn(&Suite, &JudgedCase) -> bool,
) -> VerdictCounts {
    let valid = suites.iter().filter(|suite| suite.condition == condition && suite.invalid.is_empty());
    let cases = valid.flat_map(|suite| suite.cases.iter().filter(|case| chosen(suite, case)));
    VerdictCounts::of(cases.filter(|case| case.extra_percent == extra_percent))
}

/// Sorted, each once.
pub fn sorted<T>(values: impl Iterator<Item = T>, order: fn(&T, &T) -> std::cmp::Ordering) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_by(order);
    values.dedup_by(|a, b| order(a, b).is_eq());
    values
}

pub fn conditions(suites: &[&Suite]) -> Vec<Condition> {
    sorted(suites.iter().map(|suite| suite.condition), Ord::cmp)
}

pub fn sizes(suites: &[&Suite]) -> Vec<f64> {
    sorted(suites.iter().flat_map(|suite| &suite.cases).map(|case| case.extra_percent), f64::total_cmp)
}

/// The machines of the suites; of the older ones if there are no others.
pub fn machines(suites: &[Suite], older: &[Suite]) -> String {
    let suites = if suites.is_empty() { older } else { suites };
    sorted(suites.iter().map(|suite| suite.machine.as_str()), Ord::cmp).join("; ")
}

pub fn per_cent(part: f64) -> String {
    format!("{:.1}%", part * 100.0)
}

/// Rounded down: a bound never claims more than it holds.
pub fn per_cent_at_least(part: f64) -> String {
    per_cent((part * 1000.0 + 1e-6).floor() / 1000.0)
}

pub fn upper(events: usize, of: usize) -> Result<String> {
    Ok(match of {
        0 => "unknown".to_owned(),
        _ => {
            let most = upper_bound(events as u64, of as u64, CONFIDENCE).map_err(baselines::Error::from)?;
            format!("<= {}", per_cent(rounded_up(most, 1000.0)))
        }
    })
}

pub fn slowdown(extra_percent: f64) -> String {
    if extra_percent == 0.0 { "none".to_owned() } else { format!("+{extra_percent}%") }
}
