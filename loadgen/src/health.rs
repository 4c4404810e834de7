//! The load generator's own health: a run in which the generator was the bottleneck says nothing of the server.
//!
//! A generator can fail in three ways. All its users were busy when a session was due, so that the load was no longer
//! open. Its own delays were a large part of what it reports as response time. Or it had no CPU time left.

use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::record::tally::histogram;

/// The part of the response time that may be the generator's own waiting: of its p99, and of its median.
const OWN_PART: f64 = 0.25;

/// A median wait up to this is never too long, nor is one up to this part of the limit of the p99.
const MEDIAN_LAG: Duration = Duration::from_millis(1);
const MEDIAN_PART: u32 = 50;

/// The part of its threads' time that a generator may compute.
const CPU_PART: f64 = 0.9;

/// In a shorter time, the share of the CPU means little.
const CPU_AFTER: Duration = Duration::from_secs(1);

/// Counts and waits of one generator, or of several together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorHealth {
    /// Requests of the sessions that were due.
    pub offered: u64,
    /// Requests that were sent.
    pub started: u64,
    /// Requests with a whole answer.
    pub completed: u64,
    /// Requests not sent because one before them in their session had failed.
    pub skipped: u64,
    /// Requests that were due and never sent, because the run ended.
    pub dropped: u64,
    /// The most sessions that were due at one time and had no user.
    pub backlog: u64,
    /// Start lag: from the intended start of a request to its sending, in nanoseconds.
    pub start_lag_ns: LagPercentiles,
    /// The part of it that was the generator's own delay: a user was there, and the last answer too.
    pub own_lag_ns: LagPercentiles,
    /// From the arrival of a session until a user was free for it.
    pub user_wait_ns: LagPercentiles,
    /// CPU time of the generator's process, as a share of the time of its threads.
    pub cpu_share: f64,
    /// From the first intended start to the last answer, in nanoseconds.
    pub elapsed_ns: u64,
}

/// Percentiles of a wait, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagPercentiles {
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

impl LagPercentiles {
    /// Of these waits; zeros if there are none.
    pub fn of(waits: &Histogram<u64>) -> LagPercentiles {
        let at = |quantile: f64| if waits.is_empty() { 0 } else { waits.value_at_quantile(quantile) };
        LagPercentiles { p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }

    fn or_worse(self, other: LagPercentiles) -> LagPercentiles {
        LagPercentiles { p50: self.p50.max(other.p50), p99: self.p99.max(other.p99), max: self.max.max(other.max) }
    }
}

/// The bounds of a healthy generator.
#[derive(Debug, Clone, Copy)]
pub struct HealthLimits {
    /// Waits up to this are never too long.
    pub start_lag: Duration,
    /// The number of users, for the message.
    pub users: u32,
}

impl GeneratorHealth {
    /// The reasons not to believe a run, each with its remedy; `response` has all response times of the run.
    pub fn complaints(&self, response: &Histogram<u64>, limits: HealthLimits) -> Vec<String> {
        let LagPercentiles { p50, p99, .. } = LagPercentiles::of(response);
        let ms = |ns: u64| ns as f64 / 1e6;
        let is_long = |wait: u64, allowed: Duration, response: u64| {
            u128::from(wait) > allowed.as_nanos() && wait as f64 > OWN_PART * response as f64
        };
        let mut complaints = Vec::new();
        if is_long(self.user_wait_ns.p99, limits.start_lag, p99) {
            complaints.push(format!(
                "all {} users were busy when sessions were due: the p99 wait for one is {:.1} ms, the p99 response \
                 time {:.1} ms, and up to {} sessions waited; raise --users, or lower --rate",
                limits.users,
                ms(self.user_wait_ns.p99),
                ms(p99),
                self.backlog
            ));
        }
        // Of a short run, the p99 is a single request; a generator that can't keep up sends most of them late.
        let own = self.own_lag_ns;
        let median = MEDIAN_LAG.max(limits.start_lag / MEDIAN_PART);
        let late = [("p99", own.p99, limits.start_lag, p99), ("median", own.p50, median, p50)];
        if let Some((which, own, _, response)) = late.into_iter().find(|(_, own, most, of)| is_long(*own, *most, *of)) {
            complaints.push(format!(
                "the load generator sent too late: its own {which} delay is {:.1} ms, the {which} response time {:.1} \
                 ms; give it a free core, or lower --rate",
                ms(own),
                ms(response)
            ));
        }
        if self.cpu_share > CPU_PART && self.elapsed_ns > CPU_AFTER.as_nanos() as u64 {
            complaints.push(format!(
                "the load generator used {:.0}% of the CPU time of its threads: raise --threads, or divide the load \
                 with --shard",
                100.0 * self.cpu_share
            ));
        }
        complaints
    }

