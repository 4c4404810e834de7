//! Retrieval `indexed`: an index in this process, built when the store is opened and kept up to date by completions.
//!
//! What it finds stands in [`super::index`]. It can be rebuilt from the store at any time, so nothing of it is stored:
//! after a crash, or after another variant wrote the store, the next opening has everything.
//!
//! **No episode is lost and none is a phantom.** An episode enters the index only once the store has completed it. If
//! the end of a completion is unknown (an error that may have come after the commit, or a caller that went away in the
//! middle), the episode is *doubtful*: every retrieval first asks the store about it, until it is completed there. That
//! costs a head a retrieval for each, and they are rare.
//!
//! Stores in files are locked by the memory that has them open. A server has other clients, whose completions this
//! index would not see, so [`crate::store::open_remote`] refuses the two together.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::Ranking;
use super::index::Index;
use super::search::search;
use crate::store::Store;
use crate::{Counters, EpisodeId, Error, Head, Result, TaskContext};

/// The data of an episode for the index.
#[derive(Debug, Clone)]
struct Entry {
    context: TaskContext,
    embedding: Vec<f32>,
}

/// The index, and the doubtful completions.
pub(crate) struct Indexed {
    index: RwLock<Option<Index>>, // None once closed
    doubtful: Mutex<BTreeMap<EpisodeId, Entry>>,
    counters: Arc<Counters>,
}

/// A completion on its way into the store. Dropped before its end is known, it becomes doubtful.
pub(crate) struct PendingCompletion<'a> {
    underway: Option<(&'a Indexed, EpisodeId, Entry)>,
}

impl Indexed {
    pub(super) async fn open(store: &dyn Store, counters: Arc<Counters>) -> Result<Indexed> {
        let mut index = Index::to_load();
        store.scan(&mut |head, embedding| index.add(head.id, &head.context, embedding)).await?;
        index.loaded();
        counters.episodes_indexed.add(index.len() as u64);
        Ok(Indexed { index: RwLock::new(Some(index)), doubtful: Mutex::default(), counters })
    }

    pub(super) async fn rank(&self, store: &dyn Store, ranking: &mut Ranking<'_>) -> Result<()> {
        self.settle(store).await?;
        let index = self.index.read();
        let codes = search(index.as_ref().ok_or(Error::Closed)?, ranking)?;
        self.counters.index_searches.increment();
        self.counters.codes_read.add(codes);
        Ok(())
    }

    pub(super) fn completing(&self, head: &Head, embedding: &[f32]) -> PendingCompletion<'_> {
        let entry = Entry { context: head.context.clone(), embedding: embedding.to_vec() };
        PendingCompletion { underway: Some((self, head.id, entry)) }
    }

    pub(super) fn close(&self) {
        *self.index.write() = None;
    }

    /// Removes an episode that the store has not any more.
    pub(super) fn forget(&self, id: EpisodeId) {
        if let Some(index) = self.index.write().as_mut() {
            index.remove(id);
        }
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
                entry.into_iter().for_each(|entry| self.add(id, &entry));
            }
        }
        Ok(())
    }

    /// Adds a completed episode; a second time does nothing.
    fn add(&self, id: EpisodeId, entry: &Entry) {
        if let Some(index) = self.index.write().as_mut() {
            let before = index.len();
            index.add(id, &entry.context, &entry.embedding);
            self.counters.episodes_indexed.add((index.len() - before) as u64);
        }
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
                    indexed.add(id, &entry);
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
