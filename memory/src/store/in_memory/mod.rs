//! Store `memory`: structs in ordered maps; nothing is encoded, and nothing survives the process.
//!
//! It is the model that the other stores are compared with, and the least that an operation costs. There is one lock:
//! what it guards takes less time than choosing between several.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::RwLock;

use self::indexes::Indexes;
use super::{Completed, Keep, Store, StoreStats, Visit, Write, rows, steps_stored};
use crate::sharing::Sharing;
use crate::vector::Vector;
use crate::{Counters, Episode, EpisodeId, Error, Head, Pattern, PatternId, Result, Step, Variant};

mod indexes;

/// Episodes and patterns in memory.
pub struct InMemory {
    contents: RwLock<Option<Contents>>, // None once closed
    sharing: Sharing,
    counters: Arc<Counters>,
}

struct Contents {
    episodes: BTreeMap<EpisodeId, StoredEpisode>,
    patterns: BTreeMap<PatternId, Pattern>,
    indexes: Indexes,
}

struct StoredEpisode {
    episode: Arc<Episode>, // held by others as well only once it is completed
    embedding: Vector,     // empty until completed
}

impl Contents {
    fn create(&mut self, head: &Head) -> Result<()> {
        if self.episodes.contains_key(&head.id) {
            return Err(Error::EpisodeExists { id: head.id });
        }
        self.indexes.insert(head);
        let episode = Arc::new(Episode { head: head.clone(), steps: Vec::new() });
        self.episodes.insert(head.id, StoredEpisode { episode, embedding: Vector::of(&[]) });
        Ok(())
    }

    fn append(&mut self, id: EpisodeId, step: &Step) -> Result<()> {
        let stored = self.episodes.get_mut(&id).ok_or(Error::UnknownEpisode { id })?;
        let place = match stored.episode.steps.binary_search_by_key(&step.number, |stored| stored.number) {
            Ok(_) => return Err(Error::StepExists { id, number: step.number }),
            Err(place) => place, // the end, as a rule
        };
        // Nobody else holds a running episode: nothing is copied but the step.
        Arc::make_mut(&mut stored.episode).steps.insert(place, step.clone());
        Ok(())
    }

    fn complete(&mut self, head: &Head, embedding: &[f32], patterns: &[Pattern]) -> Result<()> {
        assert!(head.completion.is_some(), "a completed head has a completion");
        let stored = self.episodes.get_mut(&head.id).ok_or(Error::UnknownEpisode { id: head.id })?;
        if stored.is_completed() {
            return Err(Error::EpisodeCompleted { id: head.id });
        }
        let episode = Arc::make_mut(&mut stored.episode);
        episode.head = head.clone();
        episode.steps.shrink_to_fit(); // no more will come
        stored.embedding = Vector::of(embedding);
        for pattern in patterns {
            let stored = self.patterns.entry(pattern.id).and_modify(|stored| stored.merge(pattern));
            stored.or_insert_with(|| pattern.clone());
        }
        Ok(())
    }

    fn delete(&mut self, head: &Head, patterns: &[Pattern]) -> Result<()> {
        let id = head.id;
        let stored = self.episodes.get(&id).ok_or(Error::UnknownEpisode { id })?;
        if stored.is_completed() && head.completion.is_none() {
            return Err(Error::EpisodeCompleted { id });
        }
        self.episodes.remove(&id);
        self.indexes.remove(head);
        for pattern in patterns {
            if self.patterns.get_mut(&pattern.id).is_some_and(|stored| !stored.unmerge(pattern)) {
                self.patterns.remove(&pattern.id);
            }
        }
        Ok(())
    }

    fn write(&mut self, write: &Write) -> Result<()> {
        match write {
            Write::Create(head) => self.create(head),
            Write::Append(id, step) => self.append(*id, step),
            Write::Complete(completed) => {
                let Completed { head, embedding, patterns } = &**completed;
                self.complete(head, embedding, patterns)
            }
        }
    }
}

impl StoredEpisode {
    fn head(&self) -> &Head {
        &self.episode.head
    }

    fn is_completed(&self) -> bool {
        self.head().completion.is_some()
    }
}

impl InMemory {
    /// An empty store with the indexes of the variant.
    pub fn new(variant: &Variant, counters: Arc<Counters>) -> InMemory {
        let (episodes, patterns) = (BTreeMap::new(), BTreeMap::new());
        let contents = Contents { episodes, patterns, indexes: Indexes::of(variant) };
        let sharing = Sharing { kind: variant.sharing, counters: Arc::clone(&counters) };
        InMemory { contents: RwLock::new(Some(contents)), sharing, counters }
    }

    /// Looks at the contents, unless the store is closed.
    fn read<T>(&self, look: impl FnOnce(&Contents) -> T) -> Result<T> {
        let guard = self.contents.read();
        self.counters.round_trips.increment();
        guard.as_ref().map(look).ok_or(Error::Closed)
    }

    /// An episode for a caller. A running one changes in place, so nobody else may hold it.
    fn given(&self, stored: &StoredEpisode) -> Arc<Episode> {
        if stored.is_completed() { self.sharing.hand_out(&stored.episode) } else { self.sharing.copy(&stored.episode) }
    }

