//! Goose's JSON report (`--report-file report.json`): the histogram of each request's times.
//!
//! Tested with goose 0.19. Its tables round times to whole milliseconds, so the median comes from `times_us`, whose
//! buckets are narrower than 1.6%. Goose counts from the actual send: that is a service time, not the response time of
//! a user who was due then.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::Found;

#[derive(Deserialize)]
struct Metrics {
    /// Whole seconds.
    duration: u64,
    requests: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Request {
    raw_data: Times,
    success_count: u64,
    fail_count: u64,
}

#[derive(Deserialize)]
struct Times {
    /// The number of times in each bucket, by the bucket's lower bound in microseconds.
    times_us: BTreeMap<String, u64>,
}

/// A value is a report of goose's.
pub(super) fn is_report(value: &Value) -> bool {
    value.get("raw_metrics").is_some()
}

/// Median service time, requests per second and errors of each request.
pub(super) fn read(path: &Path, report: &Value, found: &mut Found) {
    let version = report.get("goose_version").and_then(Value::as_str).unwrap_or("an unknown version");
    let not = || format!("not a report of goose 0.19 (it says {version})");
    let metrics = match Metrics::deserialize(&report["raw_metrics"]).with_context(not) {
        Ok(metrics) => metrics,
        Err(why) => return found.add("goose", path, path.display().to_string(), Err(why)),
    };
    for (name, request) in &metrics.requests {
        let case = super::case(name, "");
        match Request::deserialize(request).with_context(not).and_then(|request| request.metrics(metrics.duration)) {
            Ok(values) => {
                for (metric, value) in values {
                    found.add("goose", path, name, super::measurement(case.clone(), metric, vec![value]));
                }
            }
            Err(why) => found.add("goose", path, name, Err(why)),
        }
    }
}

impl Request {
    fn metrics(&self, duration_s: u64) -> Result<Vec<(&'static str, f64)>> {
        let done = self.success_count + self.fail_count;
        let median = median_us(&self.raw_data.times_us)?.map(|median_us| ("service_p50", median_us * 1e3));
        let rate = (duration_s > 0).then(|| ("throughput", done as f64 / duration_s as f64));
        Ok(median.into_iter().chain(rate).chain([("errors", self.fail_count as f64)]).collect())
    }
}

/// The lower bound of the median's bucket; `None` without times.
fn median_us(buckets: &BTreeMap<String, u64>) -> Result<Option<f64>> {
    let mut sorted = Vec::with_capacity(buckets.len());
    for (bucket, count) in buckets {
        let time_us: u64 = bucket.parse().with_context(|| format!("`{bucket}` is not a number of microseconds"))?;
        sorted.push((time_us, *count));
    }
    sorted.sort_unstable();
    let total: u64 = sorted.iter().map(|(_, count)| count).sum();
    ensure!(sorted.is_empty() || total > 0, "the histogram has buckets but no times");
    let mut seen = 0;
    Ok(sorted.into_iter().find_map(|(time_us, count)| {
        seen += count;
        (seen * 2 >= total).then_some(time_us as f64)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = include_str!("../../tests/fixtures/foreign/goose.json");

    fn found(report: &str) -> Found {
        let mut found = Found::default();
        read(Path::new("x.json"), &serde_json::from_str(report).expect("JSON"), &mut found);
        found
    }

    #[test]
    fn requests_have_their_times_rates_and_errors() {
        let measured = found(REPORT).measured;
        let names: std::collections::BTreeSet<&str> =
            measured.iter().map(|(_, measurement)| measurement.case.benchmark.as_str()).collect();
        assert_eq!(measured.len(), names.len() * 3, "three metrics a request");
        for (_, measurement) in &measured {
            let value = measurement.sample.values()[0];
            match measurement.metric.as_str() {
                "errors" => assert_eq!(value, 0.0),
                "service_p50" => assert!((1e4..1e9).contains(&value), "nanoseconds: {value}"),
                _ => assert!(value > 0.0, "{}: {value}", measurement.metric),
            }
        }
    }

    #[test]
    fn another_version_is_named_if_it_can_not_be_read() {
        let other = found(r#"{"goose_version":"0.30.0","raw_metrics":{}}"#);
        let (_, why) = other.lost().next().expect("named");
        assert!(why.contains("goose 0.19 (it says 0.30.0)"), "{why}");
    }

    #[test]
    fn the_median_is_the_middle_of_the_histogram() {
        let buckets = |pairs: &[(&str, u64)]| pairs.iter().map(|(time, count)| ((*time).to_owned(), *count)).collect();
        assert_eq!(median_us(&buckets(&[("9", 1), ("100", 2), ("1000", 1)])).ok(), Some(Some(100.0)), "by number");
        assert_eq!(median_us(&buckets(&[])).ok(), Some(None));
        assert!(median_us(&buckets(&[("fast", 1)])).is_err());
    }
}
