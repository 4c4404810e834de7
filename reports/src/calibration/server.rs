//! The gates of a server under load: how often one was red without a reason, and what they found of planted CPU time.

use std::fmt::Write as _;

use baselines::calibration::{Condition, Suite};
use baselines::delta::Verdict;
use stats::binomial::lower_bound;

use super::tally::{CONFIDENCE, conditions, per_cent, per_cent_at_least, slowdown, sorted, upper};
use crate::Result;

/// The metric whose slowdown is known.
const PLANTED: &str = "cpu_per_request";

/// The gates of one condition and size, by their outcome.
#[derive(Debug, Clone, Default, PartialEq)]
struct Gates {
    gates: usize,
    invalid: usize,
    /// A metric blocks.
    red: usize,
    /// Something stayed open, and nothing blocks.
    undecided: usize,
    /// CPU time per request blocks.
    found: usize,
    /// Durations in seconds, the shortest first.
    durations_s: Vec<f64>,
}

impl Gates {
    fn of(suites: &[&Suite], condition: Condition, size: f64) -> Gates {
        let mut row = Gates::default();
        for suite in suites.iter().filter(|suite| suite.condition == condition && size_of(suite) == size) {
            row.gates += 1;
            row.durations_s.push(suite.duration_s);
            if !suite.invalid.is_empty() {
                row.invalid += 1;
                continue;
            }
            let slower = |metric: Option<&str>| {
                let mut named = suite.cases.iter().filter(|case| metric.is_none_or(|metric| case.metric == metric));
                usize::from(named.any(|case| case.verdict == Verdict::Regressed))
            };
            row.red += slower(None);
            row.found += slower(Some(PLANTED));
            row.undecided += usize::from(suite.is_undecided());
        }
        row.durations_s.sort_by(f64::total_cmp);
        row
    }

    fn valid(&self) -> usize {
        self.gates - self.invalid
    }

    /// A bound for the rate of false alarms, or for the share of planted slowdowns that are found.
    fn bound(&self, size: f64) -> Result<String> {
        if size == 0.0 {
            return upper(self.red, self.valid());
        }
        if self.valid() == 0 {
            return Ok("unknown".to_owned());
        }
        let least = lower_bound(self.found as u64, self.valid() as u64, CONFIDENCE).map_err(baselines::Error::from)?;
        Ok(format!(">= {}", per_cent_at_least(least)))
    }
}

/// The CPU time that was planted in a gate, in per cent. One that was abandoned has no case to tell; gates get the
/// sizes by turns.
fn size_of(suite: &Suite) -> f64 {
    let dealt = || suite.sizes.get(suite.number % suite.sizes.len().max(1)).copied();
    suite.cases.first().map(|case| case.extra_percent).or_else(dealt).unwrap_or(0.0)
}

fn sizes(suites: &[&Suite]) -> Vec<f64> {
    sorted(suites.iter().map(|suite| size_of(suite)), f64::total_cmp)
}

/// The table of these suites, all of which are gates under load.
pub(super) fn table(suites: &[&Suite]) -> Result<String> {
    let mut text = format!(
        "Gates of the memory's server under load, one per line of the record. `more` is CPU time that every request of the\n\
         new side costs in addition. Red: a metric blocks. Found: CPU time per request blocks. Undecided: something stayed\n\
         open, and nothing is red. The true rate is that of red gates; where something is planted, that of found ones.\n\
         Bounds hold with {} confidence each (Clopper and Pearson).\n\
         {:<26} {:>5} {:>6} {:>7} {:>4} {:>6} {:>9} {:>9} {:>8}\n",
        per_cent(CONFIDENCE),
        "",
        "more",
        "gates",
        "invalid",
        "red",
        "found",
        "undecided",
        "true rate",
        "seconds"
    );
    for condition in conditions(suites) {
        for size in sizes(suites) {
            let gates = Gates::of(suites, condition, size);
            if gates.gates == 0 {
                continue;
            }
            let Gates { gates: number, invalid, red, found, undecided, .. } = gates;
            let (more, bound) = (slowdown(size), gates.bound(size)?);
            let seconds = gates.durations_s[number / 2];
            let _ = writeln!(
                text,
                "{:<26} {more:>5} {number:>6} {invalid:>7} {red:>4} {found:>6} {undecided:>9} {bound:>9} {seconds:>8.0}",
                condition.name()
            );
        }
    }
    Ok(text)
}

