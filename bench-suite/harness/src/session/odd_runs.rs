//! The odd runs of a history: most benchmarks moved at once, away from what earlier runs predict, and no other run is
//! similar. A machine that was set up differently causes such a run, or one so busy that counts change.
//!
//! - No similar run: DBSCAN leaves the run without a cluster (Ester et al., KDD 1996). The distance of two runs is the
//!   share of benchmarks in which a metric that blocks differs by more than the policy's limit. After a change that
//!   stays, the second run is similar to the first, so neither is odd.
//! - Not predicted: a count is outside of the 99% interval of the next value, by the non-seasonal ETS model with the
//!   lowest corrected AIC (Hyndman et al. 2002), and outside of the policy's limit around it.

use std::collections::BTreeMap;

use augurs::DistanceMatrix;
use augurs::clustering::DbscanClusterer;
use augurs::ets::AutoETS;
use augurs::prelude::*;
use baselines::CaseKey;
use baselines::history::{CommitRecord, History, OddRun, series};
use baselines::policy::{Limit, Policy};
use jiff::civil::Date;

/// The newest runs are compared, at most so many.
const RUNS: usize = 120;
/// The fewest and the most values that a forecast is made from: more would take seconds where counts always move.
const BEFORE: [usize; 2] = [8, 40];
/// The share of next values that an interval shall hold.
const LEVEL: f64 = 0.99;
/// Runs are alike up to this share of benchmarks that differ; an odd run is outside in more.
const HALF: f64 = 0.5;
/// Of fewer benchmarks, one change could move most.
const BENCHMARKS: usize = 4;

/// A metric of a benchmark over the runs.
struct Row {
    limit: Limit,
    values: Vec<Option<f64>>,
}

/// The odd ones among the runs of a history whose commits are asked for, by date; none of the first few.
pub fn odd_runs(history: &History, policy: &Policy, today: Date, is_asked: impl Fn(&str) -> bool) -> Vec<OddRun> {
    let runs: Vec<&CommitRecord> = history.commits.iter().filter(|commit| !commit.cases.is_empty()).collect();
    let runs = &runs[runs.len().saturating_sub(RUNS)..];
    let places: BTreeMap<&str, usize> = runs.iter().enumerate().map(|(at, run)| (run.commit.as_str(), at)).collect();
    let mut benchmarks: BTreeMap<CaseKey, Vec<Row>> = BTreeMap::new();
    for series in series::series(history, |_| true) {
        let limit = policy.limit(&series.case, &series.metric, today);
        let Some(limit) = limit.filter(|limit| limit.blocks()) else { continue };
        let mut values = vec![None; runs.len()];
        for point in &series.points {
            if let Some(at) = places.get(point.commit.as_str()) {
                values[*at] = Some(point.value);
            }
        }
        benchmarks.entry(series.case).or_default().push(Row { limit, values });
    }
    let benchmarks: Vec<Vec<Row>> = benchmarks.into_values().collect();
    let judged = |at: usize| {
        let outside: Vec<bool> = benchmarks.iter().filter_map(|rows| any(rows, |row| is_outside(row, at))).collect();
        let (number, all) = (outside.iter().filter(|outside| **outside).count(), outside.len());
        let is_odd = all >= BENCHMARKS && number as f64 > HALF * all as f64;
        let CommitRecord { commit, date, .. } = runs[at];
        is_odd.then(|| OddRun { commit: commit.clone(), date: date.clone(), outside: number, benchmarks: all })
    };
    let alone = alone(&benchmarks, runs.len()).into_iter();
    alone.filter(|at| is_asked(&runs[*at].commit)).filter_map(judged).collect()
}

/// The runs that are like no other.
fn alone(benchmarks: &[Vec<Row>], runs: usize) -> Vec<usize> {
    let apart = |one: usize, other: usize| {
        let differ: Vec<bool> =
            benchmarks.iter().filter_map(|rows| any(rows, |row| differs(row, one, other))).collect();
        let number = differ.iter().filter(|differ| **differ).count();
        if differ.is_empty() { 1.0 } else { number as f64 / differ.len() as f64 }
    };
    let rows = (0..runs).map(|one| (0..runs).map(|other| apart(one, other)).collect()).collect();
    let matrix = DistanceMatrix::try_from_square(rows).expect("as many rows as columns");
    let clusters = DbscanClusterer::new(HALF, 2).fit(&matrix);
    (0..runs).filter(|at| clusters[*at].is_noise()).collect()
}

/// True if a metric of a benchmark is so; none if that is known of no metric.
fn any(rows: &[Row], is_so: impl Fn(&Row) -> Option<bool>) -> Option<bool> {
    rows.iter().filter_map(is_so).reduce(|one, other| one || other)
}

