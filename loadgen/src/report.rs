//! The measurements of a run, and a summary for people.
//!
//! Times of a run with errors are reported as they are: the policy judges them.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};
use baselines::{CaseKey, Durability, Measurement, Metric, Sample};
use episodes::api::ServerStats;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::arrivals::shard::LoadShard;
use crate::health::GeneratorHealth;
use crate::record::tally::{Tally, nanoseconds};

/// A run that is over.
#[derive(Debug, Clone, Copy)]
pub struct FinishedLoad<'a> {
    /// The benchmark's name: `load/episodes`, or of a scenario.
    pub name: &'a str,
    pub tally: &'a Tally,
    pub health: &'a GeneratorHealth,
    /// The numbers of a memory-server; other servers have none.
    pub server: Option<&'a ServerSnapshots>,
    /// Sessions had intended starts.
    pub open: bool,
    /// The number of times that the server was away.
    pub outages: u64,
}

/// The server's numbers right before the first request and after the last one.
#[derive(Debug)]
pub struct ServerSnapshots {
    pub before: ServerStats,
    pub after: ServerStats,
    /// Both are of one process: it was never away.
    pub is_whole: bool,
}

impl ServerSnapshots {
    /// The durability class of the server's variant.
    fn durability(&self) -> Result<Durability> {
        let name = self.before.variant.split(',').find_map(|pair| pair.strip_prefix("durability=")).unwrap_or_default();
        serde_json::from_value(name.into())
            .with_context(|| format!("the server's variant names no durability class: {}", self.before.variant))
    }

    /// Counts of the strategies' work during the run.
    fn counters(&self) -> BTreeMap<String, u64> {
        let before = |name: &String| self.before.counters.get(name).copied().unwrap_or(0);
        self.after.counters.iter().map(|(name, after)| (name.clone(), after.saturating_sub(before(name)))).collect()
    }

    fn cpu_time_ns(&self) -> u64 {
        self.after.process.cpu_time_ns.saturating_sub(self.before.process.cpu_time_ns)
    }
}

/// The run as measurements, each of one value over that many operations. Metrics that the server does not have are
/// missing.
pub fn measurements(load: &FinishedLoad<'_>, operations: u64) -> Result<Vec<Measurement>> {
    let variant = load.server.map_or_else(String::new, |server| server.before.variant.clone());
    let case = CaseKey { benchmark: load.name.to_owned(), variant };
    let durability = load.server.map_or(Ok(Durability::Unstated), ServerSnapshots::durability)?;
    let whole = load.server.filter(|server| server.is_whole);
    let counters = whole.map(ServerSnapshots::counters).unwrap_or_default();
    let measurement = |(metric, value): (&'static str, f64)| {
        let sample = Sample::new(vec![value]).context(metric)?;
        let measurement = Measurement::new(case.clone(), metric, sample, durability);
        Ok(measurement.over(operations).with_counters(counters.clone()))
    };
    values(load).into_iter().map(measurement).collect()
}

fn values(load: &FinishedLoad<'_>) -> Vec<(&'static str, f64)> {
    let FinishedLoad { tally, server, .. } = load;
    let response = |quantile: f64| tally.response.value_at_quantile(quantile) as f64;
    let right = tally.requests() - tally.error_count();
    let mut values = Vec::new();
    values.extend(tally.throughput().map(|throughput| ("throughput", throughput)));
    values.extend([
        ("response_p50", response(0.5)),
        ("response_p90", response(0.9)),
        ("response_p95", response(0.95)),
        ("response_p99", response(0.99)),
        ("response_p999", response(0.999)),
        ("service_p50", tally.service.value_at_quantile(0.5) as f64),
        ("errors", tally.error_count() as f64),
    ]);
    if let Some(server) = server.filter(|server| server.is_whole) {
        if right > 0 {
            values.push(("cpu_per_request", server.cpu_time_ns() as f64 / right as f64));
        }
        values.extend(server.after.process.peak_resident_bytes.map(|bytes| ("peak_memory", bytes as f64)));
    }
    values
}

