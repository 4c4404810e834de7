//! Cache `predictive`: keeps what is expected to be asked for again before it expires. A hybrid of LFU and TLRU, and an
//! experiment.
//!
//! ```text
//! priority = age + frequency x part of its time that is left      set at each use
//! age      = the priority of the entry that was evicted last      so that old priorities fade
//! ```
//!
//! `frequency` is the number of recent requests of the key before this use, cached or not, as a [`Sketch`] remembers
//! it: the prediction is that it goes on like that for as long as the value may be served. A key that is new is not
//! expected again.
//!
//! When room is needed, an expired entry goes first (no eviction: nobody could use it), then the one of least priority,
//! and among equals the one used longest ago.
//!
//! A use costs O(log n): two ordered maps, by priority and by time, beside the hash table. Neither order can be kept in
//! O(1): a priority falls anywhere between the others, and a clock may be set back. Newcomers are never refused, as
//! W-TinyLFU does: what was just read is always cached.
//!
//! Sources: Bilal and Kang, "Time aware least recent used (TLRU) cache management policy in ICN" (ICACT 2014, arXiv
//! 1801.00390) for the time to use, and that what has little of it left goes first; Arlitt et al., "Evaluating content
//! management techniques for web proxy caches" (2000) for frequency with dynamic ageing (LFU-DA). No literature is
//! known for both together.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use super::sketch::Sketch;
use super::ttl_lru::{CacheEntry, TtlLru};
use super::{CacheLookup, Displaced, EvictionPolicy, RemovalCause};
use crate::Counters;
use crate::hash::FixedState;

/// A whole time to live, in the unit of its parts.
const WHOLE: u64 = 256;

/// A cache that evicts the entry of least priority.
pub(super) struct Predictive<K, V> {
    entries: TtlLru<K, V, Ranks>,
    by_priority: BTreeMap<(u64, u64), K>, // priority, and the number of the last use
    by_time: BTreeMap<(u64, u64), K>,     // the end of its time, and the number of the use that put it
    sketch: Sketch,
    age: u64,
    uses: u64,
    counters: Arc<Counters>,
}

/// The places of an entry in both orders.
#[derive(Clone, Copy)]
struct Ranks {
    priority: u64,
    used: u64,
    put: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Predictive<K, V> {
    pub(super) fn new(capacity: usize, ttl_ns: u64, counters: Arc<Counters>) -> Predictive<K, V> {
        Predictive {
            entries: TtlLru::new(capacity, ttl_ns),
            by_priority: BTreeMap::new(),
            by_time: BTreeMap::new(),
            sketch: Sketch::new(capacity),
            age: 0,
            uses: 0,
            counters,
        }
    }

    fn take(&mut self, key: &K) -> Option<V> {
        let CacheEntry { value, expires_at_ns, metadata: ranks } = self.entries.take(key)?;
        self.by_priority.remove(&(ranks.priority, ranks.used));
        self.by_time.remove(&(expires_at_ns, ranks.put));
        Some(value)
    }

    /// Removes the expired entry or the one of least priority.
    #[inline(never)]
    fn make_room(&mut self, now_ns: u64) -> Option<Displaced<K, V>> {
        let (&(expires_at_ns, _), expired) = self.by_time.first_key_value()?;
        let (key, cause) = if expires_at_ns <= now_ns {
            (expired.clone(), RemovalCause::Expired)
        } else {
            let (&(priority, _), key) = self.by_priority.first_key_value()?;
            self.age = priority;
            let as_lru = self.entries.oldest() == Some(key);
            self.counters.predictive_evictions.add(u64::from(!as_lru));
            (key.clone(), RemovalCause::Evicted)
        };
        let value = self.take(&key)?;
        Some(Displaced { key, value, cause })
    }
}

/// The priority of an entry with that part of its time left, of so many recent uses, this one included.
fn priority(age: u64, uses: u8, left_ns: u64, ttl_ns: u64) -> u64 {
    let part = u128::from(left_ns.min(ttl_ns)) * u128::from(WHOLE) / u128::from(ttl_ns.max(1));
    age + u64::from(uses.saturating_sub(1)) * part as u64
}

fn hash<K: Hash>(key: &K) -> u64 {
    FixedState::default().hash_one(key)
}

impl<K: Hash + Eq + Clone + Send, V: Clone + Send> EvictionPolicy<K, V> for Predictive<K, V> {
    fn get(&mut self, key: &K, now_ns: u64) -> CacheLookup<V> {
        let hash = hash(key);
        self.sketch.add(hash); // cached or not
        self.uses += 1;
        if self.entries.is_expired(key, now_ns) {
            return self.take(key).map_or(CacheLookup::Absent, CacheLookup::Expired);
        }
        let Predictive { entries, by_priority, sketch, age, uses, .. } = self;
        let ttl_ns = entries.ttl_ns;
        entries.get(key, now_ns, |CacheEntry { expires_at_ns, metadata: ranks, .. }| {
            if let Some(key) = by_priority.remove(&(ranks.priority, ranks.used)) {
                ranks.priority = priority(*age, sketch.estimate(hash), *expires_at_ns - now_ns, ttl_ns);
                ranks.used = *uses;
                by_priority.insert((ranks.priority, ranks.used), key);
            }
        })
    }

