//! What a caller gets of what the memory holds: the `sharing` toggle, one strategy a file.
//!
//! Three places hold episodes between calls: the cache, the store in memory, and a scan while it ranks. A stored episode that is completed never changes,
//! and one in the cache is replaced rather than changed, so that both can be shared; a running one in the store in memory is copied under either
//! strategy. Left out on purpose: what other stores decode, which belongs to its caller anyway.

mod arc;
mod clone;

use std::sync::Arc;

use crate::store::{Store, Visit};
use crate::{Counters, Episode, Result, SharingKind};

/// Hands out what is held, by one of the strategies.
#[derive(Debug, Clone)]
pub(crate) struct Sharing {
    kind: SharingKind,
    counters: Arc<Counters>,
}

impl Sharing {
    pub fn new(kind: SharingKind, counters: Arc<Counters>) -> Sharing {
        Sharing { kind, counters }
    }

    /// An episode for a caller, of one that is held and will not change.
    pub fn hand_out(&self, held: &Arc<Episode>) -> Arc<Episode> {
        match self.kind {
            SharingKind::Clone => clone::episode(held, &self.counters),
            SharingKind::Arc => {
                self.counters.episodes_shared.increment();
                arc::episode(held)
            }
        }
    }

    /// An episode to be held, of one that its caller goes on using.
    pub fn keep(&self, used: &Arc<Episode>) -> Arc<Episode> {
        match self.kind {
            SharingKind::Clone => clone::episode(used, &self.counters),
            SharingKind::Arc => arc::episode(used),
        }
    }

    /// An episode for a caller, of one that goes on changing where it is held.
    pub fn copy(&self, held: &Episode) -> Arc<Episode> {
        clone::episode(held, &self.counters)
    }

    /// [`Store::scan`], over copies or in place.
    ///
    /// # Errors
    /// What the store says.
    pub async fn scan(&self, store: &dyn Store, visit: &mut Visit<'_>) -> Result<()> {
        match self.kind {
            SharingKind::Clone => clone::scan(store, visit, &self.counters).await,
            SharingKind::Arc => arc::scan(store, visit, &self.counters).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EpisodeId, Head, StartEpisode};

    #[test]
    fn a_copy_is_another_and_equal_and_a_share_is_the_same() {
        let held = Arc::new(Episode { head: Head::new(EpisodeId(1), 0, StartEpisode::default()), steps: Vec::new() });
        for (kind, same, shared, cloned) in [(SharingKind::Clone, false, 0, 3), (SharingKind::Arc, true, 1, 1)] {
            let counters = Arc::new(Counters::default());
            let sharing = Sharing::new(kind, Arc::clone(&counters));
            for got in [sharing.hand_out(&held), sharing.keep(&held)] {
                assert_eq!((Arc::ptr_eq(&got, &held), &got), (same, &held), "{kind}");
            }
            assert!(!Arc::ptr_eq(&sharing.copy(&held), &held), "{kind}");
            assert_eq!((counters.episodes_shared.get(), counters.episodes_cloned.get()), (shared, cloned), "{kind}");
        }
    }
}
