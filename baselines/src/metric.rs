//! The one table that knows what a number means: name, unit, direction, assumption, lane.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A quantity that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name in records, policies and commands.
    pub name: &'static str,
    /// What one means.
    pub unit: Unit,
    /// Which direction is good.
    pub better: Better,
    /// Whether a repetition gives the same number.
    pub assume: Assume,
    /// The lane whose rights it has in the gate.
    pub lane: Lane,
    /// What it is, for a reader who has not met it.
    pub about: &'static str,
}

/// The unit of a metric, in which files keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Bytes.
    Bytes,
    /// Nanoseconds.
    Nanoseconds,
    /// Things a second.
    PerSecond,
    /// A part of one.
    Ratio,
}

/// Which direction is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
}

/// What a comparison may assume of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assume {
    /// A repetition gives the same number: any difference is a change.
    Exact,
    /// A repetition gives another number: only statistics can tell.
    Sampled,
}

/// A group of metrics with the same noise and the same rights in the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Instructions, branches, cache hits, allocations: exact, under valgrind.
    Counts,
    /// Thread CPU time and wall time: sampled.
    Time,
    /// Throughput, response times, errors: sampled, under load.
    Load,
    /// What a strategy did: hits, bytes, round trips.
    Effect,
    /// The source itself: file lengths, clones, binary size.
    Source,
}

impl Lane {
    /// All lanes, in the order of reports.
    pub const ALL: [Lane; 5] = [Lane::Counts, Lane::Time, Lane::Load, Lane::Effect, Lane::Source];

