//! The memory's own caches, as [`memory::Memory`] has them, on a clock that is moved by hand.

use std::sync::Arc;

use memory::cache::{self, Cache, CacheAnswer, CacheLimits};
use memory::{CacheKind, Clock, Counters, ManualClock};

use super::{Dropped, Replayed};

/// A cache of the toggle `cache`.
pub(super) struct Own {
    cache: Arc<dyn Cache<u64, u64>>,
    clock: Arc<ManualClock>,
    counters: Arc<Counters>,
}

impl Own {
    pub(super) fn new(kind: CacheKind, limits: CacheLimits) -> Own {
        let (clock, counters) = (Arc::new(ManualClock::default()), Arc::new(Counters::default()));
        let cache = cache::new(kind, limits, &(Arc::clone(&clock) as Arc<dyn Clock>), &counters);
        Own { cache, clock, counters }
    }
}

impl Replayed for Own {
    fn access(&mut self, key: u64, now_ns: u64, truth: u64) -> Option<u64> {
        self.clock.advance(now_ns.saturating_sub(self.clock.now_ns()));
        match self.cache.get(&|| key, &|_| true) {
            CacheAnswer::Hit(served) => Some(served),
            CacheAnswer::Miss(lease) => {
                self.cache.put(lease, truth);
                None
            }
        }
    }

    fn dropped(&self) -> Dropped {
        Dropped { evictions: self.counters.cache_evictions.get(), expirations: self.counters.cache_expirations.get() }
    }
}
