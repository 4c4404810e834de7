//! What a comparison rules out: upper bounds of worsenings, for each metric of each case and for all cases together.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Metric;
use crate::delta::{Bound, Delta, Verdict};
use crate::metric::{MEAN_CPU_TIME, MEAN_WALL_TIME, PEAK_MEMORY, WAITING};

/// What the bounds of all decided cases say together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuledOut {
    /// The largest bound of a time.
    pub slower: Option<f64>,
    /// The largest bound of the growth of waiting, as a share of the operation's time.
    pub waiting: Option<f64>,
    /// The largest bound of the growth of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<f64>,
    /// The confidence with which they hold for all cases together.
    pub confidence: f64,
    /// The number of cases.
    pub cases: usize,
    /// Cases that got worse or are undecided are not among them.
    pub others: bool,
    /// The means that grew although the typical slice passed, of which the bounds are; none if there is no such mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub means: Option<GrownMeans>,
}

/// Cases that cost more on average over all slices, and not in the typical one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GrownMeans {
    /// The number of cases.
    pub cases: usize,
    /// The largest growth of a mean, as a share.
    pub most: f64,
}

impl GrownMeans {
    fn of(deltas: &[Delta]) -> Option<GrownMeans> {
        let is_mean = |delta: &&Delta| [MEAN_CPU_TIME, MEAN_WALL_TIME].contains(&delta.metric.as_str());
        let grown = deltas.iter().filter(is_mean).filter(|delta| delta.verdict == Verdict::Regressed);
        let grown: Vec<f64> = grown.filter_map(|delta| delta.relative).collect();
        let most = grown.iter().copied().reduce(f64::max)?;
        Some(GrownMeans { cases: grown.len(), most })
    }
}

impl RuledOut {
    /// What the bounds of equal and improved deltas rule out; none if there are no bounds.
    pub fn of(deltas: &[Delta]) -> Option<RuledOut> {
        let bounded: Vec<(&Delta, Bound)> = deltas.iter().filter_map(|delta| Some((delta, delta.bound?))).collect();
        let passed: Vec<_> = bounded.iter().filter(|(delta, _)| has_passed(delta)).collect();
        let kind = |metric: &str| [WAITING, PEAK_MEMORY].into_iter().find(|kind| *kind == metric);
        let largest = |of: Option<&str>| {
            let bounds = passed.iter().filter(|(delta, _)| kind(&delta.metric) == of);
            bounds.map(|(_, bound)| bound.at_most).reduce(f64::max).map(|most| most.max(0.0))
        };
        Some(RuledOut {
            slower: largest(None),
            waiting: largest(Some(WAITING)),
            memory: largest(Some(PEAK_MEMORY)),
            confidence: passed.iter().map(|(_, bound)| bound.confidence).reduce(f64::min)?,
            cases: passed.iter().map(|(delta, _)| &delta.case).collect::<BTreeSet<_>>().len(),
            others: passed.len() < bounded.len() || deltas.iter().any(is_open),
            means: GrownMeans::of(deltas),
        })
    }
}

fn has_passed(delta: &Delta) -> bool {
    matches!(delta.verdict, Verdict::Equal | Verdict::Improved)
}

/// True for a time that was not bounded before the end: the sentence is not of its case.
fn is_open(delta: &Delta) -> bool {
    delta.verdict == Verdict::Inconclusive && delta.bound.is_none() && !Metric::is_exact(&delta.metric)
}