/// The whole run as one object.
#[derive(Debug, Serialize)]
pub struct LoadSummary {
    /// The version of these fields.
    assay_load: u32,
    name: String,
    plan: String,
    shard: LoadShard,
    requests: u64,
    errors: BTreeMap<String, u64>,
    sessions: u64,
    /// Requests with a right answer, per second.
    throughput: Option<f64>,
    response_ns: TimeSummary,
    service_ns: TimeSummary,
    /// The requests that took longer than `--count-over`.
    over: Option<CountOver>,
    /// The number of times that the server was away.
    outages: u64,
    health: GeneratorHealth,
    unhealthy: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TimeSummary {
    mean: f64,
    p50: u64,
    p90: u64,
    p95: u64,
    p99: u64,
    p999: u64,
    max: u64,
}

#[derive(Debug, Serialize)]
struct CountOver {
    limit_ns: u64,
    count: u64,
    /// Those that did so from their sending.
    service_count: u64,
    /// Those of `count` that failed or were answered wrongly.
    wrong_count: u64,
}

impl TimeSummary {
    fn of(times: &Histogram<u64>) -> TimeSummary {
        let at = |quantile: f64| times.value_at_quantile(quantile);
        TimeSummary {
            mean: times.mean(),
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: times.max(),
        }
    }
}

impl LoadSummary {
    /// Of a run and its plan; `unhealthy` has the reasons not to believe it.
    pub fn new(load: &FinishedLoad<'_>, plan: &str, shard: LoadShard, unhealthy: &[String]) -> LoadSummary {
        let tally = load.tally;
        let over = tally.count_over.map(|limit| CountOver {
            limit_ns: nanoseconds(limit),
            count: tally.over,
            service_count: tally.service_over,
            wrong_count: tally.over_wrong,
        });
        LoadSummary {
            assay_load: 1,
            name: load.name.to_owned(),
            plan: plan.to_owned(),
            shard,
            requests: tally.requests(),
            errors: tally.errors.clone(),
            sessions: tally.sessions,
            throughput: tally.throughput(),
            response_ns: TimeSummary::of(&tally.response),
            service_ns: TimeSummary::of(&tally.service),
            over,
            outages: load.outages,
            health: load.health.clone(),
            unhealthy: unhealthy.to_vec(),
        }
    }
}

/// Measurements as JSON records, one per line.
pub fn lines(measurements: &[Measurement]) -> Result<String> {
    let line = |measurement| Ok(serde_json::to_string(measurement).context("encoding a measurement")? + "\n");
    measurements.iter().map(line).collect()
}

/// The run for people, in lines of about 100 columns at most.
pub fn summary(load: &FinishedLoad<'_>) -> String {
    let FinishedLoad { name, tally, health, server, open, outages } = *load;
    let mut text = String::new();
    let show = |metric: &str, value: f64| Metric::find(metric).map_or_else(String::new, |metric| metric.show(value));
    let time = |ns: u64| show("response_p50", ns as f64);
    let throughput = tally.throughput().map_or_else(|| "-".to_owned(), |value| show("throughput", value));
    // Writing to a String cannot fail.
    let mut line = |parts: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{parts}");
    };
    let sessions = if let Some(server) = server {
        line(format_args!("{name} [{}]", server.before.variant));
        "episodes"
    } else {
        line(format_args!("{name}"));
        "sessions"
    };
    line(format_args!(
        "  {} {sessions}, {} requests in {:.1} s: {throughput}, {} errors",
        tally.sessions,
        tally.requests(),
        tally.elapsed().as_secs_f64(),
        tally.error_count()
    ));
    let width = tally.by_operation.iter().map(|(operation, _)| operation.len() + 2).max().unwrap_or(0).max(10);
    let row = |name: &str, histogram: &Histogram<u64>| {
        let quantiles = [0.5, 0.9, 0.95, 0.99, 0.999].map(|quantile| histogram.value_at_quantile(quantile));
        let times: String =
            quantiles.into_iter().chain([histogram.max()]).map(|ns| format!(" {:>10}", time(ns))).collect();
        format!("  {name:<width$} {:>8}{times}", histogram.len())
    };
    let columns = ["p50", "p90", "p95", "p99", "p99.9", "max"].map(|name| format!(" {name:>10}"));
    line(format_args!("  {:<width$} {:>8}{}", "", "requests", columns.concat()));
    line(format_args!("{}", row("response", &tally.response)));
    line(format_args!("{}", row("service", &tally.service)));
    for (operation, histogram) in &tally.by_operation {
        line(format_args!("{}", row(&format!("- {operation}"), histogram)));
    }
    if open {
        line(format_args!("{}", row("sent late", &tally.lag)));
    }
    line(format_args!("  {}", health.line()));
    for (metric, value) in values(load) {
        if matches!(metric, "cpu_per_request" | "peak_memory") {
            line(format_args!("  {metric}: {}", show(metric, value)));
        }
    }
    if outages > 0 {
        line(format_args!("  the server was away {outages} times"));
    }
    for (kind, count) in &tally.errors {
        line(format_args!("  {count} x {kind}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use episodes::api::ProcessStats;

    use super::*;
    use crate::record::tally::{OperationName, RequestRecord};

    fn stats(variant: &str, cpu_time_ns: u64, hits: u64) -> ServerStats {
        ServerStats {
            variant: variant.to_owned(),
            episodes: 0,
            steps: 0,
            patterns: 0,
            stored_bytes: 0,
            counters: BTreeMap::from([("cache_hits".to_owned(), hits)]),
            process: ProcessStats { cpu_time_ns, peak_resident_bytes: Some(2048) },
        }
    }

    fn run(variant: &str) -> (Tally, ServerSnapshots) {
        let mut tally = Tally::new(&[OperationName { name: "step".to_owned(), method: "POST".to_owned() }]);
        let start = Instant::now();
        for request in 0..4u64 {
            let sent = start + Duration::from_millis(request);
            tally.add(&RequestRecord {
                operation: 0,
                intended: sent,
                sent,
                done: sent + Duration::from_millis(1),
                lag: Duration::ZERO,
                status: Some(201),
                error: (request == 3).then(|| "step number is 1, not 3".to_owned()),
            });
        }
        (tally, ServerSnapshots { before: stats(variant, 1000, 5), after: stats(variant, 4000, 9), is_whole: true })
    }

    fn load<'a>(
        tally: &'a Tally,
        health: &'a GeneratorHealth,
        server: Option<&'a ServerSnapshots>,
    ) -> FinishedLoad<'a> {
        FinishedLoad { name: "load/episodes", tally, health, server, open: true, outages: 0 }
    }

    #[test]
    fn every_value_is_a_metric_of_the_load_lane() {
        let (tally, server) = run("store=redb,durability=fsynced,codec=json");
        let health = GeneratorHealth::default();
        let measurements = measurements(&load(&tally, &health, Some(&server)), 4).unwrap();
        let value = |name: &str| {
            let found = measurements.iter().find(|measurement| measurement.metric == name);
            found.map(|measurement| measurement.sample.median())
        };
        for measurement in &measurements {
            assert_eq!(measurement.metric().unwrap().lane, baselines::Lane::Load);
            assert_eq!((measurement.durability, measurement.operations), (Durability::Fsynced, 4));
            assert_eq!(measurement.counters["cache_hits"], 4);
        }
        assert_eq!(
            measurements.len(),
            baselines::metric::METRICS.iter().filter(|m| m.lane == baselines::Lane::Load).count()
        );
        assert_eq!(value("throughput"), Some(3.0 / 0.004));
        assert_eq!(value("errors"), Some(1.0));
        assert_eq!(value("cpu_per_request"), Some(1000.0));
        assert_eq!(value("peak_memory"), Some(2048.0));
        let text = lines(&measurements).unwrap();
        assert_eq!(text.lines().count(), measurements.len());
        for (line, measurement) in text.lines().zip(&measurements) {
            assert_eq!(serde_json::from_str::<Measurement>(line).unwrap(), *measurement);
        }
        let summary = summary(&load(&tally, &health, Some(&server)));
        assert!(summary.contains("1 x step: step number is 1, not 3"), "{summary}");
    }

    #[test]
    fn a_variant_says_its_durability() {
        let (tally, server) = run("store=redb");
        let health = GeneratorHealth::default();
        let error = measurements(&load(&tally, &health, Some(&server)), 4).unwrap_err();
        assert!(error.to_string().contains("names no durability class: store=redb"), "{error}");
    }

    #[test]
    fn a_server_that_was_away_has_no_figures_of_its_process() {
        let (tally, mut server) = run("store=redb,durability=fsynced");
        server.is_whole = false;
        let health = GeneratorHealth::default();
        let load = FinishedLoad { outages: 2, ..load(&tally, &health, Some(&server)) };
        let measurements = measurements(&load, 4).unwrap();
        assert!(measurements.iter().all(|it| it.counters.is_empty() && it.durability == Durability::Fsynced));
        assert!(measurements.iter().all(|it| !["cpu_per_request", "peak_memory"].contains(&it.metric.as_str())));
        assert!(summary(&load).contains("  the server was away 2 times\n"), "{}", summary(&load));
    }

    #[test]
    fn any_server_has_the_metrics_that_need_no_server() {
        let (tally, _) = run("");
        let health = GeneratorHealth::default();
        let measurements = measurements(&load(&tally, &health, None), 4).unwrap();
        assert!(measurements.iter().all(|measurement| measurement.durability == Durability::Unstated));
        let metrics: Vec<&str> = measurements.iter().map(|measurement| measurement.metric.as_str()).collect();
        assert!(metrics.contains(&"response_p99") && !metrics.contains(&"cpu_per_request"), "{metrics:?}");
    }
}
