//! The next step number of every episode that is being logged.
//!
//! Numbers are handed out under a lock of the episode: concurrent steps of one episode get successive numbers, and
//! those of different episodes do not wait for each other. A number is remembered only once its step is stored. After
//! an error, or a caller that went away in the middle, the next one asks the store how far the episode got.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::EpisodeId;
use crate::hash::FixedState;

/// The most episodes that are remembered. Beyond, all that nobody is using are forgotten, and read from the store when
/// needed.
const REMEMBERED: usize = 65_536;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextNumber {
    /// Only the store knows.
    Unknown,
    Next(u32),
    /// The entry left the table: whoever waited for it looks there again.
    Retired,
}

type Slot = Arc<tokio::sync::Mutex<NextNumber>>;

#[derive(Debug, Default)]
pub(crate) struct ActiveEpisodes {
    slots: Mutex<HashMap<EpisodeId, Slot, FixedState>>,
}

/// The exclusive right to write to one episode.
pub(crate) struct EpisodeGuard<'a> {
    active: &'a ActiveEpisodes,
    id: EpisodeId,
    progress: OwnedMutexGuard<NextNumber>,
}

impl ActiveEpisodes {
    pub fn start(&self, id: EpisodeId) {
        self.with(|slots| {
            make_room(slots, id);
            slots.insert(id, Arc::new(tokio::sync::Mutex::new(NextNumber::Next(0))));
        });
    }

    /// Waits for the right to write to that episode.
    pub async fn lock(&self, id: EpisodeId) -> EpisodeGuard<'_> {
        loop {
            let slot = self.with(|slots| {
                make_room(slots, id);
                Arc::clone(slots.entry(id).or_insert_with(|| Arc::new(tokio::sync::Mutex::new(NextNumber::Unknown))))
            });
            let progress = slot.lock_owned().await;
            if *progress != NextNumber::Retired {
                return EpisodeGuard { active: self, id, progress };
            }
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<EpisodeId, Slot, FixedState>) -> T) -> T {
        change(&mut self.slots.lock())
    }

    pub fn len(&self) -> usize {
        self.with(|slots| slots.len())
    }
}

/// Forgets all that nobody is using, if there are too many for this one more.
fn make_room(slots: &mut HashMap<EpisodeId, Slot, FixedState>, id: EpisodeId) {
    if slots.len() >= REMEMBERED && !slots.contains_key(&id) {
        slots.retain(|_, slot| Arc::strong_count(slot) > 1);
    }
}

impl EpisodeGuard<'_> {
    /// The number of the next step, if it is known. It is forgotten by asking: [`EpisodeGuard::remember`] says the next
    /// one once the step is stored.
    pub fn take(&mut self) -> Option<u32> {
        match std::mem::replace(&mut *self.progress, NextNumber::Unknown) {
            NextNumber::Next(number) => Some(number),
            NextNumber::Unknown | NextNumber::Retired => None,
        }
    }

    pub fn remember(&mut self, number: u32) {
        *self.progress = NextNumber::Next(number);
    }

    /// Nothing more can be written to this episode: removes its entry.
    pub fn retire(mut self) {
        *self.progress = NextNumber::Retired;
        self.active.with(|slots| slots.remove(&self.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: EpisodeId = EpisodeId(1);

    #[tokio::test]
    async fn a_number_counts_only_once_it_was_used() {
        let active = ActiveEpisodes::default();
        active.start(ID);
        let mut guard = active.lock(ID).await;
        assert_eq!(guard.take(), Some(0));
        drop(guard); // the step was not stored
        let mut guard = active.lock(ID).await;
        assert_eq!(guard.take(), None);
        guard.remember(7);
        drop(guard);
        assert_eq!(active.lock(ID).await.take(), Some(7));
    }

    #[tokio::test]
    async fn who_waited_for_a_retired_entry_gets_a_new_one() {
        let active = Arc::new(ActiveEpisodes::default());
        active.start(ID);
        let guard = active.lock(ID).await;
        let waiting = {
            let active = Arc::clone(&active);
            tokio::spawn(async move { active.lock(ID).await.take() })
        };
        tokio::task::yield_now().await; // lets the other one queue for the entry
        guard.retire();
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(active.len(), 1);
    }

    #[tokio::test]
    async fn what_nobody_uses_is_forgotten_when_there_is_too_much() {
        let active = ActiveEpisodes::default();
        let held = active.lock(EpisodeId(u128::MAX)).await;
        (1..REMEMBERED as u128).for_each(|id| active.start(EpisodeId(id)));
        drop(active.lock(EpisodeId(u128::MAX - 1)).await);
        assert_eq!(active.len(), 2);
        drop(held);
    }

    #[test]
    fn episodes_that_are_only_started_are_bounded_too() {
        let active = ActiveEpisodes::default();
        for id in 0..2 * REMEMBERED as u128 {
            active.start(EpisodeId(id));
            assert!(active.len() <= REMEMBERED);
        }
    }
}
