//! The one table of metrics: name, unit, direction, assumption and lane of every number.

use Better::{Higher, Lower};
use Lane::{Counts, Effect, Load, Source, Time};
use Unit::{Bytes, Count, Nanoseconds, PerSecond, Ratio};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A quantity that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name in records, policies and commands.
    pub name: &'static str,
    /// The unit of its values.
    pub unit: Unit,
    /// The direction that is good.
    pub better: Better,
    /// The assumption about repetitions.
    pub assume: Assume,
    /// The lane whose rights it has in the gate.
    pub lane: Lane,
    /// An explanation for a reader who has not met it.
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
    /// Things per second.
    PerSecond,
    /// A share: 1 is all.
    Ratio,
}

/// The direction that is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
}

/// The assumption that a comparison may make about a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assume {
    /// A repetition gives the same number: any difference is a change.
    Exact,
    /// A repetition gives another number: only statistics can tell.
    Sampled,
}

/// A group of metrics with the same noise and the same rights in the gate.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = unknown)]
pub enum Lane {
    /// Instructions, branches, cache hits, allocations: exact, under valgrind.
    Counts,
    /// Thread CPU time and wall time: sampled.
    Time,
    /// Throughput, response times, errors: sampled, under load.
    Load,
    /// The effects of strategies: hits, bytes, round trips.
    Effect,
    /// The source itself: file lengths, clones, binary size.
    Source,
}

impl Lane {
    /// All lanes, in the order of reports.
    pub const ALL: &[Lane] = <Lane as strum::VariantArray>::VARIANTS;