    fn write<T>(&self, change: impl FnOnce(&mut Contents) -> Result<T>) -> Result<T> {
        let mut guard = self.contents.write();
        let done = change(guard.as_mut().ok_or(Error::Closed)?)?;
        self.counters.round_trips.increment();
        self.counters.transactions.increment();
        Ok(done)
    }
}

#[async_trait]
impl Store for InMemory {
    async fn create(&self, head: &Head) -> Result<()> {
        self.write(|contents| contents.create(head))
    }

    async fn append(&self, id: EpisodeId, step: &Step) -> Result<()> {
        self.write(|contents| contents.append(id, step))?;
        self.counters.steps_appended.increment();
        Ok(())
    }

    async fn write_many(&self, writes: &[Write]) -> Result<Vec<Result<()>>> {
        let outcomes: Vec<Result<()>> =
            self.write(|contents| Ok(writes.iter().map(|write| contents.write(write)).collect()))?;
        self.counters.steps_appended.add(steps_stored(writes, &outcomes));
        Ok(outcomes)
    }

    async fn complete(&self, head: &Head, embedding: &[f32], patterns: &[Pattern]) -> Result<()> {
        self.write(|contents| contents.complete(head, embedding, patterns))
    }

    async fn delete(&self, head: &Head, patterns: &[Pattern]) -> Result<()> {
        self.write(|contents| contents.delete(head, patterns))
    }

    async fn head(&self, id: EpisodeId) -> Result<Option<Head>> {
        let head = self.read(|contents| contents.episodes.get(&id).map(|stored| stored.head().clone()))?;
        self.counters.rows_read.add(u64::from(head.is_some()));
        Ok(head)
    }

    async fn episode(&self, id: EpisodeId) -> Result<Option<Arc<Episode>>> {
        let episode = self.read(|contents| contents.episodes.get(&id).map(|stored| self.given(stored)))?;
        self.counters.rows_read.add(rows(episode.as_deref()));
        Ok(episode)
    }

    async fn episodes(&self, ids: &[EpisodeId]) -> Result<Vec<Option<Arc<Episode>>>> {
        let episodes: Vec<Option<Arc<Episode>>> = self.read(|contents| {
            ids.iter().map(|id| contents.episodes.get(id).map(|stored| self.given(stored))).collect()
        })?;
        self.counters.rows_read.add(episodes.iter().map(|episode| rows(episode.as_deref())).sum());
        Ok(episodes)
    }

    async fn scan(&self, visit: &mut Visit<'_>) -> Result<()> {
        let (mut rows, mut space) = (0, Vec::new());
        self.read(|contents| {
            for stored in contents.episodes.values().filter(|stored| stored.is_completed()) {
                visit(stored.head(), stored.embedding.read(&mut space));
                rows += 1;
            }
        })?;
        self.counters.rows_read.add(rows);
        Ok(())
    }

    async fn snapshot(&self, keep: &mut Keep<'_>) -> Result<()> {
        let given = |contents: &Contents| contents.episodes.values().map(|stored| self.given(stored)).collect();
        let episodes: Vec<Arc<Episode>> = self.read(given)?;
        episodes.iter().try_for_each(|episode| keep(episode))
    }

    async fn patterns(&self) -> Result<Vec<Pattern>> {
        let patterns: Vec<Pattern> = self.read(|contents| contents.patterns.values().cloned().collect())?;
        self.counters.rows_read.add(patterns.len() as u64);
        Ok(patterns)
    }

    async fn by_metadata(&self, key: &str, value: &str) -> Result<Vec<EpisodeId>> {
        self.read(|contents| match contents.indexes.by_metadata(key, value) {
            Some(ids) => {
                self.counters.metadata_index_searches.increment();
                self.counters.rows_read.add(ids.len() as u64);
                ids
            }
            None => {
                let rows = contents.episodes.len() as u64;
                self.counters.metadata_scanned.add(rows);
                self.counters.rows_read.add(rows);
                let heads = contents.episodes.values().map(StoredEpisode::head);
                let found = heads.filter(|head| head.metadata.get(key).is_some_and(|stored| stored == value));
                found.map(|head| head.id).collect()
            }
        })
    }

    async fn by_task(&self, task_type: &str, domain: &str, limit: usize) -> Result<Vec<EpisodeId>> {
        self.read(|contents| {
            let head_of = |id| contents.episodes.get(&id).map(StoredEpisode::head);
            contents.indexes.by_task(task_type, domain, limit, head_of, &self.counters)
        })
    }

    async fn stats(&self) -> Result<StoreStats> {
        self.read(|contents| StoreStats {
            episodes: contents.episodes.len() as u64,
            steps: contents.episodes.values().map(|stored| stored.episode.steps.len() as u64).sum(),
            patterns: contents.patterns.len() as u64,
            stored_bytes: 0,
        })
    }

    async fn check(&self) -> Result<()> {
        self.read(|_| ())
    }

    async fn flush(&self) -> Result<()> {
        self.read(|_| ())
    }

    async fn close(&self) -> Result<()> {
        *self.contents.write() = None;
        Ok(())
    }
}
