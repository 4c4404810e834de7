//! Workloads replayed against cache policies: the hits that a cache would have had, without a memory or waiting.
//!
//! The policies of the toggle `cache` are the memory's code, on a clock that the replay moves. They are compared with
//! two good ones, W-TinyLFU and S3-FIFO, and with the optimum, which knows the future and shows what is left to gain.
//!
//! An access asks for a key at a time. A miss keeps the key's truth of that moment; a hit serves what was kept, and is
//! *stale* if the truth has changed since. Nobody tells the caches of changes: this is the case of other writers, in
//! which a time to live is the only bound. A memory invalidates what it writes itself, and never serves it stale.
//!
//! All entries count as one, as in the memory's caches: sizes are not simulated.

pub mod columns;
mod optimum;
mod own;
mod s3_fifo;
pub mod table;
mod timed;
pub mod trace;
mod w_tiny_lfu;
pub mod workload;

use clap::ValueEnum;
use memory::CacheKind;
use memory::cache::CacheLimits;
use serde::Serialize;

use workload::Workload;

/// The rule by which entries stay. The naive one comes first, the best that can be last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum CachePolicy {
    /// No cache
    None,
    /// What was used last
    Lru,
    /// What was used last, for a time that grows with the hits
    AdaptiveTtl,
    /// What is expected to be used again in its time
    Predictive,
    /// W-TinyLFU, by the crate moka
    WTinyLfu,
    /// S3-FIFO, by the crate quick_cache
    S3Fifo,
    /// Belady's optimum, which knows the future
    Optimum,
}

impl CachePolicy {
    /// All of them, in that order.
    pub const ALL: &[CachePolicy] = <CachePolicy as strum::VariantArray>::VARIANTS;

    /// The name on the command line, in tables and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The result of a replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayResult {
    /// The workload's name.
    pub workload: String,
    /// The policy.
    pub policy: CachePolicy,
    /// The most entries that the cache held.
    pub capacity: usize,
    /// The time for which an entry was kept, in nanoseconds.
    pub ttl_ns: u64,
    /// All accesses.
    pub accesses: u64,
    /// Accesses that the cache served.
    pub hits: u64,
    /// Hits that served what was no longer true.
    pub stale: u64,
    /// Entries dropped to make room.
    pub evictions: u64,
    /// Entries dropped because their time was up.
    pub expirations: u64,
}

impl ReplayResult {
    /// Hits, as a part of all accesses.
    pub fn hit_ratio(&self) -> f64 {
        part(self.hits, self.accesses)
    }

    /// Stale serves, as a part of all hits.
    pub fn stale_ratio(&self) -> f64 {
        part(self.stale, self.hits)
    }
}

fn part(some: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { some as f64 / all as f64 }
}

/// Entries that a cache dropped by itself.
#[derive(Debug, Clone, Copy, Default)]
struct Dropped {
    evictions: u64,
    expirations: u64,
}

/// A cache that a workload is replayed against.
trait Replayed {
    /// Asks for a key: its kept truth, or `None` after a miss, which keeps `truth`.
    fn access(&mut self, key: u64, now_ns: u64, truth: u64) -> Option<u64>;

    fn dropped(&self) -> Dropped;
}

/// Replays a workload against a policy. The same arguments give the same result on every machine.
///
/// ```
/// use cache_sim::{CachePolicy, replay, workload::{WorkloadName, Workload}};
/// use memory::cache::CacheLimits;
///
/// let workload = Workload::make(WorkloadName::Zipf, 10_000, 1);
/// let limits = CacheLimits { capacity: 100, ..workload.limits };
/// let [lru, best] = [CachePolicy::Lru, CachePolicy::Optimum].map(|policy| replay(policy, &workload, limits));
/// assert!(0.2 < lru.hit_ratio() && lru.hit_ratio() < best.hit_ratio());
/// ```
pub fn replay(policy: CachePolicy, workload: &Workload, limits: CacheLimits) -> ReplayResult {
    let mut cache: Box<dyn Replayed> = match policy {
        CachePolicy::None => Box::new(own::Own::new(CacheKind::None, limits)),
        CachePolicy::Lru => Box::new(own::Own::new(CacheKind::Lru, limits)),
        CachePolicy::AdaptiveTtl => Box::new(own::Own::new(CacheKind::AdaptiveTtl, limits)),
        CachePolicy::Predictive => Box::new(own::Own::new(CacheKind::Predictive, limits)),
        CachePolicy::WTinyLfu => Box::new(timed::Timed::new(w_tiny_lfu::WTinyLfu::new(limits.capacity), limits.ttl_ns)),
        CachePolicy::S3Fifo => Box::new(timed::Timed::new(s3_fifo::S3Fifo::new(limits.capacity), limits.ttl_ns)),
        CachePolicy::Optimum => Box::new(optimum::Optimum::new(&workload.accesses, limits)),
    };
    let (mut hits, mut stale) = (0, 0);
    for access in &workload.accesses {
        let truth = workload.truth(access);
        if let Some(served) = cache.access(access.key, access.at_ns, truth) {
            hits += 1;
            stale += u64::from(served != truth);
        }
    }
    let Dropped { evictions, expirations } = cache.dropped();
    ReplayResult {
        workload: workload.name.clone(),
        policy,
        capacity: limits.capacity,
        ttl_ns: limits.ttl_ns,
        accesses: workload.accesses.len() as u64,
        hits,
        stale,
        evictions,
        expirations,
    }
}

#[cfg(test)]
mod tests;