impl fmt::Display for RuledOut {
    /// `no case is slower by more than 2.9%, or waits longer by more than 0.4% of its time (99%, all 20 cases
    /// together)`; with a mean that grew, `no case is slower by more than 1.1% (99%, 1 case) in its typical operation,
    /// but the mean of 1 case is slower by 64.5%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |share: f64| format!("{:.1}%", rounded_up(share, 1000.0) * 100.0);
        let claims = [
            self.slower.map(|most| format!("is slower by more than {}", share(most))),
            self.waiting.map(|most| format!("waits longer by more than {} of its time", share(most))),
            self.memory.map(|most| format!("takes more memory by more than {}", share(most))),
        ];
        let claims: Vec<String> = claims.into_iter().flatten().collect();
        let no = if self.others { "no other case" } else { "no case" };
        let together = if self.cases == 1 { "1 case".to_owned() } else { format!("all {} cases together", self.cases) };
        write!(f, "{no} {} ({:.0}%, {together})", claims.join(", or "), self.confidence * 100.0)?;
        let Some(GrownMeans { cases, most }) = self.means else { return Ok(()) };
        let of =
            if cases == 1 { "1 case is slower by".to_owned() } else { format!("{cases} cases is slower, by up to") };
        write!(f, " in its typical operation, but the mean of {of} {:.1}%", most * 100.0)
    }
}

/// A bound with so many steps to 1, rounded up, or it would claim more than is known. What is above a step only by the
/// error of a computation stays at it.
pub fn rounded_up(bound: f64, steps: f64) -> f64 {
    // Adding 0 makes -0 a 0.
    (bound * steps - 1e-6).ceil() / steps + 0.0
}

/// The number of exact metrics that passed, each of which is known and not bounded.
pub(crate) fn exact(deltas: &[Delta]) -> usize {
    deltas.iter().filter(|delta| Metric::is_exact(&delta.metric) && has_passed(delta)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CaseKey;

    fn delta(benchmark: &str, metric: &str, verdict: Verdict, at_most: Option<f64>) -> Delta {
        let case = CaseKey { benchmark: benchmark.into(), variant: String::new() };
        let bound = at_most.map(|at_most| Bound { at_most, confidence: 0.99 });
        Delta { bound, ..Delta::new(case, metric, (verdict, ""), true) }
    }

    #[test]
    fn the_largest_bound_speaks_for_all() {
        let mut deltas = vec![
            delta("a", "cpu_time", Verdict::Equal, Some(0.0281)),
            delta("b", "cpu_time", Verdict::Improved, Some(-0.1)),
            delta("a", "instructions", Verdict::Equal, None),
        ];
        let said = |deltas: &[Delta]| RuledOut::of(deltas).expect("bounds").to_string();
        assert_eq!(said(&deltas), "no case is slower by more than 2.9% (99%, all 2 cases together)");
        assert_eq!(exact(&deltas), 1);
        deltas.push(delta("a", WAITING, Verdict::Equal, Some(0.0)));
        deltas.push(delta("c", "cpu_time", Verdict::Inconclusive, Some(0.2)));
        assert_eq!(
            said(&deltas),
            "no other case is slower by more than 2.9%, or waits longer by more than 0.0% of its time (99%, all 2 cases \
                together)"
        );
        let open = [deltas[0].clone(), delta("d", "cpu_time", Verdict::Inconclusive, None)];
        assert!(said(&open).starts_with("no other case is slower"), "nothing is known of one: {}", said(&open));
        assert_eq!(RuledOut::of(&deltas[2..3]), None);
        assert_eq!(said(&deltas[1..2]), "no case is slower by more than 0.0% (99%, 1 case)");
    }

    #[test]
    fn a_mean_that_grew_is_said_in_the_same_breath() {
        let mean = |benchmark: &str, metric: &str, relative: f64| Delta {
            relative: Some(relative),
            ..delta(benchmark, metric, Verdict::Regressed, None)
        };
        let mut deltas = vec![delta("a", "cpu_time", Verdict::Equal, Some(0.0105)), mean("a", MEAN_CPU_TIME, 0.6449)];
        let said = |deltas: &[Delta]| RuledOut::of(deltas).expect("bounds").to_string();
        let typical = "no case is slower by more than 1.1% (99%, 1 case) in its typical operation, but ";
        assert_eq!(said(&deltas), format!("{typical}the mean of 1 case is slower by 64.5%"));
        deltas.push(mean("b", MEAN_WALL_TIME, 0.1));
        assert_eq!(said(&deltas), format!("{typical}the mean of 2 cases is slower, by up to 64.5%"));
    }
}
