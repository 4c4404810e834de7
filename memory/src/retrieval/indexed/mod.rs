//! Retrieval `indexed`: an index in this process, made by the first retrieval and kept up to date by completions.
//!
//! What it finds stands in [`index`]. It can be made from the store at any time, so nothing of it is stored:
//! after a crash, or after another variant wrote the store, the next opening finds everything. A memory that nobody
//! asks makes none, and opening a large store takes no time. While an index is being made, what is completed or deleted
//! meanwhile is noted, and then made up for: the scan of the store may have seen it or not.
//!
//! **No episode is lost and none is a phantom.** An episode enters the index only once the store has completed it. If
//! the end of a completion is unknown (an error that may have come after the commit, or a caller that went away in the
//! middle), the episode is *doubtful*: every retrieval first asks the store about it, until it is completed there. That
//! costs one head per retrieval for each, and they are rare.
//!
//! Stores in files are locked by the memory that has them open. A server has other clients, whose completions this
//! index would not see, so [`crate::store::open_remote`] refuses the two together.

mod block;
mod cells;
mod code;
mod index;
mod search;
mod shortlist;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};
use scopeguard::{ScopeGuard, guard};

use self::index::Index;
use self::search::search;
use super::ranking::Ranking;
use crate::store::{Store, blocking};
use crate::{Counters, EpisodeId, Error, Head, Result, TaskContext};

/// The data of an episode for the index.
#[derive(Debug, Clone)]
struct Entry {
    context: TaskContext,
    embedding: Vec<f32>,
}

/// A change of the store's completed episodes.
#[derive(Debug)]
enum Change {
    Completed(EpisodeId, Entry),
    Deleted(EpisodeId),
}

#[derive(Debug)]
enum State {
    /// There is no index: the store has everything.
    Unloaded,
    /// It is being made. What was changed since that began, in order.
    Loading(Vec<Change>),
    Loaded(Box<Index>),
    Closed,
}

/// The index, and the doubtful completions.
pub(crate) struct Indexed {
    state: RwLock<State>,
    loading: tokio::sync::Mutex<()>, // one at a time makes the index
    doubtful: Mutex<BTreeMap<EpisodeId, Entry>>,
    counters: Arc<Counters>,
}

/// A completion on its way into the store. Dropped before its end is known, it becomes doubtful.
pub(crate) struct PendingCompletion<'a> {
    underway: Option<(&'a Indexed, EpisodeId, Entry)>,
}

impl State {
    fn index(&self) -> Option<&Index> {
        if let State::Loaded(index) = self { Some(index.as_ref()) } else { None }
    }

    /// Makes a change, or notes it. Without an index there is nothing to do; the number of added episodes.
    fn change(&mut self, change: Change) -> u64 {
        match self {
            State::Unloaded | State::Closed => 0,
            State::Loading(changes) => {
                changes.push(change);
                0
            }
            State::Loaded(index) => apply(change, index),
        }
    }
}

/// Makes a change; the number of added episodes. What is there already is not added a second time.
fn apply(change: Change, index: &mut Index) -> u64 {
    match change {
        Change::Completed(id, Entry { context, embedding }) => {
            let before = index.len();
            index.add(id, &context, &embedding);
            (index.len() - before) as u64
        }
        Change::Deleted(id) => {
            index.remove(id);
            0
        }
    }
}

impl Indexed {
    /// Over a store of so many episodes.
    pub(super) fn open(episodes: u64, counters: Arc<Counters>) -> Indexed {
        let state = RwLock::new(if episodes == 0 { State::Loaded(Box::default()) } else { State::Unloaded });
        Indexed { state, loading: tokio::sync::Mutex::default(), doubtful: Mutex::default(), counters }
    }

    pub(super) async fn rank(&self, store: &dyn Store, ranking: &mut Ranking<'_>) -> Result<()> {
        self.settle(store).await?;
        let index = self.loaded(store).await?;
        let codes = search(&index, ranking)?;
        self.counters.index_searches.increment();
        self.counters.codes_read.add(codes);
        Ok(())
    }

