//! Goose's JSON report (`--report-file report.json`): the histogram of each request's times.
//!
//! Tested with goose 0.19. Its tables round times to whole milliseconds, so the median comes from `times_us`, whose
//! buckets are narrower than 1.6%. Goose counts from the actual send: that is a service time, not the response time of
//! a user who was due then.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use baselines::Measurement;
use serde::Deserialize;

#[derive(Deserialize)]
struct Report {
    raw_metrics: Metrics,
}

#[derive(Deserialize)]
struct Metrics {
    /// Whole seconds.
    duration: u64,
    requests: BTreeMap<String, Request>,
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

/// Median service time, requests a second and errors of each request.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Measurement>> {
    let report: Report = serde_json::from_slice(text).context("not a JSON report of goose 0.19")?;
    let mut measurements = Vec::new();
    for (name, request) in report.raw_metrics.requests {
        let case = super::case(name, "");
        let done = request.success_count + request.fail_count;
        if let Some(median_us) = median_us(&request.raw_data.times_us)? {
            measurements.push(super::measurement(case.clone(), "service_p50", vec![median_us * 1e3])?);
        }
        if report.raw_metrics.duration > 0 {
            let rate = done as f64 / report.raw_metrics.duration as f64;
            measurements.push(super::measurement(case.clone(), "throughput", vec![rate])?);
        }
        measurements.push(super::measurement(case, "errors", vec![request.fail_count as f64])?);
    }
    Ok(measurements)
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

    const REPORT: &[u8] = include_bytes!("../../tests/fixtures/foreign/goose.json");

    #[test]
    fn requests_have_their_times_rates_and_errors() {
        let measurements = parse(REPORT).expect("real output");
        let names: std::collections::BTreeSet<&str> =
            measurements.iter().map(|measurement| measurement.case.benchmark.as_str()).collect();
        assert_eq!(measurements.len(), names.len() * 3, "three metrics a request");
        for measurement in &measurements {
            let value = measurement.sample.values()[0];
            match measurement.metric.as_str() {
                "errors" => assert_eq!(value, 0.0),
                "service_p50" => assert!((1e4..1e9).contains(&value), "nanoseconds: {value}"),
                _ => assert!(value > 0.0, "{}: {value}", measurement.metric),
            }
        }
    }

    #[test]
    fn the_median_is_the_middle_of_the_histogram() {
        let buckets = |pairs: &[(&str, u64)]| pairs.iter().map(|(time, count)| ((*time).to_owned(), *count)).collect();
        assert_eq!(median_us(&buckets(&[("9", 1), ("100", 2), ("1000", 1)])).ok(), Some(Some(100.0)), "by number");
        assert_eq!(median_us(&buckets(&[])).ok(), Some(None));
        assert!(median_us(&buckets(&[("fast", 1)])).is_err());
    }
}
