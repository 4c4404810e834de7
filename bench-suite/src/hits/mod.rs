//! What a cache would have hit: workloads replayed against policies, without a memory and without waiting.
//!
//! The policies of the toggle `cache` are the memory's own code, on a clock that the replay moves. Beside them stand two that are known to be good,
//! [`w_tiny_lfu`] and [`s3_fifo`], and the [`optimum`], which knows the future: what is left to gain.
//!
//! An access asks for a key at a time. A miss keeps what is true of the key at that moment; a hit serves what was kept, and is *stale* if something
//! else is true by now. Nobody tells the caches what changed: this is the case of other writers, in which a time to live is the only bound. What
//! a memory writes itself it invalidates, and never serves stale.
//!
//! Left out on purpose: sizes. All entries count as one, as in the memory's caches.

pub mod optimum;
pub mod own;
pub mod s3_fifo;
pub mod table;
mod timed;
pub mod trace;
pub mod w_tiny_lfu;
pub mod workload;

use clap::ValueEnum;
use memory::CacheKind;
use memory::cache::CacheLimits;
use serde::Serialize;

use workload::Workload;

/// What decides which entries stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
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

impl Policy {
    /// All of them, the naive one first, the best that can be last.
    pub const ALL: [Policy; 7] = [
        Policy::None,
        Policy::Lru,
        Policy::AdaptiveTtl,
        Policy::Predictive,
        Policy::WTinyLfu,
        Policy::S3Fifo,
        Policy::Optimum,
    ];

    /// The name on the command line, in tables and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Policy::None => "none",
            Policy::Lru => "lru",
            Policy::AdaptiveTtl => "adaptive-ttl",
            Policy::Predictive => "predictive",
            Policy::WTinyLfu => "w-tiny-lfu",
            Policy::S3Fifo => "s3-fifo",
            Policy::Optimum => "optimum",
        }
    }
}

/// What came of a replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The workload's name.
    pub workload: String,
    /// The policy.
    pub policy: Policy,
    /// Entries that the cache held at the most.
    pub capacity: usize,
    /// How long an entry was kept, in nanoseconds.
    pub ttl_ns: u64,
    /// Accesses in all.
    pub accesses: u64,
    /// Those that the cache served.
    pub hits: u64,
    /// Those of them that it served although something else was true.
    pub stale: u64,
    /// Entries that went to make room.
    pub evictions: u64,
    /// Entries that went because their time was up.
    pub expirations: u64,
}

impl Outcome {
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// To make room.
    pub evictions: u64,
    /// Because their time was up.
    pub expirations: u64,
}

/// A cache that a workload is replayed against.
pub trait Replayed {
    /// Asks for a key: what was kept of it, or `None` after a miss, which keeps `truth`.
    fn access(&mut self, key: u64, now_ns: u64, truth: u64) -> Option<u64>;

    /// What went so far.
    fn dropped(&self) -> Dropped;
}

/// Replays a workload against a policy. The same arguments give the same outcome on every machine.
///
/// ```
/// use bench_suite::hits::{Policy, replay, workload::{Name, Workload}};
/// use memory::cache::CacheLimits;
///
/// let workload = Workload::make(Name::Zipf, 10_000, 1);
/// let limits = CacheLimits { capacity: 100, ..workload.limits };
/// let [lru, best] = [Policy::Lru, Policy::Optimum].map(|policy| replay(policy, &workload, limits));
/// assert!(0.2 < lru.hit_ratio() && lru.hit_ratio() < best.hit_ratio());
/// ```
pub fn replay(policy: Policy, workload: &Workload, limits: CacheLimits) -> Outcome {
    let mut cache: Box<dyn Replayed> = match policy {
        Policy::None => Box::new(own::Own::new(CacheKind::None, limits)),
        Policy::Lru => Box::new(own::Own::new(CacheKind::Lru, limits)),
        Policy::AdaptiveTtl => Box::new(own::Own::new(CacheKind::AdaptiveTtl, limits)),
        Policy::Predictive => Box::new(own::Own::new(CacheKind::Predictive, limits)),
        Policy::WTinyLfu => Box::new(timed::Timed::new(w_tiny_lfu::WTinyLfu::new(limits.capacity), limits.ttl_ns)),
        Policy::S3Fifo => Box::new(timed::Timed::new(s3_fifo::S3Fifo::new(limits.capacity), limits.ttl_ns)),
        Policy::Optimum => Box::new(optimum::Optimum::new(&workload.accesses, limits)),
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
    Outcome {
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
