//! Writes: each one a transaction, or several that share one.

use ::redb::{ReadableTable, Table, WriteTransaction};

use super::fault::{Attempt, Fault};
use super::steps::Steps;
use super::{EMBEDDINGS, HEADS, PATTERNS, Redb};
use crate::store::merging::Merging;
use crate::store::{Encoded, EncodedCompletion};
use crate::{EpisodeId, Error, Head, Pattern, Result};

/// The tables that writes go to.
struct Tables<'t> {
    heads: Table<'t, u128, &'static [u8]>,
    embeddings: Table<'t, u128, &'static [u8]>,
    steps: Steps<'t>,
    patterns: Table<'t, u64, &'static [u8]>,
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
            let mut tables = Tables::open(transaction)?;
            let mut merging = Merging::default();
            self.complete_within(&mut tables, &mut merging, completion)?;
            self.write_patterns(&mut tables, &merging)
        })
        .await
    }

    /// Several writes in one transaction: what is refused is not among them.
    pub(in crate::store) async fn write_batch(&self, writes: &[Encoded<'_>]) -> Result<Vec<Result<()>>> {
        let mut outcomes = Vec::with_capacity(writes.len());
        self.write("storing a batch", |transaction| {
            let mut tables = Tables::open(transaction)?;
            let mut merging = Merging::default();
            for write in writes {
                outcomes.push(match self.write_one(transaction, &mut tables, &mut merging, write) {
                    // What we refuse, we refuse before anything is changed.
                    Err(Fault::Ours(refusal)) => Err(refusal),
                    Err(fault @ Fault::Redb(_)) => return Err(fault),
                    Ok(()) => Ok(()),
                });
            }
            self.write_patterns(&mut tables, &merging)
        })
        .await?;
        Ok(outcomes)
    }

    fn write_one(
        &self,
        transaction: &WriteTransaction,
        tables: &mut Tables<'_>,
        merging: &mut Merging,
        write: &Encoded<'_>,
    ) -> Attempt<()> {
        match write {
            Encoded::Episode { head, value } => {
                insert_head(&mut tables.heads, &mut tables.steps, head.id, value)?;
                self.indexes.insert(transaction, head)
            }
            Encoded::Step { id, number, value } => tables.steps.insert(*id, *number, value),
            Encoded::Completion(completion) => self.complete_within(tables, merging, completion),
        }
    }

    /// Completes an episode within a transaction, all but its patterns.
    fn complete_within(
        &self,
        tables: &mut Tables<'_>,
        merging: &mut Merging,
        completion: &EncodedCompletion<'_>,
    ) -> Attempt<()> {
        let Tables { heads, embeddings, patterns, .. } = tables;
        let id = completion.head.id;
        if heads.get(id.0)?.is_none() {
            return Err(Error::UnknownEpisode { id }.into());
        }
        if embeddings.get(id.0)?.is_some() {
            return Err(Error::EpisodeCompleted { id }.into());
        }
        for id in merging.missing(completion.patterns) {
            let stored = patterns.get(id.0)?;
            merging.read(id, stored.map(|stored| self.encoding.decode::<Pattern>(stored.value())).transpose()?);
        }
        heads.insert(id.0, completion.value.as_slice())?;
        embeddings.insert(id.0, completion.embedding.as_slice())?;
        merging.merge(completion.patterns);
        Ok(())
    }

    fn write_patterns(&self, tables: &mut Tables<'_>, merging: &Merging) -> Attempt<()> {
        for (id, value) in merging.changed(&self.encoding)? {
            tables.patterns.insert(id.0, value.as_slice())?;
        }
        Ok(())
    }
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Attempt<Tables<'t>> {
        Ok(Tables {
            heads: transaction.open_table(HEADS)?,
            embeddings: transaction.open_table(EMBEDDINGS)?,
            steps: Steps::open(transaction)?,
            patterns: transaction.open_table(PATTERNS)?,
        })
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