    /// The index, which is made if there is none.
    async fn loaded(&self, store: &dyn Store) -> Result<MappedRwLockReadGuard<'_, Index>> {
        loop {
            match RwLockReadGuard::try_map(self.state.read(), State::index) {
                Ok(index) => return Ok(index),
                Err(state) if matches!(*state, State::Closed) => return Err(Error::Closed),
                Err(_) => {}
            }
            self.load(store).await?;
        }
    }

    /// Makes the index from the store. If that fails, or the caller goes away, there is none, as before.
    async fn load(&self, store: &dyn Store) -> Result<()> {
        let _loading = self.loading.lock().await;
        let Some(begun) = self.begin() else { return Ok(()) };
        let mut index = Index::to_load();
        store.scan_located(&mut |id, context, embedding| index.add(id, context, embedding)).await?;
        blocking(|| index.loaded());
        ScopeGuard::into_inner(begun);
        self.finish(index);
        Ok(())
    }

    /// Notes changes from now on. There is nothing to do where somebody else made the index, or closed it. Dropped, the
    /// answer ends the loading without an index.
    fn begin(&self) -> Option<ScopeGuard<(), impl FnOnce(())>> {
        let mut state = self.state.write();
        if !matches!(*state, State::Unloaded) {
            return None;
        }
        *state = State::Loading(Vec::new());
        Some(guard((), move |()| self.give_up()))
    }

    fn give_up(&self) {
        let mut state = self.state.write();
        if matches!(*state, State::Loading(_)) {
            *state = State::Unloaded;
        }
    }

    /// Makes up for what was changed since the beginning, and uses the index from now on.
    fn finish(&self, mut index: Index) {
        let mut state = self.state.write();
        if let State::Loading(changes) = &mut *state {
            for change in changes.drain(..) {
                apply(change, &mut index);
            }
            self.counters.episodes_indexed.add(index.len() as u64);
            *state = State::Loaded(Box::new(index));
        }
    }

    pub(super) fn completing(&self, head: &Head, embedding: &[f32]) -> PendingCompletion<'_> {
        let entry = Entry { context: head.context.clone(), embedding: embedding.to_vec() };
        PendingCompletion { underway: Some((self, head.id, entry)) }
    }

    pub(super) fn close(&self) {
        *self.state.write() = State::Closed;
    }

    /// Removes an episode that the store has not any more.
    pub(super) fn forget(&self, id: EpisodeId) {
        self.state.write().change(Change::Deleted(id));
        self.doubtful.lock().remove(&id);
    }

    /// Asks the store about everything doubtful. What is still not completed stays so: its completion may be on its way
    /// even now.
    async fn settle(&self, store: &dyn Store) -> Result<()> {
        let doubtful: Vec<EpisodeId> = self.doubtful.lock().keys().copied().collect();
        for id in doubtful {
            self.counters.completions_doubted.increment();
            if store.head(id).await?.is_some_and(|head| head.completion.is_some()) {
                let entry = self.doubtful.lock().get(&id).cloned();
                entry.into_iter().for_each(|entry| self.add(id, entry));
            }
        }
        Ok(())
    }

    /// Adds a completed episode; a second time does nothing.
    fn add(&self, id: EpisodeId, entry: Entry) {
        let added = self.state.write().change(Change::Completed(id, entry));
        self.counters.episodes_indexed.add(added);
        self.doubtful.lock().remove(&id);
    }
}

impl PendingCompletion<'_> {
    /// For a strategy without an index.
    pub(super) fn ignored() -> PendingCompletion<'static> {
        PendingCompletion { underway: None }
    }

    /// Tells how the store's completion ended.
    pub fn ended(mut self, outcome: &Result<()>) {
        match outcome {
            Ok(()) => {
                if let Some((indexed, id, entry)) = self.underway.take() {
                    indexed.add(id, entry);
                }
            }
            Err(error) if error.nothing_was_written() => self.underway = None,
            Err(_) => {} // doubtful
        }
    }
}