    /// Of two generators that sent at the same time: counts are added, waits are the worse ones.
    pub fn and(&self, other: &GeneratorHealth) -> GeneratorHealth {
        GeneratorHealth {
            offered: self.offered + other.offered,
            started: self.started + other.started,
            completed: self.completed + other.completed,
            skipped: self.skipped + other.skipped,
            dropped: self.dropped + other.dropped,
            backlog: self.backlog + other.backlog,
            start_lag_ns: self.start_lag_ns.or_worse(other.start_lag_ns),
            own_lag_ns: self.own_lag_ns.or_worse(other.own_lag_ns),
            user_wait_ns: self.user_wait_ns.or_worse(other.user_wait_ns),
            cpu_share: self.cpu_share.max(other.cpu_share),
            elapsed_ns: self.elapsed_ns.max(other.elapsed_ns),
        }
    }

    /// The counts and waits on one line, for people.
    pub fn line(&self) -> String {
        let ms = |ns: u64| ns as f64 / 1e6;
        format!(
            "offered {}, started {}, completed {}, skipped {}, dropped {}, backlog {}; start lag p50 {:.2} p99 {:.2} \
             ms, own {:.2} ms; generator's CPU {:.0}%",
            self.offered,
            self.started,
            self.completed,
            self.skipped,
            self.dropped,
            self.backlog,
            ms(self.start_lag_ns.p50),
            ms(self.start_lag_ns.p99),
            ms(self.own_lag_ns.p99),
            100.0 * self.cpu_share
        )
    }
}

/// CPU time of this process so far.
pub fn cpu_time() -> Duration {
    // The kernel's CPU times are not negative.
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

/// Waits of a generator, as they occur.
#[derive(Debug)]
pub struct Waits {
    pub start_lag: Histogram<u64>,
    pub user_wait: Histogram<u64>,
    pub skipped: u64,
    pub completed: u64,
    pub backlog: u64,
}

impl Waits {
    pub fn new() -> Waits {
        Waits { start_lag: histogram(), user_wait: histogram(), skipped: 0, completed: 0, backlog: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HealthLimits = HealthLimits { start_lag: Duration::from_millis(5), users: 16 };

    fn responses(ms: u64) -> Histogram<u64> {
        let mut all = histogram();
        all.record_n(ms * 1_000_000, 1000).unwrap();
        all
    }

    fn wait(ms: u64) -> LagPercentiles {
        LagPercentiles { p50: 0, p99: ms * 1_000_000, max: ms * 1_000_000 }
    }

    #[test]
    fn a_healthy_generator_has_no_complaints() {
        let health =
            GeneratorHealth { own_lag_ns: wait(20), user_wait_ns: wait(4), cpu_share: 0.5, ..Default::default() };
        assert_eq!(health.complaints(&responses(100), LIMITS), Vec::<String>::new());
        assert_eq!(GeneratorHealth::default().complaints(&histogram(), LIMITS), Vec::<String>::new());
    }

    #[test]
    fn each_bottleneck_is_told_with_its_remedy() {
        let told = |health: GeneratorHealth| health.complaints(&responses(30), LIMITS).join("\n");
        let users = told(GeneratorHealth { user_wait_ns: wait(20), backlog: 40, ..Default::default() });
        assert_eq!(
            users,
            "all 16 users were busy when sessions were due: the p99 wait for one is 20.0 ms, the p99 response time \
             30.0 ms, and up to 40 sessions waited; raise --users, or lower --rate"
        );
        let late = told(GeneratorHealth { own_lag_ns: wait(20), ..Default::default() });
        assert!(late.contains("its own p99 delay is 20.0 ms") && late.contains("a free core"), "{late}");
        let own_lag_ns = LagPercentiles { p50: 9_000_000, ..wait(0) };
        let mostly = told(GeneratorHealth { own_lag_ns, ..Default::default() });
        assert!(mostly.contains("its own median delay is 9.0 ms, the median response time 30.0 ms"), "{mostly}");
        let own_lag_ns = LagPercentiles { p50: 9_000_000, ..wait(0) };
        let patient = HealthLimits { start_lag: Duration::from_secs(1), ..LIMITS };
        let health = GeneratorHealth { own_lag_ns, ..Default::default() };
        assert_eq!(health.complaints(&responses(30), patient), Vec::<String>::new(), "whoever allows 1 s allows 20 ms");
        let busy = GeneratorHealth { cpu_share: 0.95, elapsed_ns: 2_000_000_000, ..Default::default() };
        assert!(told(busy.clone()).contains("95% of the CPU time of its threads: raise --threads"));
        assert_eq!(told(GeneratorHealth { elapsed_ns: 500_000_000, ..busy }), "");
    }

    #[test]
    fn generators_are_added_and_the_worse_wait_counts() {
        let one = GeneratorHealth { offered: 3, backlog: 1, own_lag_ns: wait(2), cpu_share: 0.2, ..Default::default() };
        let other = GeneratorHealth { offered: 4, own_lag_ns: wait(9), cpu_share: 0.1, ..Default::default() };
        let both = one.and(&other);
        assert_eq!((both.offered, both.backlog, both.own_lag_ns, both.cpu_share), (7, 1, wait(9), 0.2));
    }
}
