//! Cache `lru`: the episodes used last, each for a fixed time from when it was put.
//!
//! The plain policy of the crate `lru` over a fixed hasher. A time that is up is noticed at the look-up; until then, or until its turn comes to be
//! evicted, an expired entry takes a place.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::{EpisodeCache, Ticket};
use crate::hash::FixedState;
use crate::{Clock, Counters, Episode, EpisodeId};

/// Invalidations are counted in this many groups of ids: enough that one episode's writes seldom refuse another's `put`.
const GROUPS: usize = 64;

/// The episodes used last.
pub struct Lru {
    kept: Mutex<Kept>,
    ttl_ns: u64,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
}

struct Kept {
    episodes: LruCache<EpisodeId, Entry, FixedState>,
    invalidations: [u64; GROUPS],
}

struct Entry {
    episode: Arc<Episode>,
    expires_at_ns: u64,
}

impl Lru {
    /// At most `capacity` episodes (at least one), each for `ttl_ns` nanoseconds.
    pub fn new(capacity: usize, ttl_ns: u64, clock: Arc<dyn Clock>, counters: Arc<Counters>) -> Lru {
        let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        let episodes = LruCache::with_hasher(capacity, FixedState::default());
        Lru { kept: Mutex::new(Kept { episodes, invalidations: [0; GROUPS] }), ttl_ns, clock, counters }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The group that counts an id's invalidations. Ids are random: their low bits are as good as a hash.
fn group(id: EpisodeId) -> usize {
    id.0 as usize % GROUPS
}

impl EpisodeCache for Lru {
    #[inline(never)]
    fn get(&self, id: EpisodeId) -> Option<Arc<Episode>> {
        let now_ns = self.clock.now_ns();
        let mut kept = self.lock();
        let found = kept.episodes.get(&id).map(|entry| (Arc::clone(&entry.episode), entry.expires_at_ns));
        match found {
            Some((episode, expires_at_ns)) if now_ns < expires_at_ns => {
                self.counters.cache_hits.increment();
                return Some(episode);
            }
            Some(_) => {
                kept.episodes.pop(&id);
                self.counters.cache_expirations.increment();
            }
            None => {}
        }
        self.counters.cache_misses.increment();
        None
    }

    fn ticket(&self, id: EpisodeId) -> Ticket {
        Ticket(self.lock().invalidations[group(id)])
    }

    #[inline(never)]
    fn put(&self, ticket: Ticket, episode: &Arc<Episode>) {
        let id = episode.head.id;
        let expires_at_ns = self.clock.now_ns().saturating_add(self.ttl_ns);
        let mut kept = self.lock();
        if kept.invalidations[group(id)] != ticket.0 {
            return;
        }
        let entry = Entry { episode: Arc::clone(episode), expires_at_ns };
        // What comes out is the entry replaced or the one evicted; it is freed after the lock is gone.
        let out = kept.episodes.push(id, entry);
        drop(kept);
        if out.is_some_and(|(evicted, _)| evicted != id) {
            self.counters.cache_evictions.increment();
        }
    }

    fn invalidate(&self, id: EpisodeId) {
        let mut kept = self.lock();
        let count = &mut kept.invalidations[group(id)];
        *count = count.wrapping_add(1);
        if kept.episodes.pop(&id).is_some() {
            self.counters.cache_invalidations.increment();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Head, ManualClock, StartEpisode};

    fn episode(id: u128) -> Arc<Episode> {
        Arc::new(Episode { head: Head::new(EpisodeId(id), 0, StartEpisode::default()), steps: Vec::new() })
    }

    fn cache(capacity: usize, ttl_ns: u64) -> (Lru, Arc<ManualClock>, Arc<Counters>) {
        let (clock, counters) = (Arc::new(ManualClock::new(1_000)), Arc::new(Counters::default()));
        (Lru::new(capacity, ttl_ns, clock.clone(), counters.clone()), clock, counters)
    }

    fn put(cache: &Lru, id: u128) {
        cache.put(cache.ticket(EpisodeId(id)), &episode(id));
    }

    #[test]
    fn the_one_used_longest_ago_goes() {
        let (cache, _, counters) = cache(2, u64::MAX);
        put(&cache, 1);
        put(&cache, 2);
        assert!(cache.get(EpisodeId(1)).is_some());
        put(&cache, 3);
        assert!(cache.get(EpisodeId(2)).is_none());
        assert_eq!(cache.get(EpisodeId(1)).unwrap().head.id, EpisodeId(1));
        assert!(cache.get(EpisodeId(3)).is_some());
        assert_eq!((counters.cache_hits.get(), counters.cache_misses.get(), counters.cache_evictions.get()), (3, 1, 1));
    }

    #[test]
    fn time_is_up_after_the_ttl_and_not_before() {
        let (cache, clock, counters) = cache(2, 10);
        put(&cache, 1);
        clock.advance(9);
        assert!(cache.get(EpisodeId(1)).is_some());
        clock.advance(1); // looking at it did not prolong it
        assert!(cache.get(EpisodeId(1)).is_none());
        assert_eq!((counters.cache_expirations.get(), counters.cache_evictions.get()), (1, 0));
    }

    #[test]
    fn invalidation_is_precise() {
        let (cache, _, counters) = cache(4, u64::MAX);
        put(&cache, 1);
        put(&cache, 2);
        cache.invalidate(EpisodeId(1));
        cache.invalidate(EpisodeId(9));
        assert!(cache.get(EpisodeId(1)).is_none());
        assert!(cache.get(EpisodeId(2)).is_some());
        assert_eq!(counters.cache_invalidations.get(), 1);
    }

    #[test]
    fn an_episode_that_changed_while_it_was_read_is_not_kept() {
        let (cache, _, _) = cache(4, u64::MAX);
        let ticket = cache.ticket(EpisodeId(1));
        cache.invalidate(EpisodeId(1));
        cache.put(ticket, &episode(1));
        assert!(cache.get(EpisodeId(1)).is_none());
    }

    #[test]
    fn putting_again_replaces_without_an_eviction() {
        let (cache, _, counters) = cache(1, u64::MAX);
        put(&cache, 1);
        put(&cache, 1);
        assert_eq!(counters.cache_evictions.get(), 0);
        let (smallest, _, _) = self::cache(0, u64::MAX);
        put(&smallest, 1);
        assert!(smallest.get(EpisodeId(1)).is_some());
    }
}