impl Drop for PendingCompletion<'_> {
    fn drop(&mut self) {
        if let Some((indexed, id, entry)) = self.underway.take() {
            indexed.doubtful.lock().insert(id, entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::InMemory;
    use crate::{Completion, Outcome, Reflection, Reward, StartEpisode, Variant};

    fn head(id: u128) -> Head {
        let mut head = Head::new(EpisodeId(id), 0, StartEpisode::default());
        let reward = Reward { total: 0.0, outcome: 0.0, efficiency: 0.0, precision: 0.0, recovery: 0.0 };
        let outcome = Outcome::Success { verdict: String::new() };
        let (reflection, patterns) = (Reflection::default(), Vec::new());
        head.completion = Some(Completion { completed_at_ns: 0, outcome, reward, reflection, patterns });
        head
    }

    /// What the memory does to complete and to delete an episode.
    async fn complete(indexed: &Indexed, store: &InMemory, id: u128) {
        let (head, embedding) = (head(id), [1.0, 0.0]);
        store.create(&Head { completion: None, ..head.clone() }).await.unwrap();
        let underway = indexed.completing(&head, &embedding);
        underway.ended(&store.complete(&head, &embedding, &[]).await);
    }

    async fn delete(indexed: &Indexed, store: &InMemory, id: u128) {
        store.delete(&head(id), &[]).await.unwrap();
        indexed.forget(EpisodeId(id));
    }

    async fn found(indexed: &Indexed, store: &InMemory) -> Vec<u128> {
        let mut ranking = Ranking::new(&[1.0, 0.0], None, 100);
        indexed.rank(store, &mut ranking).await.unwrap();
        ranking.into_best().iter().map(|ranked| ranked.id.0).collect()
    }

    /// Before the making of the index began, before the store was scanned, after that, and after all of it.
    #[tokio::test]
    async fn whatever_changes_while_an_index_is_made_it_has_what_the_store_has() {
        let all: Vec<u128> = (0..8).collect();
        for change in 0..4 * 4 * 4 {
            let counters = Arc::new(Counters::default());
            let store = InMemory::new(&Variant::naive(), Arc::clone(&counters));
            let indexed = Indexed::open(1, Arc::clone(&counters));
            for id in &all {
                complete(&indexed, &store, *id).await;
            }
            let (completes, deletes, deletes_new) = (change % 4, change / 4 % 4, change / 16);
            let mut expected = all.clone();
            let mut index = Index::to_load();
            let mut begun = None;
            for moment in 0..4 {
                if moment == 1 {
                    begun = indexed.begin();
                    assert!(begun.is_some() && indexed.begin().is_none(), "one at a time");
                }
                if moment == 2 {
                    store.scan_located(&mut |id, context, vector| index.add(id, context, vector)).await.unwrap();
                }
                if moment == 3 {
                    ScopeGuard::into_inner(begun.take().unwrap());
                    index.loaded();
                    indexed.finish(std::mem::take(&mut index));
                }
                if completes == moment {
                    complete(&indexed, &store, 100).await;
                    expected.push(100);
                }
                if deletes == moment {
                    delete(&indexed, &store, 3).await;
                    expected.retain(|id| *id != 3);
                }
                if deletes_new == moment && expected.contains(&100) {
                    delete(&indexed, &store, 100).await;
                    expected.retain(|id| *id != 100);
                }
            }
            assert_eq!(found(&indexed, &store).await, expected, "changes at {completes} {deletes} {deletes_new}");
        }
    }

    #[tokio::test]
    async fn a_load_that_ended_without_an_index_is_begun_again_and_a_closed_one_is_not() {
        let counters = Arc::new(Counters::default());
        let store = InMemory::new(&Variant::naive(), Arc::clone(&counters));
        let indexed = Indexed::open(1, Arc::clone(&counters));
        complete(&indexed, &store, 1).await;
        let begun = indexed.begin();
        complete(&indexed, &store, 2).await; // noted
        drop(begun); // the scan failed, or its caller went away
        complete(&indexed, &store, 3).await;
        assert_eq!(counters.episodes_indexed.get(), 0);
        assert_eq!((found(&indexed, &store).await, counters.episodes_indexed.get()), (vec![1, 2, 3], 3));
        let scans = counters.rows_read.get();
        assert_eq!((found(&indexed, &store).await, counters.rows_read.get()), (vec![1, 2, 3], scans), "it stays");

        let closed = Indexed::open(1, counters);
        let begun = closed.begin();
        closed.close();
        ScopeGuard::into_inner(begun.unwrap());
        closed.finish(Index::default());
        let mut ranking = Ranking::new(&[1.0], None, 1);
        assert!(matches!(closed.rank(&store, &mut ranking).await, Err(Error::Closed)));
    }
}
