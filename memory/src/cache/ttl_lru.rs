//! Entries with a time to live in the order of their last use, which all policies build on.
//!
//! Expiry is noticed at the look-up. Until then, or until it is evicted, an expired entry takes a place.

use std::hash::Hash;
use std::num::NonZeroUsize;

use lru::LruCache;

use super::{CacheLookup, Displaced, RemovalCause};
use crate::hash::FixedState;

/// Entries, each with a value and the metadata of its policy.
pub(super) struct TtlLru<K, V, B> {
    entries: LruCache<K, CacheEntry<V, B>, FixedState>,
    pub(super) ttl_ns: u64,
}

pub(super) struct CacheEntry<V, B> {
    pub(super) value: V,
    pub(super) expires_at_ns: u64,
    pub(super) metadata: B,
}

impl<K: Hash + Eq, V: Clone, B> TtlLru<K, V, B> {
    /// At most `capacity` entries (at least one), each for `ttl_ns` nanoseconds.
    pub(super) fn new(capacity: usize, ttl_ns: u64) -> TtlLru<K, V, B> {
        let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        TtlLru { entries: LruCache::with_hasher(capacity, FixedState::default()), ttl_ns }
    }

    /// The value, if it has not expired: its entry becomes the one used last, and `used` may change it.
    pub(super) fn get(&mut self, key: &K, now_ns: u64, used: impl FnOnce(&mut CacheEntry<V, B>)) -> CacheLookup<V> {
        match self.entries.get_mut(key) {
            Some(entry) if now_ns < entry.expires_at_ns => {
                used(entry);
                CacheLookup::Fresh(entry.value.clone())
            }
            Some(_) => self.take(key).map_or(CacheLookup::Absent, |entry| CacheLookup::Expired(entry.value)),
            None => CacheLookup::Absent,
        }
    }

    /// There is a value that has expired.
    pub(super) fn is_expired(&self, key: &K, now_ns: u64) -> bool {
        self.entries.peek(key).is_some_and(|entry| entry.expires_at_ns <= now_ns)
    }

    /// Inserts a value. It displaces the entry of the same key, or the one used longest ago where there is no room.
    pub(super) fn put(&mut self, key: K, value: V, metadata: B, now_ns: u64) -> Option<Displaced<K, V>>
    where
        K: Clone,
    {
        let entry = CacheEntry { value, expires_at_ns: now_ns.saturating_add(self.ttl_ns), metadata };
        let same = key.clone();
        self.entries.push(key, entry).map(|(key, CacheEntry { value, .. })| {
            let cause = if key == same { RemovalCause::Replaced } else { RemovalCause::Evicted };
            Displaced { key, value, cause }
        })
    }

    pub(super) fn take(&mut self, key: &K) -> Option<CacheEntry<V, B>> {
        self.entries.pop(key)
    }

    /// The key used longest ago.
    pub(super) fn oldest(&self) -> Option<&K> {
        self.entries.peek_lru().map(|(key, _)| key)
    }

    /// A new key would displace another.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() == self.entries.cap().get()
    }

    /// The keys of all entries that are wanted, those used last first.
    pub(super) fn keys(&self, wanted: &dyn Fn(&K, &V) -> bool) -> Vec<K>
    where
        K: Clone,
    {
        self.entries.iter().filter(|(key, entry)| wanted(key, &entry.value)).map(|(key, _)| key.clone()).collect()
    }
}