    /// The name in records, policies and commands.
    pub fn name(self) -> &'static str {
        match self {
            Lane::Counts => "counts",
            Lane::Time => "time",
            Lane::Load => "load",
            Lane::Effect => "effect",
            Lane::Source => "source",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Lane {
    type Err = String;

    fn from_str(name: &str) -> Result<Lane, String> {
        Lane::ALL
            .into_iter()
            .find(|lane| lane.name() == name)
            .ok_or_else(|| format!("unknown lane `{name}`: one of counts, time, load, effect, source"))
    }
}

const fn exact(name: &'static str, unit: Unit, lane: Lane, about: &'static str) -> Metric {
    Metric { name, unit, better: Better::Lower, assume: Assume::Exact, lane, about }
}

const fn sampled(name: &'static str, unit: Unit, better: Better, lane: Lane, about: &'static str) -> Metric {
    Metric { name, unit, better, assume: Assume::Sampled, lane, about }
}

/// Every metric, in the order of reports.
pub const METRICS: &[Metric] = &[
    exact("instructions", Unit::Count, Lane::Counts, "instructions executed (callgrind Ir)"),
    exact("branches", Unit::Count, Lane::Counts, "conditional and indirect branches executed (callgrind Bc + Bi)"),
    exact("l1_hits", Unit::Count, Lane::Counts, "reads and writes served by the simulated first-level cache"),
    exact("ll_hits", Unit::Count, Lane::Counts, "reads and writes served by the simulated last-level cache"),
    exact("ram_hits", Unit::Count, Lane::Counts, "reads and writes that missed both simulated caches"),
    exact(
        "estimated_cycles",
        Unit::Count,
        Lane::Counts,
        "L1 hits + 5 x last-level hits + 35 x RAM hits (KCachegrind's estimate)",
    ),
    exact("allocations", Unit::Count, Lane::Counts, "heap blocks allocated (DHAT)"),
    exact("allocated_bytes", Unit::Bytes, Lane::Counts, "heap bytes allocated (DHAT)"),
    exact(
        "peak_bytes",
        Unit::Bytes,
        Lane::Counts,
        "heap bytes that the operations of one count hold at their peak, beyond what the setup holds",
    ),
    sampled("cpu_time", Unit::Nanoseconds, Better::Lower, Lane::Time, "thread CPU time of one operation"),
    sampled("wall_time", Unit::Nanoseconds, Better::Lower, Lane::Time, "wall time of one operation"),
    sampled("throughput", Unit::PerSecond, Better::Higher, Lane::Load, "requests answered a second"),
    sampled(
        "response_p50",
        Unit::Nanoseconds,
        Better::Lower,
        Lane::Load,
        "median response time from the intended start",
    ),
    sampled(
        "response_p90",
        Unit::Nanoseconds,
        Better::Lower,
        Lane::Load,
        "90th percentile of the response time from the intended start",
    ),
    sampled(
        "response_p95",
        Unit::Nanoseconds,
        Better::Lower,
        Lane::Load,
        "95th percentile of the response time from the intended start",
    ),
    sampled(
        "response_p99",
        Unit::Nanoseconds,
        Better::Lower,
        Lane::Load,
        "99th percentile of the response time from the intended start",
    ),
    sampled(
        "response_p999",
        Unit::Nanoseconds,
        Better::Lower,
        Lane::Load,
        "99.9th percentile of the response time from the intended start",
    ),
    sampled(
        "service_p50",
        Unit::Nanoseconds,
        Better::Lower,
        Lane::Load,
        "median time from the actual send to the answer",
    ),
    sampled("errors", Unit::Count, Better::Lower, Lane::Load, "requests that failed or were answered wrongly"),
    sampled("cpu_per_request", Unit::Nanoseconds, Better::Lower, Lane::Load, "CPU time of the server a request"),
    sampled("peak_memory", Unit::Bytes, Better::Lower, Lane::Load, "peak resident memory of the server"),
    exact("round_trips", Unit::Count, Lane::Effect, "exchanges with a database's server that one operation waits for"),
    exact("connections", Unit::Count, Lane::Effect, "TCP connections that one operation opens"),
    sampled("sent_bytes", Unit::Bytes, Better::Lower, Lane::Effect, "bytes that one operation sends, headers included"),
    sampled(
        "received_bytes",
        Unit::Bytes,
        Better::Lower,
        Lane::Effect,
        "bytes that one operation receives, headers included",
    ),
    exact("stored_bytes", Unit::Bytes, Lane::Effect, "bytes of the values as stored"),
    exact("stored_share", Unit::Ratio, Lane::Effect, "compressed values as a part of what they were"),
    exact("commits", Unit::Count, Lane::Effect, "transactions committed for each step"),
    sampled(
        "connection_overhead",
        Unit::Nanoseconds,
        Better::Lower,
        Lane::Effect,
        "what a remote operation takes beyond one round trip",
    ),
    sampled(
        "utilisation",
        Unit::Ratio,
        Better::Higher,
        Lane::Effect,
        "time in which open connections were in use, as a part of the time they were open",
    ),
    exact("evictions", Unit::Ratio, Lane::Effect, "entries that went to make room, as a part of all look-ups"),
    Metric {
        better: Better::Higher,
        ..exact("hit_ratio", Unit::Ratio, Lane::Effect, "look-ups that the cache answered, as a part of all")
    },
];

impl Metric {
    /// The metric of that name.
    ///
    /// ```
    /// let metric = baselines::Metric::find("instructions").expect("in the table");
    /// assert_eq!(metric.lane, baselines::Lane::Counts);
    /// ```
    pub fn find(name: &str) -> Option<&'static Metric> {
        METRICS.iter().find(|metric| metric.name == name)
    }

    /// A value in the metric's unit, as people read it: three or four significant digits and the unit last.
    pub fn show(&self, value: f64) -> String {
        self.unit.show(value)
    }
}

impl Unit {
    /// A value as people read it.
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Count if value.fract() == 0.0 && value.abs() < 10_000.0 => format!("{value:.0}"),
            Unit::Count => scaled(value, 1000.0, &["", "k", "M", "G", "T"]),
            Unit::Bytes => scaled(value, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB"]),
            Unit::Nanoseconds => scaled(value, 1000.0, &[" ns", " us", " ms", " s"]),
            Unit::PerSecond => format!("{}/s", scaled(value, 1000.0, &["", "k", "M", "G"])),
            Unit::Ratio => format!("{:.1}%", value * 100.0),
        }
    }
}

fn scaled(value: f64, step: f64, suffixes: &[&str]) -> String {
    let mut value = value;
    let mut suffix = 0;
    while value.abs() >= step && suffix + 1 < suffixes.len() {
        value /= step;
        suffix += 1;
    }
    let digits = match value.abs() {
        v if suffix == 0 && v.fract() == 0.0 => 0,
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}{}", suffixes[suffix])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
    }

    #[test]
    fn values_are_shown_with_their_unit() {
        assert_eq!(Unit::Nanoseconds.show(1_234_567.0), "1.235 ms");
        assert_eq!(Unit::Bytes.show(2048.0), "2.000 KiB");
        assert_eq!(Unit::Count.show(1234.0), "1234");
        assert_eq!(Unit::Count.show(12_345_678.0), "12.35M");
        assert_eq!(Unit::Ratio.show(0.5), "50.0%");
    }
}
