//! One run of the load generator at one rate.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::objective::Objective;
use crate::tools::loadgen;

/// The settings that all trials share.
#[derive(Debug)]
pub struct TrialSettings<'a> {
    /// Its program.
    pub loadgen: &'a Path,
    /// Requests that take longer than its limit are counted.
    pub objective: Objective,
    /// Seconds during which sessions start.
    pub seconds: f64,
    /// The workload, and whatever else the load generator shall be told.
    pub arguments: &'a [OsString],
}

/// The outcome.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Trial {
    /// The seed of its schedule.
    pub seed: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// Requests that took longer than the objective's limit.
    pub over: u64,
    /// Those that did so from their sending: the server's part.
    pub service_over: u64,
    /// Requests that failed or were answered wrongly.
    pub errors: u64,
    /// Requests that were both, too slow and wrong.
    pub over_wrong: u64,
    /// Right answers per second.
    pub throughput: f64,
    /// Response times, from the intended start.
    pub response_mean_ns: f64,
    /// Half of them are below.
    pub response_p50_ns: f64,
    /// 99 of 100 are below.
    pub response_p99_ns: f64,
    /// The mean service time, from the sending.
    pub service_mean_ns: f64,
    /// Reasons not to believe it: the generator was the bottleneck.
    pub unhealthy: Vec<String>,
}

impl Trial {
    /// Requests that were too slow or wrong; no more than there were.
    pub fn missed(&self) -> u64 {
        (self.over + self.errors).saturating_sub(self.over_wrong).min(self.requests)
    }
}

/// Runs the load generator once.
pub fn run(settings: &TrialSettings<'_>, rate: f64, seed: u64) -> Result<Trial> {
    let limit = format!("{}us", settings.objective.limit_ns as f64 / 1e3);
    let [rate, seconds, seed_of] = [rate.to_string(), format!("{}s", settings.seconds), seed.to_string()];
    let pace = ["--rate", &rate, "--duration", &seconds, "--seed", &seed_of, "--count-over", &limit];
    let arguments = settings.arguments.iter().map(OsString::as_os_str).chain(pace.map(OsStr::new));
    let read = loadgen::run(settings.loadgen, loadgen::MOST_USERS, arguments)?;
    let over = read.over.context("the load generator counted no slow requests")?;
    Ok(Trial {
        seed,
        requests: read.requests,
        over: over.count,
        service_over: over.service_count,
        errors: read.errors.values().sum(),
        over_wrong: over.wrong_count,
        throughput: read.throughput.unwrap_or(0.0),
        response_mean_ns: read.response_ns.mean,
        response_p50_ns: read.response_ns.p50 as f64,
        response_p99_ns: read.response_ns.p99 as f64,
        service_mean_ns: read.service_ns.mean,
        unhealthy: read.unhealthy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_too_slow_and_wrong_is_missed_once() {
        let trial = Trial { requests: 100, over: 6, errors: 5, over_wrong: 4, ..Trial::default() };
        assert_eq!(trial.missed(), 7);
    }
}
