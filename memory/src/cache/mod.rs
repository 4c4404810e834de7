//! Caches of whole episodes, chosen by the `cache` toggle, one strategy a file.
//!
//! Invalidation is precise: a write removes the episode it changed and nothing else. A look-up that raced with such a write must not put the old
//! episode back, so every `put` shows the [`Ticket`] that was drawn before the store was read, and is refused if the episode was
//! invalidated since.
//!
//! Left out on purpose: caching what is not there. A look-up of an unknown id always asks the store.

mod lru;
mod none;

use std::sync::Arc;

use crate::{CacheKind, Clock, Counters, Episode, EpisodeId};

/// When a look-up began, in terms of invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// Keeps episodes at hand.
pub trait EpisodeCache: Send + Sync {
    /// The episode, if it is at hand and its time is not up.
    fn get(&self, id: EpisodeId) -> Option<Arc<Episode>>;

    /// What [`EpisodeCache::put`] wants to see: drawn before the store is read.
    fn ticket(&self, id: EpisodeId) -> Ticket;

    /// Keeps an episode that was read from the store after `ticket` was drawn, unless it changed since.
    fn put(&self, ticket: Ticket, episode: &Arc<Episode>);

    /// Forgets an episode that changed.
    fn invalidate(&self, id: EpisodeId);
}

/// The cache of that kind, for `capacity` episodes of which each is kept for `ttl_ns` nanoseconds.
pub fn open(
    kind: CacheKind,
    capacity: usize,
    ttl_ns: u64,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
) -> Arc<dyn EpisodeCache> {
    match kind {
        CacheKind::None => Arc::new(none::NoCache),
        CacheKind::Lru => Arc::new(lru::Lru::new(capacity, ttl_ns, clock, counters)),
    }
}
