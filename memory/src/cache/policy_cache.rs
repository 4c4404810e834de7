//! A cache over any policy: one lock, the versions that keep old values out, and the counting.
//!
//! Values that a policy gives back are freed after the lock is released. There are no shards: the lock is held for one
//! look-up in a hash table, and two runs evict the same entries.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Cache, CacheAnswer, CacheLookup, EvictionPolicy, InsertLease, RemovalCause, Version};
use crate::hash::FixedState;
use crate::{Clock, Counter, Counters};

/// Invalidations are counted by groups of keys, so many that a write seldom refuses another key's `put`.
const GROUPS: usize = 64;

pub(super) struct CacheCounters {
    hits: fn(&Counters) -> &Counter,
    misses: fn(&Counters) -> &Counter,
    evictions: fn(&Counters) -> &Counter,
    expirations: fn(&Counters) -> &Counter,
    invalidations: fn(&Counters) -> &Counter,
}

pub(super) static EPISODES: CacheCounters = CacheCounters {
    hits: |counters| &counters.cache_hits,
    misses: |counters| &counters.cache_misses,
    evictions: |counters| &counters.cache_evictions,
    expirations: |counters| &counters.cache_expirations,
    invalidations: |counters| &counters.cache_invalidations,
};

pub(super) static QUERIES: CacheCounters = CacheCounters {
    hits: |counters| &counters.query_hits,
    misses: |counters| &counters.query_misses,
    evictions: |counters| &counters.query_evictions,
    expirations: |counters| &counters.query_expirations,
    invalidations: |counters| &counters.query_invalidations,
};

pub(super) struct PolicyCache<K, V> {
    state: Mutex<State<K, V>>,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    tally: &'static CacheCounters,
}

struct State<K, V> {
    policy: Box<dyn EvictionPolicy<K, V>>,
    invalidated: [u64; GROUPS],
    swept: u64,
}

impl<K: Hash, V> PolicyCache<K, V> {
    pub(super) fn new(
        policy: Box<dyn EvictionPolicy<K, V>>,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
        tally: &'static CacheCounters,
    ) -> PolicyCache<K, V> {
        PolicyCache { state: Mutex::new(State { policy, invalidated: [0; GROUPS], swept: 0 }), clock, counters, tally }
    }

    fn count(&self, counter: fn(&Counters) -> &Counter) {
        counter(&self.counters).increment();
    }
}

impl<K: Hash, V> State<K, V> {
    fn version(&self, key: &K) -> Version {
        Version { invalidated: self.invalidated[group(key)], swept: self.swept }
    }
}

fn group<K: Hash>(key: &K) -> usize {
    FixedState::default().hash_one(key) as usize % GROUPS
}

impl<K: Hash + Send, V: Send> Cache<K, V> for PolicyCache<K, V> {
    #[inline(never)]
    fn get(&self, key: &dyn Fn() -> K, enough: &dyn Fn(&V) -> bool) -> CacheAnswer<K, V> {
        let (key, now_ns) = (key(), self.clock.now_ns());
        let mut state = self.state.lock();
        let looked_up = state.policy.get(&key, now_ns);
        match looked_up {
            CacheLookup::Fresh(value) if enough(&value) => {
                drop(state);
                self.count(self.tally.hits);
                CacheAnswer::Hit(value)
            }
            missing => {
                let version = state.version(&key);
                drop(state);
                if matches!(missing, CacheLookup::Expired(_)) {
                    self.count(self.tally.expirations);
                }
                self.count(self.tally.misses);
                CacheAnswer::Miss(InsertLease(Some((key, version))))
            }
        }
    }

    #[inline(never)]
    fn put(&self, wanted: InsertLease<K>, value: V) {
        let Some((key, version)) = wanted.0 else { return };
        let now_ns = self.clock.now_ns();
        let mut state = self.state.lock();
        if state.version(&key) != version {
            return;
        }
        let left = state.policy.put(key, value, now_ns);
        drop(state);
        match left.map(|left| left.cause) {
            Some(RemovalCause::Evicted) => self.count(self.tally.evictions),
            Some(RemovalCause::Expired) => self.count(self.tally.expirations),
            Some(RemovalCause::Replaced) | None => {}
        }
    }

