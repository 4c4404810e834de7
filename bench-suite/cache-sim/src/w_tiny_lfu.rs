//! W-TinyLFU by the crate moka: a window of newcomers, and a sketch of frequencies that decides who gets past it.
//!
//! Source: Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy" (2017).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memory::hash::FixedState;
use moka::notification::RemovalCause;
use moka::sync::Cache;

use super::timed::{Entry, Foreign};

/// Moka's cache, with its housekeeping done after every step so that two replays are the same.
pub(super) struct WTinyLfu {
    cache: Cache<u64, Entry, FixedState>,
    evictions: Arc<AtomicU64>,
}

impl WTinyLfu {
    /// For at most that many entries, at least one.
    pub(super) fn new(capacity: usize) -> WTinyLfu {
        let evictions = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&evictions);
        let listener = move |_: Arc<u64>, _: Entry, cause: RemovalCause| {
            if cause == RemovalCause::Size {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        };
        let builder = Cache::builder().max_capacity(capacity.max(1) as u64).eviction_listener(listener);
        WTinyLfu { cache: builder.build_with_hasher(FixedState::default()), evictions }
    }
}

impl Foreign for WTinyLfu {
    fn get(&mut self, key: u64) -> Option<Entry> {
        let found = self.cache.get(&key);
        self.cache.run_pending_tasks();
        found
    }

    fn put(&mut self, key: u64, entry: Entry) {
        self.cache.insert(key, entry);
        self.cache.run_pending_tasks();
    }

    fn remove(&mut self, key: u64) {
        self.cache.invalidate(&key);
        self.cache.run_pending_tasks();
    }

    fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }
}