    fn put(&mut self, key: K, value: V, now_ns: u64) -> Option<Displaced<K, V>> {
        let left = match self.take(&key) {
            Some(value) => Some(Displaced { key: key.clone(), value, cause: RemovalCause::Replaced }),
            None if self.entries.is_full() => self.make_room(now_ns),
            None => None,
        };
        self.uses += 1;
        let ttl_ns = self.entries.ttl_ns;
        let priority = priority(self.age, self.sketch.estimate(hash(&key)), ttl_ns, ttl_ns);
        let ranks = Ranks { priority, used: self.uses, put: self.uses };
        self.by_priority.insert((priority, self.uses), key.clone());
        self.by_time.insert((now_ns.saturating_add(ttl_ns), self.uses), key.clone());
        self.entries.put(key, value, ranks, now_ns);
        left
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        self.take(key)
    }

    fn keys(&self, wanted: &dyn Fn(&K, &V) -> bool) -> Vec<K> {
        self.entries.keys(wanted)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;

    fn cache(capacity: usize, ttl_ns: u64) -> (Predictive<u32, u32>, Arc<Counters>) {
        let counters = Arc::new(Counters::default());
        (Predictive::new(capacity, ttl_ns, Arc::clone(&counters)), counters)
    }

    /// Looks a key up, and puts it where it is not.
    fn use_once(cache: &mut Predictive<u32, u32>, key: u32, now_ns: u64) -> Option<Displaced<u32, u32>> {
        match cache.get(&key, now_ns) {
            CacheLookup::Fresh(value) => {
                assert_eq!(value, key);
                None
            }
            CacheLookup::Expired(_) | CacheLookup::Absent => cache.put(key, key, now_ns),
        }
    }

    fn evicted(left: Option<Displaced<u32, u32>>) -> Option<(u32, RemovalCause)> {
        left.map(|left| (left.key, left.cause))
    }

    #[test]
    fn what_is_asked_for_often_outlives_what_was_used_last() {
        let (mut cache, counters) = cache(2, u64::MAX);
        for _ in 0..5 {
            use_once(&mut cache, 1, 0);
        }
        use_once(&mut cache, 2, 0);
        assert_eq!(evicted(use_once(&mut cache, 3, 0)), Some((2, RemovalCause::Evicted)), "lru would have evicted 1");
        assert_eq!(counters.predictive_evictions.get(), 1);
        assert_eq!(cache.get(&1, 0), CacheLookup::Fresh(1));
        assert_eq!(evicted(use_once(&mut cache, 4, 0)), Some((3, RemovalCause::Evicted)), "as lru does");
        assert_eq!(counters.predictive_evictions.get(), 1);
    }

    #[test]
    fn what_has_little_time_left_goes_before_what_has_much() {
        let (mut cache, _) = cache(2, 100);
        use_once(&mut cache, 1, 0);
        use_once(&mut cache, 2, 60);
        use_once(&mut cache, 2, 61);
        use_once(&mut cache, 1, 90); // a tenth of its time is left to it, and nearly all to the other one
        assert_eq!(evicted(use_once(&mut cache, 3, 91)), Some((1, RemovalCause::Evicted)));
    }

    #[test]
    fn what_is_expired_makes_room_before_anything_is_evicted() {
        let (mut cache, counters) = cache(2, 100);
        for _ in 0..9 {
            use_once(&mut cache, 1, 0);
        }
        use_once(&mut cache, 2, 50);
        assert_eq!(
            evicted(use_once(&mut cache, 3, 100)),
            Some((1, RemovalCause::Expired)),
            "however often it was asked for"
        );
        assert_eq!(counters.predictive_evictions.get(), 0);
        assert_eq!(cache.get(&2, 149), CacheLookup::Fresh(2));
        assert_eq!([cache.get(&2, 150), cache.get(&2, 150)], [CacheLookup::Expired(2), CacheLookup::Absent]);
    }

    #[test]
    fn old_worth_fades() {
        let (mut cache, _) = cache(3, u64::MAX);
        for _ in 0..15 {
            use_once(&mut cache, 0, 0);
        }
        for once in 100..120 {
            use_once(&mut cache, once, 0);
        }
        assert_eq!(cache.get(&0, 0), CacheLookup::Fresh(0), "what is asked for once does not count");
        let left = (0..1_000)
            .position(|use_| evicted(use_once(&mut cache, 1 + use_ % 6, 0)) == Some((0, RemovalCause::Evicted)));
        assert!(left.is_some_and(|evictions| evictions > 10), "{left:?}: it stays for long and not for ever");
    }

    #[test]
    fn the_three_orders_hold_the_same_entries() {
        let mut random = Pcg64::seed_from_u64(5);
        let (mut cache, _) = cache(8, 40);
        for step in 0..5_000 {
            let (key, now_ns) = (random.random_range(0..24), step + random.random_range(0..3));
            match random.random_range(0..10) {
                0 => {
                    cache.remove(&key);
                }
                1 => {
                    cache.put(key, key, now_ns);
                }
                _ => {
                    use_once(&mut cache, key, now_ns);
                }
            }
            let mut kept = cache.keys(&|_, _| true);
            let sorted = |keys: Vec<&u32>| {
                let mut keys: Vec<u32> = keys.into_iter().copied().collect();
                keys.sort_unstable();
                keys
            };
            kept.sort_unstable();
            assert!(kept.len() <= 8);
            assert_eq!(sorted(cache.by_priority.values().collect()), kept);
            assert_eq!(sorted(cache.by_time.values().collect()), kept);
        }
    }
}
