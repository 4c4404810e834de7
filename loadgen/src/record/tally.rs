//! Response and service times in nanoseconds, to three digits, and counts of errors by kind.
//!
//! The histograms have every request that was sent, also those that failed. A server that answers errors quickly looks
//! fast there, so judge only the times of runs without errors.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// A kind of requests: times are told apart by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationName {
    pub name: String,
    /// The HTTP method.
    pub method: String,
}

/// One request that was sent.
#[derive(Debug, Clone)]
pub struct RequestRecord {
    /// Its position among the operations of the workload.
    pub operation: usize,
    /// Its intended start; in the closed model, the time of sending.
    pub intended: Instant,
    pub sent: Instant,
    /// The time at which the whole answer was there, or the request failed.
    pub done: Instant,
    /// The load generator's own delay: from the later of the intended start and the last answer to the sending.
    pub lag: Duration,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The fault of the answer, if it has one.
    pub error: Option<String>,
}

impl RequestRecord {
    /// From the intended start to the answer.
    pub fn response(&self) -> Duration {
        self.done.saturating_duration_since(self.intended)
    }

    /// From the sending to the answer.
    pub fn service(&self) -> Duration {
        self.done.saturating_duration_since(self.sent)
    }
}

/// All requests of a run.
#[derive(Debug)]
pub struct Tally {
    /// From the intended start to the answer.
    pub response: Histogram<u64>,
    /// From the sending to the answer.
    pub service: Histogram<u64>,
    /// The load generator's own delays.
    pub lag: Histogram<u64>,
    /// The response times of each operation, in the workload's order.
    pub by_operation: Vec<(String, Histogram<u64>)>,
    /// Counts by message; after the first [`Tally::KINDS_MAX`] messages all others together.
    pub errors: BTreeMap<String, u64>,
    /// Sessions that were played to the end without an error.
    pub sessions: u64,
    /// The limit of [`Tally::over`].
    pub count_over: Option<Duration>,
    /// Requests that took longer than the limit, from the intended start.
    pub over: u64,
    /// Those that did so from their sending.
    pub service_over: u64,
    /// Those of [`Tally::over`] that also failed or were answered wrongly.
    pub over_wrong: u64,
    /// The first intended start and the last answer.
    span: Option<(Instant, Instant)>,
}

impl Tally {
    /// The most messages that are counted separately, because ids and numbers could make them endless.
    pub const KINDS_MAX: usize = 20;

    pub fn new(operations: &[OperationName]) -> Tally {
        Tally {
            response: histogram(),
            service: histogram(),
            lag: histogram(),
            by_operation: operations.iter().map(|operation| (operation.name.clone(), histogram())).collect(),
            errors: BTreeMap::new(),
            sessions: 0,
            count_over: None,
            over: 0,
            service_over: 0,
            over_wrong: 0,
            span: None,
        }
    }

    pub fn add(&mut self, record: &RequestRecord) {
        let response_ns = nanoseconds(record.response());
        self.response.saturating_record(response_ns);
        self.service.saturating_record(nanoseconds(record.service()));
        self.lag.saturating_record(nanoseconds(record.lag));
        if let Some(limit) = self.count_over {
            self.over += u64::from(record.response() > limit);
            self.over_wrong += u64::from(record.response() > limit && record.error.is_some());
            self.service_over += u64::from(record.service() > limit);
        }
        let (name, histogram) = &mut self.by_operation[record.operation];
        histogram.saturating_record(response_ns);
        if let Some(error) = &record.error {
            let kind = format!("{name}: {error}");
            let known = self.errors.contains_key(&kind) || self.errors.len() < Tally::KINDS_MAX;
            *self.errors.entry(if known { kind } else { "others".to_owned() }).or_insert(0) += 1;
        }
        let (first, last) = self.span.unwrap_or((record.intended, record.done));
        self.span = Some((first.min(record.intended), last.max(record.done)));
    }

    /// Requests sent.
    pub fn requests(&self) -> u64 {
        self.response.len()
    }

    /// Requests that failed or were answered wrongly.
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    /// From the first intended start to the last answer.
    pub fn elapsed(&self) -> Duration {
        self.span.map_or(Duration::ZERO, |(first, last)| last.saturating_duration_since(first))
    }

    /// Requests with a right answer, per second; none before the first answer.
    pub fn throughput(&self) -> Option<f64> {
        let seconds = self.elapsed().as_secs_f64();
        (seconds > 0.0).then(|| (self.requests() - self.error_count()) as f64 / seconds)
    }
}

/// An empty histogram: three digits from a nanosecond to a day, in a few hundred kilobytes.
pub fn histogram() -> Histogram<u64> {
    const DAY_NS: u64 = 24 * 3600 * 1_000_000_000;
    Histogram::new_with_bounds(1, DAY_NS, 3).expect("the bounds are far enough apart, and 3 is a number of digits")
}

/// Nanoseconds, at most as many as a u64 has.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        Tally::new(&[OperationName { name: "step".to_owned(), method: "POST".to_owned() }])
    }

    fn record(start: Instant, intended_ms: u64, sent_ms: u64, done_ms: u64, error: Option<&str>) -> RequestRecord {
        let at = |ms| start + Duration::from_millis(ms);
        RequestRecord {
            operation: 0,
            intended: at(intended_ms),
            sent: at(sent_ms),
            done: at(done_ms),
            lag: Duration::ZERO,
            status: Some(201),
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn a_stall_is_charged_to_all_that_waited_for_it() {
        let start = Instant::now();
        let mut tally = tally();
        // A second's stall: ten requests were due during it, each served in a millisecond once it was over.
        for request in 0..10 {
            tally.add(&record(start, request * 100, 1000 + request, 1001 + request, None));
        }
        assert!(tally.response.value_at_quantile(0.5) > 500_000_000);
        assert!(tally.service.value_at_quantile(0.99) < 1_100_000);
        assert_eq!(tally.requests(), 10);
        assert_eq!(tally.elapsed(), Duration::from_millis(1010));
        assert!((tally.throughput().unwrap() - 10.0 / 1.01).abs() < 1e-9);
        assert_eq!(tally.by_operation[0].1.len(), 10);
    }

    #[test]
    fn errors_are_counted_by_kind_and_kept_out_of_the_throughput() {
        let start = Instant::now();
        let mut tally = tally();
        for request in 0..100 {
            tally.add(&record(start, 0, 0, 1000, Some(&format!("wrong {request}"))));
        }
        tally.add(&record(start, 0, 0, 1000, None));
        assert_eq!(tally.errors.len(), Tally::KINDS_MAX + 1);
        assert_eq!(tally.errors["others"], 80);
        assert_eq!((tally.requests(), tally.error_count()), (101, 100));
        assert_eq!(tally.throughput(), Some(1.0));
        assert_eq!(self::tally().throughput(), None);
    }
}
