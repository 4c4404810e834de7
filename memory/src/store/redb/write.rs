//! Writes: each one a transaction, or several that share one.

use ::redb::{ReadableTable, WriteTransaction};

use super::error::{BackendError, BackendResult};
use super::lazy_table::LazyTable;
use super::steps::Steps;
use super::{ABOUT, EMBEDDINGS, HEADS, PATTERNS, Redb, SCHEMA_KEY};
use crate::store::pattern_merger::PatternMerger;
use crate::store::{Encoded, EncodedCompletion, SCHEMA_VERSION};
use crate::{Encoding, EpisodeId, Error, Head, Pattern, Result};

/// The tables of episodes, and the state that completions of one transaction share.
struct Episodes<'t> {
    heads: LazyTable<'t, u128, &'static [u8]>,
    embeddings: LazyTable<'t, u128, &'static [u8]>,
    patterns: LazyTable<'t, u64, &'static [u8]>,
    merger: PatternMerger,
}

impl Redb {
    pub(in crate::store) async fn insert_episode(&self, head: &Head, value: &[u8]) -> Result<()> {
        self.write("storing an episode", |transaction| {
            Episodes::of(transaction).start(head.id, value, &mut self.steps(transaction))?;
            self.indexes.insert(transaction, head)
        })
        .await
    }

    pub(in crate::store) async fn insert_step(&self, id: EpisodeId, number: u32, value: &[u8]) -> Result<()> {
        self.write("storing a step", |transaction| self.steps(transaction).insert(id, number, value)).await
    }

    pub(in crate::store) async fn complete_episode(&self, completion: &EncodedCompletion<'_>) -> Result<()> {
        self.write("storing a completed episode", |transaction| {
            let mut episodes = Episodes::of(transaction);
            episodes.complete(completion, &self.encoding)?;
            episodes.write_patterns(&self.encoding)
        })
        .await?;
        self.rows.forget(completion.head.id);
        Ok(())
    }

    pub(in crate::store) async fn delete_episode(&self, head: &Head, patterns: &[Pattern]) -> Result<()> {
        let _writing = self.write_lock.lock().await;
        let mut removed = 0;
        self.commit_paced("deleting an episode", |transaction| {
            Episodes::of(transaction).delete(head, patterns, &self.encoding)?;
            removed = self.steps(transaction).remove(head.id)?;
            self.indexes.remove(transaction, head)?;
            let mut about = transaction.open_table(ABOUT)?;
            about.insert(SCHEMA_KEY, SCHEMA_VERSION.to_be_bytes().as_slice())?;
            self.removed.write(&mut about, removed)
        })?;
        self.removed.committed(removed);
        Ok(())
    }

    /// Several writes in one transaction, without those that are refused.
    pub(in crate::store) async fn write_batch(&self, writes: &[Encoded<'_>]) -> Result<Vec<Result<()>>> {
        let mut outcomes = Vec::with_capacity(writes.len());
        self.write("storing a batch", |transaction| {
            let (mut episodes, mut steps) = (Episodes::of(transaction), self.steps(transaction));
            for write in writes {
                let done = match write {
                    Encoded::Episode { head, value } => {
                        episodes.start(head.id, value, &mut steps).and_then(|()| self.indexes.insert(transaction, head))
                    }
                    Encoded::Step { id, number, value } => steps.insert(*id, *number, value),
                    Encoded::Completion(completion) => episodes.complete(completion, &self.encoding),
                };
                outcomes.push(match done {
                    // A refusal comes before any change.
                    Err(BackendError::Ours(refusal)) => Err(refusal),
                    Err(error @ BackendError::Redb(_)) => return Err(error),
                    Ok(()) => Ok(()),
                });
            }
            episodes.write_patterns(&self.encoding)
        })
        .await?;
        for write in writes {
            if let Encoded::Completion(completion) = write {
                self.rows.forget(completion.head.id);
            }
        }
        Ok(outcomes)
    }
}

impl<'t> Episodes<'t> {
    fn of(transaction: &'t WriteTransaction) -> Episodes<'t> {
        Episodes {
            heads: LazyTable::new(transaction, HEADS),
            embeddings: LazyTable::new(transaction, EMBEDDINGS),
            patterns: LazyTable::new(transaction, PATTERNS),
            merger: PatternMerger::default(),
        }
    }

    /// Adds a new episode.
    fn start(&mut self, id: EpisodeId, value: &[u8], steps: &mut Steps<'_>) -> BackendResult<()> {
        let heads = self.heads.get()?;
        if heads.get(id.0)?.is_some() {
            return Err(Error::EpisodeExists { id }.into());
        }
        heads.insert(id.0, value)?;
        steps.start(id)
    }

    /// Completes an episode, all but its patterns.
    fn complete(&mut self, completion: &EncodedCompletion<'_>, encoding: &Encoding) -> BackendResult<()> {
        let id = completion.head.id;
        if self.heads.get()?.get(id.0)?.is_none() {
            return Err(Error::UnknownEpisode { id }.into());
        }
        if self.embeddings.get()?.get(id.0)?.is_some() {
            return Err(Error::EpisodeCompleted { id }.into());
        }
        self.read_patterns(completion.patterns, encoding)?;
        self.heads.get()?.insert(id.0, completion.value.as_slice())?;
        self.embeddings.get()?.insert(id.0, completion.embedding.as_slice())?;
        self.merger.merge(completion.patterns);
        Ok(())
    }

    /// Removes an episode, all but its steps.
    fn delete(&mut self, head: &Head, patterns: &[Pattern], encoding: &Encoding) -> BackendResult<()> {
        let id = head.id;
        if self.heads.get()?.remove(id.0)?.is_none() {
            return Err(Error::UnknownEpisode { id }.into());
        }
        if self.embeddings.get()?.remove(id.0)?.is_some() && head.completion.is_none() {
            return Err(Error::EpisodeCompleted { id }.into());
        }
        self.read_patterns(patterns, encoding)?;
        self.merger.unmerge(patterns);
        self.write_patterns(encoding)
    }

    fn read_patterns(&mut self, seen: &[Pattern], encoding: &Encoding) -> BackendResult<()> {
        for id in self.merger.missing(seen) {
            let stored = self.patterns.get()?.get(id.0)?;
            let stored = stored.map(|stored| encoding.decode::<Pattern>(stored.value())).transpose()?;
            self.merger.read(id, stored);
        }
        Ok(())
    }

    fn write_patterns(&mut self, encoding: &Encoding) -> BackendResult<()> {
        for (id, value) in self.merger.changed(encoding)? {
            self.patterns.get()?.insert(id.0, value.as_slice())?;
        }
        for id in self.merger.gone() {
            self.patterns.get()?.remove(id.0)?;
        }
        Ok(())
    }
}