    /// The name in records, policies and commands.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

fn unknown(name: &str) -> String {
    format!("unknown lane `{name}`: one of counts, time, load, effect, source")
}

const fn exact(name: &'static str, unit: Unit, lane: Lane, about: &'static str) -> Metric {
    Metric { name, unit, better: Lower, assume: Assume::Exact, lane, about }
}

const fn sampled(name: &'static str, unit: Unit, lane: Lane, about: &'static str) -> Metric {
    Metric { assume: Assume::Sampled, ..exact(name, unit, lane, about) }
}

const fn more_is_better(metric: Metric) -> Metric {
    Metric { better: Higher, ..metric }
}

/// The metric of failures. It is judged without statistics, and says nothing of speed.
pub(crate) const ERRORS: &str = "errors";

/// The metric of blocks that stay: a leak raises it. It is negative where operations free what the setup made.
pub(crate) const RETAINED: &str = "retained_blocks";

/// The means over all slices, which are told where only they grew.
pub(crate) const MEAN_CPU_TIME: &str = "mean_cpu_time";
pub(crate) const MEAN_WALL_TIME: &str = "mean_wall_time";

/// The metric of time off the CPU. It is judged beside a pair's deciding metric.
pub(crate) const WAITING: &str = "waiting_time";

/// The metric of memory. It is judged beside a pair's deciding metric where an operation is a whole process.
pub(crate) const PEAK_MEMORY: &str = "peak_memory";

/// The metrics of response times. They are judged beside a pair's deciding metric where operations are requests.
pub(crate) const RESPONSE_P50: &str = "response_p50";
pub(crate) const RESPONSE_P95: &str = "response_p95";

/// Every metric, in the order of reports.
pub const METRICS: &[Metric] = &[
    exact("instructions", Count, Counts, "instructions executed (callgrind Ir)"),
    exact("system_calls", Count, Counts, "requests to the operating system (callgrind sysCount)"),
    exact("branches", Count, Counts, "conditional and indirect branches executed (callgrind Bc + Bi)"),
    exact("l1_hits", Count, Counts, "reads and writes served by the simulated first-level cache"),
    exact("ll_hits", Count, Counts, "reads and writes served by the simulated last-level cache"),
    exact("ram_hits", Count, Counts, "reads and writes that missed both simulated caches"),
    exact("estimated_cycles", Count, Counts, "L1 hits + 5 x last-level hits + 35 x RAM hits (KCachegrind's estimate)"),
    exact("allocations", Count, Counts, "heap blocks allocated"),
    exact("allocated_bytes", Bytes, Counts, "heap bytes allocated"),
    exact(RETAINED, Count, Counts, "heap blocks allocated and not freed, less those of the setup that were freed"),
    exact("peak_bytes", Bytes, Counts, "peak heap bytes of the operations of one count, beyond those of the setup"),
    sampled("cpu_time", Nanoseconds, Time, "thread CPU time of one operation"),
    sampled("wall_time", Nanoseconds, Time, "wall time of one operation"),
    sampled(MEAN_CPU_TIME, Nanoseconds, Time, "the mean of the CPU time over all slices, if only that grew"),
    sampled(MEAN_WALL_TIME, Nanoseconds, Time, "the mean of the wall time over all slices, if only that grew"),
    sampled(
        WAITING,
        Nanoseconds,
        Time,
        "time of one operation in which it was blocked: neither running nor ready to run",
    ),
    sampled("voluntary_switches", Count, Time, "how often one operation gave its core up to wait"),
    more_is_better(sampled("throughput", PerSecond, Load, "requests answered per second")),
    sampled(RESPONSE_P50, Nanoseconds, Load, "median response time from the intended start"),
    sampled("response_p90", Nanoseconds, Load, "90th percentile of the response time from the intended start"),
    sampled(RESPONSE_P95, Nanoseconds, Load, "95th percentile of the response time from the intended start"),
    sampled("response_p99", Nanoseconds, Load, "99th percentile of the response time from the intended start"),
    sampled("response_p999", Nanoseconds, Load, "99.9th percentile of the response time from the intended start"),
    sampled("service_p50", Nanoseconds, Load, "median time from the actual send to the answer"),
    sampled(ERRORS, Count, Load, "requests that failed or were answered wrongly"),
    sampled("cpu_per_request", Nanoseconds, Load, "CPU time of the server per request"),
    sampled(PEAK_MEMORY, Bytes, Load, "peak resident memory of the server, or of a command's process"),
    exact("round_trips", Count, Effect, "exchanges with a database's server that one operation waits for"),
    exact("connections", Count, Effect, "TCP connections that one operation opens"),
    sampled("sent_bytes", Bytes, Effect, "bytes that one operation sends, headers included"),
    sampled("received_bytes", Bytes, Effect, "bytes that one operation receives, headers included"),
    exact("stored_bytes", Bytes, Effect, "bytes of the values as stored"),
    exact("stored_share", Ratio, Effect, "size of compressed values as a share of their original size"),
    exact("commits", Count, Effect, "transactions committed for each step"),
    sampled("connection_overhead", Nanoseconds, Effect, "time of a remote operation beyond one round trip"),
    more_is_better(sampled(
        "utilisation",
        Ratio,
        Effect,
        "share of the time of open connections in which they were in use",
    )),
    exact("evictions", Ratio, Effect, "entries that were evicted to make room, as a share of all look-ups"),
    more_is_better(exact("hit_ratio", Ratio, Effect, "share of look-ups that the cache answered")),
    exact("lines", Count, Source, "lines of a source file, or of all files of a package, without those for tests"),
    exact("long_files", Count, Source, "source files of more than 500 lines"),
    exact("unwraps", Count, Source, "calls of `unwrap` outside of tests"),
    exact("expects", Count, Source, "calls of `expect` outside of tests"),
    exact("clones", Count, Source, "calls of `clone` in functions outside of tests"),
    exact(
        "hot_clones",
        Count,
        Source,
        "those in functions with at least 1% of a case's instructions in the newest counts",
    ),
    exact("duplicates", Count, Source, "packages that Cargo.lock has in several versions"),
    exact("versions", Count, Source, "versions of a package in Cargo.lock"),
    exact("advisories", Count, Source, "known defects of locked packages, by the database of `cargo audit`"),
    more_is_better(exact(
        "line_coverage",
        Ratio,
        Source,
        "share of the lines with code that tests executed, by an lcov file",
    )),
    exact("build_units", Count, Source, "crates, build scripts and their runs of a clean build"),
    sampled("build_time", Nanoseconds, Source, "time of all units of a clean build, as cargo's timings have it"),
    exact("code_bytes", Bytes, Source, "code of a built program, or of a crate in it, by its symbols"),
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

    /// True for the name of a metric whose repetitions are equal.
    pub fn is_exact(name: &str) -> bool {
        Metric::find(name).is_some_and(|metric| metric.assume == Assume::Exact)
    }

    pub(crate) fn named(name: &str) -> Result<&'static Metric> {
        Metric::find(name).ok_or_else(|| Error::UnknownMetric(name.to_owned()))
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
            Count if value.fract() == 0.0 && value.abs() < 10_000.0 => format!("{value:.0}"),
            Count => scaled(value, 1000.0, &["", "k", "M", "G", "T"]),
            Bytes => scaled(value, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB"]),
            Nanoseconds => scaled(value, 1000.0, &[" ns", " us", " ms", " s"]),
            PerSecond => format!("{}/s", scaled(value, 1000.0, &["", "k", "M", "G"])),
            Ratio => format!("{:.1}%", value * 100.0),
        }
    }
}

fn scaled(mut value: f64, step: f64, suffixes: &[&str]) -> String {
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
        let names: std::collections::BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
    }

    #[test]
    fn every_lane_has_a_name_that_parses() {
        for &lane in Lane::ALL {
            assert_eq!(lane.name().parse(), Ok(lane));
        }
        let error = "counst".parse::<Lane>().expect_err("no such lane");
        assert_eq!(error, "unknown lane `counst`: one of counts, time, load, effect, source");
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
