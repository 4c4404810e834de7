//! One run of the load generator at one rate.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::objective::Objective;
use crate::workspace;

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
    /// Right answers a second.
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
        (self.over + self.errors).min(self.requests)
    }
}

#[derive(Deserialize)]
struct Summary {
    requests: u64,
    errors: std::collections::BTreeMap<String, u64>,
    throughput: Option<f64>,
    response_ns: Times,
    service_ns: Times,
    over: Over,
    unhealthy: Vec<String>,
}

#[derive(Deserialize)]
struct Times {
    mean: f64,
    p50: f64,
    p99: f64,
}

#[derive(Deserialize)]
struct Over {
    count: u64,
    service_count: u64,
}

/// Runs the load generator once.
pub fn run(settings: &TrialSettings<'_>, rate: f64, seed: u64) -> Result<Trial> {
    let folder = workspace::temporary("ladder-")?;
    let summary = folder.path().join("summary.json");
    let limit = format!("{}us", settings.objective.limit_ns as f64 / 1e3);
    let output = Command::new(settings.loadgen)
        .args(["--quiet", "--arrivals", "poisson", "--users", "256"])
        .args(settings.arguments)
        .args(["--rate", &rate.to_string(), "--duration", &format!("{}s", settings.seconds)])
        .args(["--seed", &seed.to_string(), "--count-over", &limit, "--summary"])
        .arg(&summary)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start {}", settings.loadgen.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    // 3: it was measured, and the summary says why it can't be believed.
    if !output.status.success() && output.status.code() != Some(3) {
        bail!("the load generator failed ({}): {}", output.status, said.trim());
    }
    let text = std::fs::read_to_string(&summary)
        .with_context(|| format!("the load generator wrote no summary: {}", said.trim()))?;
    let read: Summary = serde_json::from_str(&text).context("the load generator's summary can't be read")?;
    Ok(Trial {
        seed,
        requests: read.requests,
        over: read.over.count,
        service_over: read.over.service_count,
        errors: read.errors.values().sum(),
        throughput: read.throughput.unwrap_or(0.0),
        response_mean_ns: read.response_ns.mean,
        response_p50_ns: read.response_ns.p50,
        response_p99_ns: read.response_ns.p99,
        service_mean_ns: read.service_ns.mean,
        unhealthy: read.unhealthy,
    })
}
