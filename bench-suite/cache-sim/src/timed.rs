//! A time to live around caches of other crates: one has none, and the other's clock can't be moved.

use super::{Dropped, Replayed};

/// A cache of another crate.
pub(super) trait Foreign {
    /// The entry of a key. This counts as a use.
    fn get(&mut self, key: u64) -> Option<Entry>;

    /// Keeps an entry, or refuses it.
    fn put(&mut self, key: u64, entry: Entry);

    fn remove(&mut self, key: u64);

    /// Entries that made room for others, and those that were refused room.
    fn evictions(&self) -> u64;
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    truth: u64,
    expires_at_ns: u64,
}

/// A cache whose entries expire, as the memory's do: noticed at the look-up.
pub(super) struct Timed<C> {
    cache: C,
    ttl_ns: u64,
    expirations: u64,
}

impl<C> Timed<C> {
    pub(super) fn new(cache: C, ttl_ns: u64) -> Timed<C> {
        Timed { cache, ttl_ns, expirations: 0 }
    }
}

impl<C: Foreign> Replayed for Timed<C> {
    fn access(&mut self, key: u64, now_ns: u64, truth: u64) -> Option<u64> {
        match self.cache.get(key) {
            Some(entry) if now_ns < entry.expires_at_ns => return Some(entry.truth),
            Some(_) => {
                self.cache.remove(key);
                self.expirations += 1;
            }
            None => {}
        }
        self.cache.put(key, Entry { truth, expires_at_ns: now_ns.saturating_add(self.ttl_ns) });
        None
    }

    fn dropped(&self) -> Dropped {
        Dropped { evictions: self.cache.evictions(), expirations: self.expirations }
    }
}
