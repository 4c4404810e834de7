//! Cache `lru`: the entries used last, each for a fixed time. The plain policy of the crate `lru`, with a fixed hasher.

use std::hash::Hash;

use super::ttl_lru::TtlLru;
use super::{CacheLookup, Displaced, EvictionPolicy};

pub(super) struct Lru<K, V>(TtlLru<K, V, ()>);

impl<K: Hash + Eq, V: Clone> Lru<K, V> {
    pub(super) fn new(capacity: usize, ttl_ns: u64) -> Lru<K, V> {
        Lru(TtlLru::new(capacity, ttl_ns))
    }
}

impl<K: Hash + Eq + Clone + Send, V: Clone + Send> EvictionPolicy<K, V> for Lru<K, V> {
    fn get(&mut self, key: &K, now_ns: u64) -> CacheLookup<V> {
        self.0.get(key, now_ns, |_| {})
    }

    fn put(&mut self, key: K, value: V, now_ns: u64) -> Option<Displaced<K, V>> {
        self.0.put(key, value, (), now_ns)
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        self.0.take(key).map(|entry| entry.value)
    }

    fn keys(&self, wanted: &dyn Fn(&K, &V) -> bool) -> Vec<K> {
        self.0.keys(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::super::RemovalCause;
    use super::*;

    #[test]
    fn the_one_used_longest_ago_goes() {
        let mut cache = Lru::new(2, u64::MAX);
        assert_eq!(cache.put(1, "one", 0), None);
        assert_eq!(cache.put(2, "two", 0), None);
        assert_eq!(cache.get(&1, 0), CacheLookup::Fresh("one"));
        assert_eq!(cache.put(3, "three", 0), Some(Displaced { key: 2, value: "two", cause: RemovalCause::Evicted }));
        assert_eq!(
            [1, 2, 3].map(|key| cache.get(&key, 0)),
            [CacheLookup::Fresh("one"), CacheLookup::Absent, CacheLookup::Fresh("three")]
        );
    }

    #[test]
    fn time_is_up_after_the_ttl_and_not_before() {
        let mut cache = Lru::new(2, 10);
        cache.put(1, "one", 1_000);
        assert_eq!(cache.get(&1, 1_009), CacheLookup::Fresh("one"));
        // Looking at it did not prolong it.
        assert_eq!([cache.get(&1, 1_010), cache.get(&1, 1_010)], [CacheLookup::Expired("one"), CacheLookup::Absent]);
    }

    #[test]
    fn putting_again_replaces_without_an_eviction() {
        let mut cache = Lru::new(1, u64::MAX);
        cache.put(1, "one", 0);
        assert_eq!(cache.put(1, "uno", 0), Some(Displaced { key: 1, value: "one", cause: RemovalCause::Replaced }));
        let mut smallest = Lru::new(0, u64::MAX);
        smallest.put(1, "one", 0);
        assert_eq!(smallest.get(&1, 0), CacheLookup::Fresh("one"));
    }

    #[test]
    fn only_what_is_wanted_is_listed() {
        let mut cache = Lru::new(3, u64::MAX);
        for (key, value) in [(1, "a"), (2, "b"), (3, "ab")] {
            cache.put(key, value, 0);
        }
        assert_eq!(cache.keys(&|_, value| value.contains('a')), [3, 1]);
    }
}