/// Rows of a document's table: see [`super::markdown`].
pub(super) fn rows(suites: &[&Suite]) -> Result<String> {
    let mut text = String::new();
    for two_builds in [false, true] {
        let of_kind: Vec<Condition> =
            conditions(suites).into_iter().filter(|condition| condition.two_builds == two_builds).collect();
        let sum = |size: f64| {
            of_kind.iter().fold([0; 3], |[valid, red, found], condition| {
                let gates = Gates::of(suites, *condition, size);
                [valid + gates.valid(), red + gates.red, found + gates.found]
            })
        };
        let planted = sizes(suites).into_iter().filter(|size| *size > 0.0);
        let found = planted.map(|size| (size, sum(size))).filter(|(_, [valid, ..])| *valid > 0);
        let found: Vec<String> =
            found.map(|(size, [valid, _, found])| format!("{}: {found} of {valid}", slowdown(size))).collect();
        let [valid, red, _] = sum(0.0);
        if valid == 0 && found.is_empty() {
            continue;
        }
        let rate = upper(red, valid)?.replace("<= ", "at most ");
        let sides = if two_builds { "two builds" } else { "one program" };
        let found = if found.is_empty() { "not measured".to_owned() } else { found.join(", ") };
        let _ = writeln!(text, "| server under load, {sides} | {red} of {valid} gates red (rate {rate}) | {found} |");
    }
    Ok(text)
}

#[cfg(test)]
pub(super) mod tests {
    use baselines::calibration::JudgedCase;
    use baselines::delta::Verdict::{Equal, Inconclusive, Regressed};

    use super::super::tests::suite;
    use super::*;

    /// A gate with verdicts on CPU time per request and on the 95th percentile.
    fn gate(number: usize, size: f64, [cpu, p95]: [Verdict; 2]) -> Suite {
        let plain = suite(number, &[size], &[(size, cpu), (size, p95)]);
        let named = plain.cases.iter().zip([PLANTED, "response_p95"]);
        let cases = named.map(|(case, metric)| JudgedCase { metric: metric.to_owned(), ..case.clone() }).collect();
        Suite { cases, condition: Condition { under_load: true, ..Condition::default() }, ..plain }
    }

    pub(in super::super) fn gates() -> Vec<Suite> {
        vec![
            gate(0, 0.0, [Equal, Equal]),
            gate(1, 0.0, [Equal, Regressed]),
            gate(2, 0.0, [Equal, Inconclusive]),
            Suite { invalid: vec!["a control".into()], ..gate(3, 0.0, [Regressed, Regressed]) },
            gate(0, 10.0, [Regressed, Equal]),
            gate(1, 10.0, [Equal, Regressed]),
            Suite { cases: vec![], invalid: vec!["load: it died".into()], ..gate(2, 10.0, [Equal, Equal]) },
        ]
    }

    #[test]
    fn gates_are_counted_by_their_outcome() {
        let suites = gates();
        let suites: Vec<&Suite> = suites.iter().collect();
        let of = |size| Gates { durations_s: vec![], ..Gates::of(&suites, suites[0].condition, size) };
        let same = Gates { gates: 4, invalid: 1, red: 1, undecided: 1, ..Gates::default() };
        assert_eq!(of(0.0), same);
        assert_eq!(of(10.0), Gates { gates: 3, invalid: 1, red: 2, found: 1, ..Gates::default() });
        assert_eq!(of(5.0), Gates::default());
    }

    #[test]
    fn a_document_s_rows_have_the_rate_and_what_was_found() {
        let suites = gates();
        let rows = rows(&suites.iter().collect::<Vec<_>>()).expect("rows");
        let expected = "| server under load, one program | 1 of 3 gates red (rate at most 86.5%) | +10%: 1 of 2 |\n";
        assert_eq!(rows, expected);
        assert_eq!(super::rows(&[]).expect("none"), "");
    }
}
