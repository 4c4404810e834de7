//! Caches of whole episodes and of answers to queries: the `cache` toggle, one strategy per file.
//!
//! | | |
//! |---|---|
//! | what stays, and for how long | an `EvictionPolicy`: `lru`, `adaptive-ttl`, `predictive` |
//! | locking, versions, counting | `policy_cache`, the same over every policy |
//! | cached queries, and which write changes which answer | `queries` |
//!
//! Invalidation is precise: a write removes what it may have changed and nothing else. A look-up that raced with such a
//! write must not put the old value back. Therefore a miss hands out an [`InsertLease`] with the version before the
//! store was read, and `put` refuses it if something was invalidated since.
//!
//! Writes of this memory are seen at once. Those of others to the same database (several processes on one libSQL
//! server) are not: an entry may be as old as its time to live, [`crate::Options::cache_ttl_ns`], and under
//! `adaptive-ttl` 4 times as old. The same holds for a write that a server finishes after its caller went away. Whoever
//! cannot accept that uses `cache=none`.
//!
//! Absence is not cached: a look-up of an unknown id always asks the store.

mod adaptive_ttl;
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

/// The invalidations before a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    invalidated: u64,
    swept: u64,
}

/// The right to insert a value that a look-up missed, drawn before the store is read; empty without a cache.
#[derive(Debug, Clone)]
pub struct InsertLease<K>(Option<(K, Version)>);

impl<K> InsertLease<K> {
    /// There is a cache to insert into.
    pub fn is_cached(&self) -> bool {
        self.0.is_some()
    }
}

/// The answer to a look-up.
#[derive(Debug, Clone)]
pub enum CacheAnswer<K, V> {
    /// The value is cached.
    Hit(V),
    /// It is not: read the store, and insert with this lease.
    Miss(InsertLease<K>),
}

/// Keeps values at hand. Keys are made where they are needed: `none` needs none.
pub trait Cache<K, V>: Send + Sync {
    /// The value, if it is cached, not expired, and `enough`.
    fn get(&self, key: &dyn Fn() -> K, enough: &dyn Fn(&V) -> bool) -> CacheAnswer<K, V>;

    /// Inserts a value that was read after the lease was drawn, unless it changed since.
    fn put(&self, wanted: InsertLease<K>, value: V);

    /// Removes a value that changed.
    fn invalidate(&self, key: &dyn Fn() -> K);

    /// Removes all values that `changed` names. It looks at each: not for hot paths.
    fn invalidate_where(&self, changed: &dyn Fn(&K, &V) -> bool);
}

/// The cache of whole episodes.
pub type EpisodeCache = dyn Cache<EpisodeId, Arc<Episode>>;

/// The answer of a policy to a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CacheLookup<V> {
    Fresh(V),
    /// An expired value, which is removed.
    Expired(V),
    Absent,
}

/// The reason why an entry was removed for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RemovalCause {
    /// The other one has the same key.
    Replaced,
    /// To make room.
    Evicted,
    /// It had expired, and the room was needed.
    Expired,
}

/// An entry that was removed for another one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Displaced<K, V> {
    pub key: K,
    pub value: V,
    pub cause: RemovalCause,
}

/// Decides which entries stay and for how long. One thread at a time uses it, and tells it the time. A look-up that
/// found nothing is followed by a `put`: both together are one use.
trait EvictionPolicy<K, V>: Send {
    /// The value, if it has not expired.
    fn get(&mut self, key: &K, now_ns: u64) -> CacheLookup<V>;

    /// Inserts a value, and returns the entry that it displaced.
    fn put(&mut self, key: K, value: V, now_ns: u64) -> Option<Displaced<K, V>>;

    /// Takes a value out.
    fn remove(&mut self, key: &K) -> Option<V>;

    /// The keys of all entries that `wanted` says are wanted.
    fn keys(&self, wanted: &dyn Fn(&K, &V) -> bool) -> Vec<K>;
}

/// The policy of that kind; `None` for `none`. It counts only what tells it from `lru`.
fn policy<K: Hash + Eq + Clone + Send + 'static, V: Clone + Send + 'static>(
    kind: CacheKind,
    CacheLimits { capacity, ttl_ns }: CacheLimits,
    counters: &Arc<Counters>,
) -> Option<Box<dyn EvictionPolicy<K, V>>> {
    Some(match kind {
        CacheKind::None => return None,
        CacheKind::Lru => Box::new(lru::Lru::new(capacity, ttl_ns)),
        CacheKind::AdaptiveTtl => Box::new(adaptive_ttl::AdaptiveTtl::new(capacity, ttl_ns, Arc::clone(counters))),
        CacheKind::Predictive => Box::new(predictive::Predictive::new(capacity, ttl_ns, Arc::clone(counters))),
    })
}

/// The limits of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// The most entries of one cache; 0 is taken as 1.
    pub capacity: usize,
    /// The time to live of an entry, in nanoseconds.
    pub ttl_ns: u64,
}

/// A cache of that kind. It is counted like a cache of episodes.
pub fn new<K: Hash + Eq + Clone + Send + 'static, V: Clone + Send + 'static>(
    kind: CacheKind,
    limits: CacheLimits,
    clock: &Arc<dyn Clock>,
    counters: &Arc<Counters>,
) -> Arc<dyn Cache<K, V>> {
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

fn over<K: Hash + Eq + Clone + Send + 'static, V: Clone + Send + 'static>(
    kind: CacheKind,
    limits: CacheLimits,
    clock: &Arc<dyn Clock>,
    counters: &Arc<Counters>,
    tally: &'static policy_cache::CacheCounters,
) -> Arc<dyn Cache<K, V>> {
    let Some(policy) = policy(kind, limits, counters) else { return Arc::new(NoCache) };
    Arc::new(policy_cache::PolicyCache::new(policy, Arc::clone(clock), Arc::clone(counters), tally))
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
