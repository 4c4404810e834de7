//! Numbers for Prometheus, in the OpenMetrics text format.
//!
//! Requests are counted here. Everything below them is read from the memory's own counters when somebody asks, summed
//! over the tenants, so that nothing is counted twice. Only this file names prometheus-client.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use episodes::api::Healthy;
use memory::{Counters, Memory};
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The content type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Makes a histogram of seconds, from 100 us to 13 s.
type MakeHistogram = fn() -> Histogram;

pub struct Metrics {
    registry: Registry,
    operations: Family<Labels<2>, Counter>,
    seconds: Family<Labels<1>, Histogram, MakeHistogram>,
    in_flight: Gauge,
    seen: Seen,
}

/// A request that is being answered, until it is dropped.
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("memory");
        let operations = Family::default();
        let seconds =
            Family::new_with_constructor((|| Histogram::new(exponential_buckets(1e-4, 2.0, 18))) as MakeHistogram);
        let (in_flight, seen) = (Gauge::default(), Seen::default());
        registry.register("operations", "Requests that were answered, by kind and result", operations.clone());
        let about = "The time from a request's head to its answer";
        registry.register_with_unit("operation_duration", about, Unit::Seconds, seconds.clone());
        registry.register("requests_in_flight", "Requests that are being answered", in_flight.clone());
        registry.register_collector(Box::new(seen.clone()));
        Metrics { registry, operations, seconds, in_flight, seen }
    }

    pub fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub fn answered(&self, operation: &'static str, status: StatusCode, took: Duration) {
        let result = match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => "overloaded",
            status if status.is_server_error() => "error",
            status if status.is_client_error() => "refused",
            _ => "ok",
        };
        self.operations.get_or_create(&[("operation", operation), ("result", result)]).inc();
        self.seconds.get_or_create(&[("operation", operation)]).observe(took.as_secs_f64());
    }

    /// The text of all numbers, those of the memories summed. Sizes of memories whose database does not answer are left
    /// out.
    pub async fn text(&self, memories: &[(Arc<Memory>, Healthy)]) -> String {
        let mut now = Snapshot::default();
        for (memory, health) in memories {
            now.gauge("active_episodes", "Episodes that are being logged", health.active_episodes as u64);
            now.gauge("databases", "Databases in use", 1);
            now.gauge("databases_dead", "Databases that do not answer", u64::from(!health.database.ok));
            if health.database.ok
                && let Ok(stats) = memory.stats().await
            {
                now.gauge("episodes", "Episodes in the store, completed or not", stats.episodes);
                now.gauge("steps", "Steps in the store", stats.steps);
                now.gauge("patterns", "Patterns in the store", stats.patterns);
                now.gauge("store_bytes", "Bytes of the store's files", stats.stored_bytes);
            }
            for (name, count) in memory.counters() {
                *now.counters.entry(name).or_default() += count;
            }
        }
        *self.seen.0.lock() = now;
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes any text");
        text
    }
}

/// The numbers of the memories when they were last asked.
#[derive(Default)]
struct Snapshot {
    gauges: BTreeMap<&'static str, (&'static str, u64)>,
    counters: BTreeMap<&'static str, u64>,
}

impl Snapshot {
    fn gauge(&mut self, name: &'static str, about: &'static str, value: u64) {
        self.gauges.entry(name).or_insert((about, 0)).1 += value;
    }
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Snapshot>>);

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").finish_non_exhaustive()
    }
}

impl Collector for Seen {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let seen = self.0.lock();
        for (name, (about, value)) in &seen.gauges {
            let gauge = ConstGauge::<u64>::new(*value);
            gauge.encode(encoder.encode_descriptor(name, about, None, gauge.metric_type())?)?;
        }
        for (name, about) in Counters::TABLE {
            let counter = ConstCounter::<u64>::new(seen.counters.get(name).copied().unwrap_or(0));
            let about = about.trim_end_matches('.');
            counter.encode(encoder.encode_descriptor(name, about, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}

/// The kind of an operation: few, whatever is asked for.
pub fn operation(method: &Method, path: &str) -> &'static str {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method.as_str(), &parts[..]) {
        ("POST", ["episodes"]) => "start",
        ("POST", ["episodes", _, "steps"]) => "log_step",
        ("POST", ["episodes", _, "complete"]) => "complete",
        ("GET", ["episodes", _]) => "get",
        ("DELETE", ["episodes", _]) => "delete",
        ("POST", ["retrieve"]) => "retrieve",
        ("GET", ["patterns"]) => "patterns",
        ("GET", ["metadata"]) => "metadata",
        ("GET", ["stats"]) => "stats",
        _ => "other",
    }
}
