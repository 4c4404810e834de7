//! Caches of whole episodes and of answers to queries, chosen by the `cache` toggle, one strategy a file.
//!
//! | what | in one place |
//! |---|---|
//! | what stays, and for how long | a [`EvictionPolicy`]: `lru`, `adaptive-ttl`, `predictive` |
//! | locks, tickets, counting | `kept`, the same over every policy |
//! | what is asked for, and which write changes which answer | `queries` |
//!
//! Invalidation is precise: a write removes what it may have changed and nothing else. A look-up that raced with such a write must not put the old
//! value back, so a look-up that misses hands out a [`InsertLease`] with the version that was drawn before the store was read, and a `put` is refused if
//! something was invalidated since.
//!
//! Writes of this memory are seen at once. Those of others to the same database (several processes on one remote libSQL server) are not: an entry
//! may be as old as its time to live, [`crate::Options::cache_ttl_ns`], and under `adaptive-ttl` as [`adaptive_ttl::MOST`] times that. Nor is a write
//! that a server finishes after its caller went away, for as long. Whoever cannot bear that takes `cache=none`.
//!
//! Displaced out on purpose: caching what is not there. A look-up of an unknown id always asks the store.

pub mod adaptive_ttl;
mod lru;
mod policy_cache;
mod predictive;
mod queries;
mod sketch;
mod ttl_lru;

use std::hash::Hash;
use std::sync::Arc;

use crate::{CacheKind, Clock, Counters, Episode, EpisodeId};

pub(crate) use queries::{CachedRanking, Queries};

/// When a look-up began, in terms of invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    invalidated: u64,
    swept: u64,
}

/// What a look-up did not find, and may put: drawn before the store is read. From `none` it is nothing.
#[derive(Debug, Clone)]
pub struct InsertLease<K>(Option<(K, Version)>);

impl<K> InsertLease<K> {
    /// Whether there is a cache to put it into.
    pub fn is_cached(&self) -> bool {
        self.0.is_some()
    }
}

/// What a look-up found.
#[derive(Debug, Clone)]
pub enum CacheAnswer<K, V> {
    /// It is at hand.
    Hit(V),
    /// It is not: the store has to be asked.
    Miss(InsertLease<K>),
}

/// Keeps values at hand. Keys are made where they are needed: `none` needs none.
pub trait Cache<K, V>: Send + Sync {
    /// The value, if it is at hand, its time is not up, and it is enough.
    fn get(&self, key: &dyn Fn() -> K, enough: &dyn Fn(&V) -> bool) -> CacheAnswer<K, V>;

    /// Keeps a value that was read from the store after `wanted` was drawn, unless it changed since.
    fn put(&self, wanted: InsertLease<K>, value: V);

    /// Forgets a value that changed.
    fn invalidate(&self, key: &dyn Fn() -> K);

    /// Forgets all values that `changed` says have changed. Looks at each: not for hot paths.
    fn invalidate_where(&self, changed: &dyn Fn(&K, &V) -> bool);
}

/// The cache of whole episodes.
pub type EpisodeCache = dyn Cache<EpisodeId, Arc<Episode>>;

/// What a policy has under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheLookup<V> {
    /// The value.
    Fresh(V),
    /// A value whose time was up: it is taken out.
    Expired(V),
    /// Nothing.
    Absent,
}

/// RemovalCause an entry left for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalCause {
    /// The other one has the same key.
    Replaced,
    /// To make room.
    Evicted,
    /// Its time was up, and the room was needed.
    Expired,
}

/// An entry that left for another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Displaced<K, V> {
    /// Its key.
    pub key: K,
    /// Its value.
    pub value: V,
    /// RemovalCause it left.
    pub cause: RemovalCause,
}

/// Decides what stays and for how long. It is used by one thread at a time, and told what time it is.
///
/// A look-up is followed by a `put` where it found nothing, so that both together are one use.
pub trait EvictionPolicy<K, V>: Send {
    /// The value, if its time is not up.
    fn get(&mut self, key: &K, now_ns: u64) -> CacheLookup<V>;

    /// Keeps a value, and gives the one that left for it.
    fn put(&mut self, key: K, value: V, now_ns: u64) -> Option<Displaced<K, V>>;

    /// Takes a value out.
    fn remove(&mut self, key: &K) -> Option<V>;

    /// The keys of all entries that `wanted` says are wanted.
    fn keys(&self, wanted: &dyn Fn(&K, &V) -> bool) -> Vec<K>;
}

/// The policy of that kind; `None` for `none`. It counts what tells it from `lru`; hits and misses are its user's to count.
fn policy<K, V>(kind: CacheKind, limits: CacheLimits, counters: &Arc<Counters>) -> Option<Box<dyn EvictionPolicy<K, V>>>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    let CacheLimits { capacity, ttl_ns } = limits;
    match kind {
        CacheKind::None => None,
        CacheKind::Lru => Some(Box::new(lru::Lru::new(capacity, ttl_ns))),
        CacheKind::AdaptiveTtl => {
            Some(Box::new(adaptive_ttl::AdaptiveTtl::new(capacity, ttl_ns, Arc::clone(counters))))
        }
        CacheKind::Predictive => Some(Box::new(predictive::Predictive::new(capacity, ttl_ns, Arc::clone(counters)))),
    }
}

/// How much caches hold, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// The most entries of one cache; 0 is taken as 1.
    pub capacity: usize,
    /// How long each is kept, in nanoseconds.
    pub ttl_ns: u64,
}

/// A cache of that kind, of anything: what it does is counted as of episodes.
pub fn new<K, V>(
    kind: CacheKind,
    limits: CacheLimits,
    clock: &Arc<dyn Clock>,
    counters: &Arc<Counters>,
) -> Arc<dyn Cache<K, V>>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    over(kind, limits, clock, counters, &policy_cache::EPISODES)
}

/// The caches of that kind: of episodes, and of answers.
pub(crate) fn open(
    kind: CacheKind,
    limits: CacheLimits,
    clock: &Arc<dyn Clock>,
    counters: &Arc<Counters>,
) -> (Arc<EpisodeCache>, Queries) {
    let episodes = new(kind, limits, clock, counters);
    let lists = over(kind, limits, clock, counters, &policy_cache::QUERIES);
    let best = over(kind, limits, clock, counters, &policy_cache::QUERIES);
    (episodes, Queries::new(lists, best))
}

fn over<K, V>(
    kind: CacheKind,
    limits: CacheLimits,
    clock: &Arc<dyn Clock>,
    counters: &Arc<Counters>,
    tally: &'static policy_cache::Tally,
) -> Arc<dyn Cache<K, V>>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    match policy(kind, limits, counters) {
        None => Arc::new(NoCache),
        Some(policy) => {
            Arc::new(policy_cache::PolicyCache::new(policy, Arc::clone(clock), Arc::clone(counters), tally))
        }
    }
}

/// Cache `none`: keeps nothing and counts nothing.
struct NoCache;

impl<K, V> Cache<K, V> for NoCache {
    fn get(&self, _: &dyn Fn() -> K, _: &dyn Fn(&V) -> bool) -> CacheAnswer<K, V> {
        CacheAnswer::Miss(InsertLease(None))
    }

    fn put(&self, _: InsertLease<K>, _: V) {}

    fn invalidate(&self, _: &dyn Fn() -> K) {}

    fn invalidate_where(&self, _: &dyn Fn(&K, &V) -> bool) {}
}
