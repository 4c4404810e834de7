//! Sharing or copying of episodes that the memory holds: the `sharing` toggle.
//!
//! Three places hold episodes between calls: the cache, the store in memory, and a scan while it ranks
//! ([`crate::retrieval`]). A completed episode never changes, and the cache replaces episodes instead of changing them,
//! so both can be shared. A running episode of the store in memory is copied under either strategy. What other stores
//! decode belongs to its caller anyway.

use std::sync::Arc;

use crate::{Counters, Episode, SharingKind};

/// Hands out episodes by one of the strategies.
#[derive(Debug, Clone)]
pub(crate) struct Sharing {
    pub kind: SharingKind,
    pub counters: Arc<Counters>,
}

impl Sharing {
    /// An episode for a caller; the memory keeps its own, which will not change.
    pub fn hand_out(&self, held: &Arc<Episode>) -> Arc<Episode> {
        match self.kind {
            SharingKind::Clone => self.copy(held),
            SharingKind::Arc => {
                self.counters.episodes_shared.increment();
                Arc::clone(held)
            }
        }
    }

    /// An episode for the memory to keep; its caller goes on using it.
    pub fn keep(&self, used: &Arc<Episode>) -> Arc<Episode> {
        match self.kind {
            SharingKind::Clone => self.copy(used),
            SharingKind::Arc => Arc::clone(used),
        }
    }

    /// A copy, for a caller, of an episode that goes on changing in the store.
    pub fn copy(&self, held: &Episode) -> Arc<Episode> {
        self.counters.episodes_cloned.increment();
        Arc::new(held.clone())
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
            let sharing = Sharing { kind, counters: Arc::clone(&counters) };
            for got in [sharing.hand_out(&held), sharing.keep(&held)] {
                assert_eq!((Arc::ptr_eq(&got, &held), &got), (same, &held), "{kind}");
            }
            assert!(!Arc::ptr_eq(&sharing.copy(&held), &held), "{kind}");
            assert_eq!((counters.episodes_shared.get(), counters.episodes_cloned.get()), (shared, cloned), "{kind}");
        }
    }
}
