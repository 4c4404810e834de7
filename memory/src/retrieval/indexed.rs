//! Retrieval `indexed`: an index in this process, made of the store at the opening and kept up to date by completions.
//!
//! It is exact: what it leaves out cannot be among the best ([`super::index`]). It holds no more than the store does and can be made again at
//! any time, so nothing of it is stored: after a crash, or after another variant wrote the store, the opening finds what there is.
//!
//! **No episode is lost and none is a phantom.** An episode enters the index only once the store has completed it. Where it is not known how a completion
//! ended (an error that may have come after the commit, or a caller that went away in the middle), it is *doubtful*: from then on every
//! retrieval first asks the store, until the store says that the episode is completed. That costs a head a retrieval for each of them, and they are rare.
//!
//! Left out on purpose: other processes. Stores in files are locked by the memory that has them open. A server has other clients, of whose
//! completions nobody would tell this index, so that [`crate::store::open_remote`] refuses the two together.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard, RwLock};

use super::Ranking;
use super::index::Index;
use crate::store::Store;
use crate::{Counters, EpisodeId, Error, Head, Result, TaskContext};

/// What the index keeps of an episode.
#[derive(Debug, Clone)]
struct Entry {
    context: TaskContext,
    embedding: Vec<f32>,
}

/// The index, and the completions of which it does not know how they ended.
pub(crate) struct Indexed {
    index: RwLock<Option<Index>>, // None once closed
    doubtful: Mutex<BTreeMap<EpisodeId, Entry>>,
    counters: Arc<Counters>,
}

/// A completion on its way into the store. Dropped before it is known how it ended, it becomes doubtful.
pub(crate) struct PendingCompletion<'a> {
    underway: Option<(&'a Indexed, EpisodeId, Entry)>,
}

impl Indexed {
    pub(super) async fn open(store: &dyn Store, counters: Arc<Counters>) -> Result<Indexed> {
        let mut index = Index::default();
        store.scan(&mut |head, embedding| index.add(head.id, &head.context, embedding)).await?;
        counters.episodes_indexed.add(index.len() as u64);
        Ok(Indexed { index: RwLock::new(Some(index)), doubtful: Mutex::default(), counters })
    }

    pub(super) async fn rank(&self, store: &dyn Store, ranking: &mut Ranking<'_>) -> Result<()> {
        self.settle(store).await?;
        let index = self.index.read();
        let postings = index.as_ref().ok_or(Error::Closed)?.search(ranking)?;
        self.counters.index_searches.increment();
        self.counters.postings_read.add(postings);
        Ok(())
    }

    pub(super) fn completing(&self, head: &Head, embedding: &[f32]) -> PendingCompletion<'_> {
        let entry = Entry { context: head.context.clone(), embedding: embedding.to_vec() };
        PendingCompletion { underway: Some((self, head.id, entry)) }
    }

    pub(super) fn close(&self) {
        *self.index.write() = None;
    }

    /// Asks the store about everything doubtful. What is still not completed stays so: its completion may be on its way to the store even now.
    async fn settle(&self, store: &dyn Store) -> Result<()> {
        let doubtful: Vec<EpisodeId> = self.doubtful().keys().copied().collect();
        for id in doubtful {
            self.counters.completions_doubted.increment();
            if store.head(id).await?.is_some_and(|head| head.completion.is_some()) {
                let entry = self.doubtful().get(&id).cloned();
                entry.into_iter().for_each(|entry| self.add(id, &entry));
            }
        }
        Ok(())
    }

    /// Takes in a completed episode; a second time does nothing.
    fn add(&self, id: EpisodeId, entry: &Entry) {
        if let Some(index) = self.index.write().as_mut() {
            let before = index.len();
            index.add(id, &entry.context, &entry.embedding);
            self.counters.episodes_indexed.add((index.len() - before) as u64);
        }
        self.doubtful().remove(&id);
    }

    fn doubtful(&self) -> MutexGuard<'_, BTreeMap<EpisodeId, Entry>> {
        self.doubtful.lock()
    }
}

impl PendingCompletion<'_> {
    /// For a strategy that does not care.
    pub(super) fn ignored() -> PendingCompletion<'static> {
        PendingCompletion { underway: None }
    }

    /// How the store's completion ended.
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
            indexed.doubtful().insert(id, entry);
        }
    }
}
