//! Effects by the strategies' counters: commits per step, bytes after compression, look-ups answered by a cache.
//!
//! Each variant is set up and run in this process, and the counters are read before and after. Nothing is timed, so the
//! counts repeat exactly.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use worker::Prepared;
use workloads::cases::Case;
use workloads::input::Source;
use workloads::suite;

/// The number of counted rounds of a case's operations.
const ROUNDS: u64 = 8;

/// A metric that is a quotient of sums of counters: its name, the numerator, and the denominator, which is the number
/// of operations if empty.
type Quotient = (&'static str, &'static [&'static str], &'static [&'static str]);

const QUOTIENTS: &[Quotient] = &[
    ("commits", &["transactions"], &["steps_appended"]),
    ("stored_share", &["compressed_bytes_after"], &["compressed_bytes_before"]),
    ("hit_ratio", &["cache_hits"], &["cache_hits", "cache_misses"]),
    ("round_trips", &["remote_round_trips"], &[]),
    ("connections", &["remote_connections"], &[]),
    ("received_bytes", &["bytes_received"], &[]),
];

/// Counters by name.
pub type CounterValues = BTreeMap<&'static str, u64>;

/// The counters of a case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CounterChange {
    /// The counted operations.
    pub operations: u64,
    /// The change of each counter during them.
    pub moved: CounterValues,
    /// The final value of each counter, setup included.
    pub total: CounterValues,
}

impl CounterChange {
    /// The value of a metric.
    pub fn value(&self, metric: &str) -> Result<f64> {
        let (_, above, below) = QUOTIENTS
            .iter()
            .find(|(name, _, _)| *name == metric)
            .with_context(|| format!("`{metric}` is not a quotient of counters"))?;
        let sum = |names: &[&str]| names.iter().filter_map(|name| self.moved.get(name)).sum::<u64>() as f64;
        let divisor = if below.is_empty() { self.operations as f64 } else { sum(below) };
        anyhow::ensure!(divisor > 0.0, "`{metric}`: the counter `{}` did not move", below.join("` and the counter `"));
        Ok(sum(above) / divisor)
    }

    /// Adds a later change.
    pub fn add(&mut self, later: CounterChange) {
        self.operations += later.operations;
        for (name, count) in later.moved {
            *self.moved.entry(name).or_default() += count;
        }
        self.total = later.total;
    }
}

/// Runs a case and reads its counters.
pub fn count(case: &Case, source: &Source) -> Result<CounterChange> {
    let input = source.load(case.benchmark.episodes)?;
    let mut prepared = suite::prepare(case, &input, None)?;
    let operations = case.benchmark.operations;
    let mut counted = CounterChange::default();
    for _ in 0..ROUNDS {
        counted.add(during(prepared.as_mut(), operations)?);
    }
    prepared.check()?;
    Ok(counted)
}

fn during(prepared: &mut dyn Prepared, operations: u64) -> Result<CounterChange> {
    prepared.prepare_inputs(operations)?;
    let before = prepared.counters();
    prepared.run(operations)?;
    Ok(between(&before, prepared.counters(), operations))
}

/// The change of counters between two readings.
pub fn between(before: &CounterValues, after: CounterValues, operations: u64) -> CounterChange {
    let moved = after
        .iter()
        .map(|(name, count)| (*name, count.saturating_sub(before.get(name).copied().unwrap_or(0))))
        .collect();
    CounterChange { operations, moved, total: after }
}

#[cfg(test)]
mod tests {
    use super::*;
    use workloads::cases;

    #[test]
    fn a_quotient_is_of_what_moved() {
        let counts =
            |transactions, steps| CounterValues::from([("transactions", transactions), ("steps_appended", steps)]);
        let mut counted = between(&counts(10, 40), counts(13, 52), 6);
        assert_eq!(counted.value("commits").expect("moved"), 0.25);
        counted.add(between(&counts(13, 52), counts(22, 52), 2));
        assert_eq!(counted.value("commits").expect("moved"), 1.0);
        assert_eq!(counted.operations, 8);
        let idle = between(&counts(1, 1), counts(2, 1), 1).value("commits").expect_err("no step");
        assert_eq!(idle.to_string(), "`commits`: the counter `steps_appended` did not move");
        assert!(counted.value("luck").is_err());
    }

    #[test]
    fn every_counter_of_a_quotient_exists() {
        let counters = memory::Counters::default().snapshot();
        for (metric, above, below) in QUOTIENTS {
            assert!(baselines::Metric::find(metric).is_some(), "{metric}");
            assert!(above.iter().chain(*below).all(|counter| counters.contains_key(counter)), "{metric}");
        }
    }

    #[test]
    fn batched_steps_share_commits_and_others_do_not() {
        let commits = |set: &str| {
            let case = cases::find("step_together_libsql_committed_batched", &[set.to_owned()]).expect("listed");
            let counted = count(&case, &Source::default()).expect("runs");
            (counted.value("commits").expect("steps"), counted.moved["shared_commits"])
        };
        assert_eq!(commits("writes=immediate"), (1.0, 0));
        let (batched, shared) = commits("writes=batched");
        assert!(batched <= 0.5 && shared > 0, "{batched} commits per step, {shared} shared");
    }
}