/// True if the values of two runs differ; none if one is missing.
fn differs(row: &Row, one: usize, other: usize) -> Option<bool> {
    let (one, other) = (row.values[one]?, row.values[other]?);
    Some((one - other).abs() > row.limit.allowed(one.abs().min(other.abs())))
}

/// True if a run's value was not to be expected; none if nothing can be expected.
fn is_outside(row: &Row, at: usize) -> Option<bool> {
    let before: Vec<f64> = row.values[..at].iter().flatten().copied().collect();
    let [fewest, most] = BEFORE;
    let value = row.values[at].filter(|_| before.len() >= fewest)?;
    let [low, high] = interval(&before[before.len().saturating_sub(most)..])?;
    let middle = f64::midpoint(low, high);
    Some((value - middle).abs() > (high - middle).max(row.limit.allowed(middle)))
}

/// The interval of the next value; none if no model fits.
fn interval(values: &[f64]) -> Option<[f64; 2]> {
    let last = *values.last()?;
    // Without any error the likelihood has no maximum.
    if values.iter().all(|value| *value == last) {
        return Some([last, last]);
    }
    let intervals = AutoETS::non_seasonal().fit(values).ok()?.predict(1, LEVEL).ok()?.intervals?;
    let interval = [*intervals.lower.first()?, *intervals.upper.first()?];
    interval.iter().all(|end| end.is_finite()).then_some(interval)
}

#[cfg(test)]
mod tests {
    use baselines::history::CaseValues;

    use super::*;

    /// A run a row, a benchmark a column: what it counts, as a share of 1000 instructions times its number.
    fn odd(runs: &[[f64; 6]]) -> Vec<String> {
        let mut history = History::new("x86_64");
        for (run, shares) in runs.iter().enumerate() {
            let case = |(number, share): (usize, &f64)| {
                let case = CaseKey { benchmark: format!("b{number}"), variant: String::new() };
                let instructions = 1000.0 * (number + 1) as f64 * share;
                let values = [("instructions".to_owned(), instructions), ("allocations".to_owned(), 2.0)].into();
                CaseValues { case, operations: 20, values }
            };
            let (commit, date) = (format!("c{run}"), format!("{run:03}"));
            let cases = shares.iter().enumerate().map(case).collect();
            history.add(CommitRecord::new(commit, date, cases));
            history.add(CommitRecord::left_out(&format!("broken{run}"), &format!("{run:03}"), "it does not build"));
        }
        let found = odd_runs(&history, &Policy::standard(), jiff::civil::date(2026, 1, 1), |_| true);
        found.iter().map(|odd| format!("{}: {odd}", odd.commit)).collect()
    }

    const SAME: [f64; 6] = [1.0; 6];
    const MOVED: [f64; 6] = [1.0, 1.05, 1.05, 1.05, 0.9, 1.05];

    #[test]
    fn a_run_that_moves_most_benchmarks_and_has_no_like_is_odd() {
        let told = "outside of the forecast's 99% interval in 5 of 6 benchmarks, and like no other run";
        let mut runs = vec![SAME; 12];
        runs.push(MOVED);
        assert_eq!(odd(&runs), [format!("c12: {told}")], "the newest");
        runs.extend([SAME; 3]);
        assert_eq!(odd(&runs), [format!("c12: {told}")], "one that was taken back");
    }

    #[test]
    fn a_change_that_stays_or_is_of_few_benchmarks_is_not_odd() {
        let mut runs = vec![SAME; 12];
        runs.extend([MOVED; 2]);
        assert_eq!(odd(&runs), [""; 0]);
        runs.push([0.5, 1.05, 1.05, 1.05, 0.9, 1.05]);
        assert_eq!(odd(&runs), [""; 0]);
    }

    #[test]
    fn what_always_moves_is_expected_to_move() {
        // Like no other, each of them: up to 3% more or less.
        let noise =
            |run: usize| std::array::from_fn(|number| 0.97 + ((run * 7 + number * 5) % 17) as f64 * 0.06 / 16.0);
        let mut runs: Vec<[f64; 6]> = (0..16).map(noise).collect();
        assert_eq!(odd(&runs), [""; 0]);
        runs.push([1.2; 6]);
        let told = "c16: outside of the forecast's 99% interval in 6 of 6 benchmarks, and like no other run";
        assert_eq!(odd(&runs), [told]);
    }

    #[test]
    fn a_short_history_foretells_nothing() {
        let mut runs = vec![SAME; BEFORE[0] - 1];
        runs.push(MOVED);
        assert_eq!(odd(&runs), [""; 0]);
    }
}
