//! Deletion of episodes, one by one or by a rule.
//!
//! An episode leaves the store with its steps, its embedding and its entries in every index, and so do the caches, the
//! index of retrieval, and what it added to the occurrences of patterns. A pattern that was seen nowhere else goes with
//! it; of others the counts of the remaining episodes stay. Backups that were made before keep it.

use scopeguard::defer;
use tracing::instrument;

use super::Memory;
use crate::trace::Trace;
use crate::{Episode, EpisodeId, Error, Pattern, Result, pattern};

/// The completed episodes to keep. Those that are being logged always stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// At most so many: the ones completed last.
    pub max_completed: Option<usize>,
    /// Completed at most so many nanoseconds ago, by the clock of the memory.
    pub max_age_ns: Option<u64>,
}

impl Memory {
    /// Deletes an episode, completed or not, as durable on return as the variant promises.
    ///
    /// # Errors
    /// [`Error::UnknownEpisode`].
    #[instrument(level = "debug", skip_all, fields(%id))]
    pub async fn delete_episode(&self, id: EpisodeId) -> Result<()> {
        let mut guard = self.active.lock(id).await;
        guard.take(); // the next writer asks the store
        loop {
            self.writes.settle().await; // a write whose caller went away may still be on its way to this episode
            let Some(episode) = self.store.episode(id).await? else {
                self.forget(id);
                return Err(self.give_up(guard, Error::UnknownEpisode { id }));
            };
            let patterns = patterns_of(&episode);
            let deleted = {
                defer! { // however the write ends
                    self.cache.invalidate(&|| id);
                    self.queries.deleted(&episode.head);
                }
                self.store.delete(&episode.head, &patterns).await
            };
            match deleted {
                Err(Error::EpisodeCompleted { .. }) => {} // by another client of the server, just now
                Err(error) => return Err(self.give_up(guard, error)),
                Ok(()) => {
                    self.retrieval.forget(id);
                    guard.retire();
                    return Ok(());
                }
            }
        }
    }

    /// Deletes the completed episodes that the rule does not keep, and returns their number. Reads every completed
    /// head: for now and then.
    #[instrument(level = "debug", skip_all)]
    pub async fn retain(&self, rule: &Retention) -> Result<usize> {
        let mut completed = Vec::new();
        let mut visit = |head: &crate::Head, _: &[f32]| {
            completed.extend(head.completion.as_ref().map(|completion| (completion.completed_at_ns, head.id)));
        };
        self.store.scan(&mut visit).await?;
        completed.sort_unstable_by(|one, other| other.cmp(one)); // the newest first
        let oldest_ns = rule.max_age_ns.map_or(0, |age_ns| self.clock.now_ns().saturating_sub(age_ns));
        let young = completed.partition_point(|(completed_at_ns, _)| *completed_at_ns >= oldest_ns);
        let mut deleted = 0;
        for (_, id) in completed.split_off(young.min(rule.max_completed.unwrap_or(usize::MAX))) {
            match self.delete_episode(id).await {
                Ok(()) => deleted += 1,
                Err(Error::UnknownEpisode { .. }) => {} // somebody else was faster
                Err(error) => return Err(error),
            }
        }
        Ok(deleted)
    }

    /// Drops what is at hand of an episode that the store has not any more.
    pub(super) fn forget(&self, id: EpisodeId) {
        self.queries.gone(id);
        self.retrieval.forget(id);
    }
}

/// What the completion of an episode added to the patterns.
pub(super) fn patterns_of(Episode { head, steps }: &Episode) -> Vec<Pattern> {
    let Some(completion) = &head.completion else { return Vec::new() };
    let mut patterns = pattern::extract(head, &Trace::of(steps), &completion.outcome);
    patterns.retain(|pattern| completion.patterns.contains(&pattern.id));
    patterns
}
