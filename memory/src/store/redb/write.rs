//! Writes: each one a transaction, or several that share one.

use ::redb::{ReadableTable, Table, WriteTransaction};

use super::error::{Attempt, Fault};
use super::steps::Steps;
use super::{EMBEDDINGS, HEADS, PATTERNS, Redb};
use crate::store::pattern_merger::Merging;
use crate::store::{Encoded, EncodedCompletion};
use crate::{Encoding, EpisodeId, Error, Head, Pattern, Result};

/// The tables that a completion goes to, and what completions of one transaction share.
struct Completing<'t> {
    heads: Table<'t, u128, &'static [u8]>,
    embeddings: Table<'t, u128, &'static [u8]>,
    patterns: Table<'t, u64, &'static [u8]>,
    merging: Merging,
}

impl Redb {
    pub(in crate::store) async fn insert_episode(&self, head: &Head, value: &[u8]) -> Result<()> {
        self.write("storing an episode", |transaction| {
            let (mut heads, mut steps) = (transaction.open_table(HEADS)?, Steps::open(transaction)?);
            insert_head(&mut heads, &mut steps, head.id, value)?;
            self.indexes.insert(transaction, head)
        })
        .await
    }

    pub(in crate::store) async fn insert_step(&self, id: EpisodeId, number: u32, value: &[u8]) -> Result<()> {
        self.write("storing a step", |transaction| Steps::open(transaction)?.insert(id, number, value)).await
    }

    pub(in crate::store) async fn complete_episode(&self, completion: &EncodedCompletion<'_>) -> Result<()> {
        self.write("storing a completed episode", |transaction| {
            let mut completing = Completing::open(transaction)?;
            completing.complete(completion, &self.encoding)?;
            completing.write_patterns(&self.encoding)
        })
        .await
    }

    /// Several writes in one transaction: what is refused is not among them.
    pub(in crate::store) async fn write_batch(&self, writes: &[Encoded<'_>]) -> Result<Vec<Result<()>>> {
        let mut outcomes = Vec::with_capacity(writes.len());
        self.write("storing a batch", |transaction| {
            let (mut completing, mut steps) = (Completing::open(transaction)?, Steps::open(transaction)?);
            for write in writes {
                let done = match write {
                    Encoded::Episode { head, value } => insert_head(&mut completing.heads, &mut steps, head.id, value)
                        .and_then(|()| self.indexes.insert(transaction, head)),
                    Encoded::Step { id, number, value } => steps.insert(*id, *number, value),
                    Encoded::Completion(completion) => completing.complete(completion, &self.encoding),
                };
                outcomes.push(match done {
                    // What we refuse, we refuse before anything is changed.
                    Err(Fault::Ours(refusal)) => Err(refusal),
                    Err(fault @ Fault::Redb(_)) => return Err(fault),
                    Ok(()) => Ok(()),
                });
            }
            completing.write_patterns(&self.encoding)
        })
        .await?;
        Ok(outcomes)
    }
}

impl<'t> Completing<'t> {
    fn open(transaction: &'t WriteTransaction) -> Attempt<Completing<'t>> {
        Ok(Completing {
            heads: transaction.open_table(HEADS)?,
            embeddings: transaction.open_table(EMBEDDINGS)?,
            patterns: transaction.open_table(PATTERNS)?,
            merging: Merging::default(),
        })
    }

    /// Completes an episode, all but its patterns.
    fn complete(&mut self, completion: &EncodedCompletion<'_>, encoding: &Encoding) -> Attempt<()> {
        let id = completion.head.id;
        if self.heads.get(id.0)?.is_none() {
            return Err(Error::UnknownEpisode { id }.into());
        }
        if self.embeddings.get(id.0)?.is_some() {
            return Err(Error::EpisodeCompleted { id }.into());
        }
        for id in self.merging.missing(completion.patterns) {
            let stored = self.patterns.get(id.0)?;
            let stored = stored.map(|stored| encoding.decode::<Pattern>(stored.value())).transpose()?;
            self.merging.read(id, stored);
        }
        self.heads.insert(id.0, completion.value.as_slice())?;
        self.embeddings.insert(id.0, completion.embedding.as_slice())?;
        self.merging.merge(completion.patterns);
        Ok(())
    }

    fn write_patterns(&mut self, encoding: &Encoding) -> Attempt<()> {
        for (id, value) in self.merging.changed(encoding)? {
            self.patterns.insert(id.0, value.as_slice())?;
        }
        Ok(())
    }
}

fn insert_head(
    heads: &mut Table<'_, u128, &'static [u8]>,
    steps: &mut Steps<'_>,
    id: EpisodeId,
    value: &[u8],
) -> Attempt<()> {
    if heads.get(id.0)?.is_some() {
        return Err(Error::EpisodeExists { id }.into());
    }
    heads.insert(id.0, value)?;
    steps.start(id)
}
