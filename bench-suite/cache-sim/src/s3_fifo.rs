//! S3-FIFO by the crate quick_cache: a short queue of newcomers, a long one of those that were used in it, and ghosts
//! of those that left.
//!
//! Source: Yang et al., "FIFO queues are all you need for cache eviction" (SOSP 2023).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memory::hash::FixedState;
use quick_cache::unsync::Cache;
use quick_cache::{Lifecycle, OptionsBuilder, UnitWeighter};

use super::timed::{Entry, Foreign};

/// Quick_cache's cache for one thread.
pub(super) struct S3Fifo {
    cache: Cache<u64, Entry, UnitWeighter, FixedState, Counted>,
    evictions: Arc<AtomicU64>,
}

/// Counts evictions.
struct Counted(Arc<AtomicU64>);

impl Lifecycle<u64, Entry> for Counted {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: u64, _: Entry) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl S3Fifo {
    /// For at most that many entries, at least one.
    pub(super) fn new(capacity: usize) -> S3Fifo {
        let capacity = capacity.max(1);
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(capacity).weight_capacity(capacity as u64);
        let options = options.build().expect("both sizes are given");
        let evictions = Arc::new(AtomicU64::new(0));
        let counted = Counted(Arc::clone(&evictions));
        S3Fifo { cache: Cache::with_options(options, UnitWeighter, FixedState::default(), counted), evictions }
    }
}

impl Foreign for S3Fifo {
    fn get(&mut self, key: u64) -> Option<Entry> {
        self.cache.get(&key).copied()
    }

    fn put(&mut self, key: u64, entry: Entry) {
        self.cache.insert(key, entry);
    }

    fn remove(&mut self, key: u64) {
        self.cache.remove(&key);
    }

    fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }
}
