//! Cache `adaptive-ttl`: LRU with a time to live that grows with the hits.
//!
//! ```text
//! time to live = TTL x min(1 + hits, MOST), from when the value was put
//! ```
//!
//! A use touches one entry: O(1). Entries leave in the order of `lru`, and no time is shorter than the fixed one, so
//! that it hits whatever `lru` hits. The price is age: a value may be [`MOST`] times as old as under `lru` where
//! somebody else changed it. `assay hits` shows stale answers beside the hits. No time is ever shortened: an expired
//! entry keeps its place until it is looked up or evicted, so that would free nothing.

use std::hash::Hash;
use std::sync::Arc;

use super::ttl_lru::{CacheEntry, TtlLru};
use super::{CacheLookup, Displaced, EvictionPolicy};
use crate::Counters;

/// The longest time to live, in fixed times.
pub const MOST: u64 = 4;

pub(super) struct AdaptiveTtl<K, V> {
    entries: TtlLru<K, V, Usage>,
    counters: Arc<Counters>,
}

/// The history of an entry.
struct Usage {
    put_at_ns: u64,
    hits: u64,
}

impl<K: Hash + Eq, V: Clone> AdaptiveTtl<K, V> {
    pub(super) fn new(capacity: usize, ttl_ns: u64, counters: Arc<Counters>) -> AdaptiveTtl<K, V> {
        AdaptiveTtl { entries: TtlLru::new(capacity, ttl_ns), counters }
    }
}

impl<K: Hash + Eq + Clone + Send, V: Clone + Send> EvictionPolicy<K, V> for AdaptiveTtl<K, V> {
    fn get(&mut self, key: &K, now_ns: u64) -> CacheLookup<V> {
        let ttl_ns = self.entries.ttl_ns;
        self.entries.get(key, now_ns, |CacheEntry { expires_at_ns, metadata: usage, .. }| {
            usage.hits += 1;
            let lives_ns = ttl_ns.saturating_mul((1 + usage.hits).min(MOST));
            let until_ns = usage.put_at_ns.saturating_add(lives_ns);
            if until_ns > *expires_at_ns {
                *expires_at_ns = until_ns;
                self.counters.ttl_extended.increment();
            }
        })
    }

    fn put(&mut self, key: K, value: V, now_ns: u64) -> Option<Displaced<K, V>> {
        self.entries.put(key, value, Usage { put_at_ns: now_ns, hits: 0 }, now_ns)
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.take(key).map(|entry| entry.value)
    }

    fn keys(&self, wanted: &dyn Fn(&K, &V) -> bool) -> Vec<K> {
        self.entries.keys(wanted)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::super::lru::Lru;
    use super::*;

    #[test]
    fn each_hit_adds_a_time_until_there_are_enough() {
        let counters = Arc::new(Counters::default());
        let mut cache = AdaptiveTtl::new(2, 10, Arc::clone(&counters));
        cache.put(1, "asked for", 0);
        cache.put(2, "not asked for", 0);
        for now_ns in [9, 19, 29, 39] {
            assert_eq!(cache.get(&1, now_ns), CacheLookup::Fresh("asked for"), "{now_ns}");
        }
        assert_eq!(
            cache.get(&1, 40),
            CacheLookup::Expired("asked for"),
            "however popular, not older than {MOST} times"
        );
        assert_eq!(cache.get(&2, 10), CacheLookup::Expired("not asked for"));
        assert_eq!(counters.ttl_extended.get(), MOST - 1);
    }

    #[test]
    fn a_value_that_is_put_again_begins_anew() {
        let mut cache = AdaptiveTtl::new(1, 10, Arc::default());
        cache.put(1, "old", 0);
        cache.get(&1, 1);
        cache.put(1, "new", 5);
        assert_eq!(cache.get(&1, 15), CacheLookup::Expired("new"));
    }

    #[test]
    fn what_lru_hits_this_hits_as_well() {
        let mut random = Pcg64::seed_from_u64(3);
        let (mut fixed, mut adaptive) = (Lru::new(20, 300), AdaptiveTtl::new(20, 300, Arc::default()));
        let (mut fixed_hits, mut hits) = (0, 0);
        for now_ns in 0..20_000 {
            let most = random.random_range(0..60u32);
            let key = random.random_range(0..=most);
            let by_lru = matches!(fixed.get(&key, now_ns), CacheLookup::Fresh(()));
            let found = matches!(adaptive.get(&key, now_ns), CacheLookup::Fresh(()));
            assert!(found || !by_lru, "{key} at {now_ns}");
            if !by_lru {
                fixed.put(key, (), now_ns);
            }
            if !found {
                adaptive.put(key, (), now_ns);
            }
            fixed_hits += u32::from(by_lru);
            hits += u32::from(found);
        }
        assert!(hits > fixed_hits, "{hits} {fixed_hits}");
    }
}
