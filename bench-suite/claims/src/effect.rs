//! What strategies do, from their own counters: commits a step, bytes after compression, look-ups that a cache
//! answered.
//!
//! A case is set up and run in this process, once in each variant, and the counters are read before and after. Nothing
//! is timed, so that the same counts come out again.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use worker::Prepared;
use workloads::cases::Case;
use workloads::input::Source;
use workloads::suite;

/// Rounds of a case's operations that are counted.
const ROUNDS: u64 = 8;

/// A metric that is a quotient of sums of counters: its name, what is counted, and for each of what; for each operation
/// where that is empty.
type Quotient = (&'static str, &'static [&'static str], &'static [&'static str]);

const QUOTIENTS: &[Quotient] = &[
    ("commits", &["transactions"], &["steps_appended"]),
    ("stored_share", &["compressed_bytes_after"], &["compressed_bytes_before"]),
    ("hit_ratio", &["cache_hits"], &["cache_hits", "cache_misses"]),
    ("round_trips", &["remote_round_trips"], &[]),
    ("connections", &["remote_connections"], &[]),
    ("received_bytes", &["bytes_received"], &[]),
];

/// CounterValues by name.
pub type CounterValues = BTreeMap<&'static str, u64>;

/// What a case counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CounterChange {
    /// Operations that were counted.
    pub operations: u64,
    /// How far each counter moved meanwhile.
    pub moved: CounterValues,
    /// What each had counted in the end, setup included.
    pub total: CounterValues,
}

impl CounterChange {
    /// A metric of what was counted.
    pub fn value(&self, metric: &str) -> Result<f64> {
        let (_, above, below) = QUOTIENTS
            .iter()
            .find(|(name, _, _)| *name == metric)
            .with_context(|| format!("`{metric}` is no quotient of counters"))?;
        let sum = |names: &[&str]| names.iter().filter_map(|name| self.moved.get(name)).sum::<u64>() as f64;
        let divisor = if below.is_empty() { self.operations as f64 } else { sum(below) };
        anyhow::ensure!(divisor > 0.0, "`{metric}`: the counter `{}` did not move", below.join("` and the counter `"));
        Ok(sum(above) / divisor)
    }

    /// Adds what was counted later.
    pub fn add(&mut self, later: CounterChange) {
        self.operations += later.operations;
        for (name, count) in later.moved {
            *self.moved.entry(name).or_default() += count;
        }
        self.total = later.total;
    }
}

/// Runs a case and counts.
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

/// How far counters moved.
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
        let known = memory::Counters::default().snapshot();
        for (metric, above, below) in QUOTIENTS {
            assert!(baselines::Metric::find(metric).is_some(), "{metric}");
            assert!(above.iter().chain(*below).all(|counter| known.contains_key(counter)), "{metric}");
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
        assert!(batched <= 0.5 && shared > 0, "{batched} commits a step, {shared} shared");
    }
}