    fn invalidate(&self, key: &dyn Fn() -> K) {
        let key = key();
        let mut state = self.state.lock();
        let count = &mut state.invalidated[group(&key)];
        *count = count.wrapping_add(1);
        let removed = state.policy.remove(&key);
        drop(state);
        if removed.is_some() {
            self.count(self.tally.invalidations);
        }
    }

    fn invalidate_where(&self, changed: &dyn Fn(&K, &V) -> bool) {
        let mut state = self.state.lock();
        state.swept = state.swept.wrapping_add(1);
        let keys = state.policy.keys(changed);
        let removed: Vec<V> = keys.iter().filter_map(|key| state.policy.remove(key)).collect();
        drop(state);
        (self.tally.invalidations)(&self.counters).add(removed.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::super::CacheLimits;
    use super::*;
    use crate::{CacheKind, ManualClock};

    type Small = PolicyCache<u32, &'static str>;

    fn cache(capacity: usize, ttl_ns: u64) -> (Small, Arc<ManualClock>, Arc<Counters>) {
        let (clock, counters) = (Arc::new(ManualClock::new(1_000)), Arc::new(Counters::default()));
        let policy = super::super::policy(CacheKind::Lru, CacheLimits { capacity, ttl_ns }, &counters).unwrap();
        (PolicyCache::new(policy, clock.clone(), counters.clone(), &EPISODES), clock, counters)
    }

    fn look_up(cache: &Small, key: u32) -> CacheAnswer<u32, &'static str> {
        cache.get(&|| key, &|_| true)
    }

    fn wanted(cache: &Small, key: u32) -> InsertLease<u32> {
        match look_up(cache, key) {
            CacheAnswer::Miss(wanted) => wanted,
            CacheAnswer::Hit(value) => panic!("{key} is at hand: {value}"),
        }
    }

    fn has(cache: &Small, key: u32) -> bool {
        matches!(look_up(cache, key), CacheAnswer::Hit(_))
    }

    #[test]
    fn hits_misses_evictions_and_expirations_are_counted() {
        let (cache, clock, counters) = cache(1, 10);
        cache.put(wanted(&cache, 1), "one");
        assert!(has(&cache, 1));
        cache.put(wanted(&cache, 2), "two");
        clock.advance(10);
        assert!(!has(&cache, 2));
        let seen = counters.snapshot();
        let names = ["cache_hits", "cache_misses", "cache_evictions", "cache_expirations", "query_hits"];
        assert_eq!(names.map(|name| seen[name]), [1, 3, 1, 1, 0]);
    }

    #[test]
    fn invalidation_is_precise() {
        let (cache, _, counters) = cache(4, u64::MAX);
        cache.put(wanted(&cache, 1), "one");
        cache.put(wanted(&cache, 2), "two");
        cache.invalidate(&|| 1);
        cache.invalidate(&|| 9);
        assert!(!has(&cache, 1) && has(&cache, 2));
        assert_eq!(counters.cache_invalidations.get(), 1);
        cache.put(wanted(&cache, 1), "one");
        cache.invalidate_where(&|_, value| value.starts_with('t'));
        assert!(has(&cache, 1) && !has(&cache, 2));
        assert_eq!(counters.cache_invalidations.get(), 2);
    }

    #[test]
    fn what_changed_while_it_was_read_is_not_kept() {
        let (cache, _, _) = cache(4, u64::MAX);
        let (one, two) = (wanted(&cache, 1), wanted(&cache, 2));
        cache.invalidate(&|| 1);
        cache.put(one, "old");
        cache.put(two, "two");
        assert!(!has(&cache, 1) && has(&cache, 2));
        let three = wanted(&cache, 3);
        cache.invalidate_where(&|_, _| false);
        cache.put(three, "perhaps old");
        assert!(!has(&cache, 3) && has(&cache, 2));
    }

    #[test]
    fn what_is_not_enough_is_a_miss_and_is_replaced() {
        let (cache, _, counters) = cache(1, u64::MAX);
        cache.put(wanted(&cache, 1), "short");
        let CacheAnswer::Miss(longer) = cache.get(&|| 1, &|value| value.len() > 5) else { panic!("it is too short") };
        cache.put(longer, "longer");
        assert!(matches!(look_up(&cache, 1), CacheAnswer::Hit("longer")));
        assert_eq!((counters.cache_misses.get(), counters.cache_evictions.get()), (2, 0));
    }
}
