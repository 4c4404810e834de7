//! Writes: each a transaction of the one writer, or several in one.

use std::borrow::Cow;

use ::libsql::Value;

use super::Libsql;
use super::schema::Sql;
use super::steps::StepRow;
use super::transport::Connection;
use super::values::{BackendError, BackendResult, key, time};
use crate::store::pattern_merger::PatternMerger;
use crate::store::{Encoded, EncodedCompletion};
use crate::{EpisodeId, Error, Head, Pattern, Result};

/// The state that completions of one transaction share.
#[derive(Default)]
struct Shared {
    patterns: PatternMerger,
    /// One of them has created the index of vectors.
    made_vectors: bool,
}

impl Libsql {
    pub(in crate::store) async fn insert_episode(&self, head: &Head, value: &[u8]) -> Result<()> {
        let row = head_row(head, value); // before the only writer is taken
        let mut writer = self.writer.checkout().await?;
        self.committed("storing an episode", insert_head(&mut writer, head.id, row)).await
    }

    pub(in crate::store) async fn insert_step(&self, id: EpisodeId, number: u32, value: Cow<'_, [u8]>) -> Result<()> {
        let mut writer = self.writer.checkout().await?;
        self.committed("storing a step", self.insert_one(&mut writer, StepRow { id, number, value })).await
    }

    pub(in crate::store) async fn complete_episode(&self, completion: &EncodedCompletion<'_>) -> Result<()> {
        self.transaction("storing a completed episode", async |writer, shared| {
            self.complete_within(writer, shared, completion).await
        })
        .await?;
        self.rows.forget(completion.head.id);
        Ok(())
    }

    pub(in crate::store) async fn delete_episode(&self, head: &Head, patterns: &[Pattern]) -> Result<()> {
        self.transaction("deleting an episode", async |writer, shared| {
            let id = head.id;
            self.rows.forget(id);
            writer.execute(Sql::DeleteSteps, vec![key(id)]).await?;
            self.unindex_vector(writer, id).await?;
            let completed = Value::Integer(head.completion.is_some().into());
            if writer.execute(Sql::DeleteEpisode, vec![key(id), completed]).await? == 0 {
                return Err(missing(writer, id).await?.into());
            }
            self.read_patterns(writer, shared, patterns).await?;
            shared.patterns.unmerge(patterns);
            Ok(())
        })
        .await
    }

    /// Several writes in one transaction, without those that are refused.
    pub(in crate::store) async fn write_batch(&self, writes: &[Encoded<'_>]) -> Result<Vec<Result<()>>> {
        let mut outcomes = Vec::with_capacity(writes.len());
        self.transaction("storing a batch", async |writer, shared| {
            let mut steps = Vec::with_capacity(writes.len());
            for write in writes {
                if !matches!(write, Encoded::Step { .. }) && !steps.is_empty() {
                    self.insert_steps(writer, &std::mem::take(&mut steps), &mut outcomes).await?;
                }
                let done = match write {
                    Encoded::Step { id, number, value } => {
                        let value = Cow::Borrowed(&value[..]);
                        steps.push(StepRow { id: *id, number: *number, value }); // with those that follow
                        continue;
                    }
                    Encoded::Episode { head, value } => insert_head(writer, head.id, head_row(head, value)).await,
                    Encoded::Completion(completion) => self.complete_within(writer, shared, completion).await,
                };
                // A refusal comes before any change; a taken key undoes only its own statement.
                outcomes.push(match done {
                    Err(BackendError::Ours(refusal)) => Err(refusal),
                    Err(error @ BackendError::Libsql(_)) => return Err(error),
                    Ok(()) => Ok(()),
                });
            }
            self.insert_steps(writer, &steps, &mut outcomes).await
        })
        .await?;
        for write in writes {
            if let Encoded::Completion(completion) = write {
                self.rows.forget(completion.head.id);
            }
        }
        Ok(outcomes)
    }

    /// Does `work` in one transaction, which an error of it undoes.
    async fn transaction(
        &self,
        action: &'static str,
        work: impl AsyncFnOnce(&mut Connection, &mut Shared) -> BackendResult<()>,
    ) -> Result<()> {
        let mut writer = self.writer.checkout().await?;
        let mut shared = Shared::default();
        let whole = async {
            writer.execute(Sql::Begin, vec![]).await?;
            let mut done = work(&mut writer, &mut shared).await;
            if done.is_ok() {
                done = self.write_patterns(&mut writer, &shared.patterns).await;
            }
            if done.is_ok() {
                done = writer.execute(Sql::Commit, vec![]).await.map(drop);
            }
            if done.is_err() {
                // The first error says more; a transaction that is still open ends when the connection is lent again.
                let _undone = writer.roll_back().await;
            }
            done
        };
        self.committed(action, whole).await?;
        if shared.made_vectors {
            self.vectors_were_made();
        }
        Ok(())
    }

    async fn write_patterns(&self, writer: &mut Connection, patterns: &PatternMerger) -> BackendResult<()> {
        for (id, value) in patterns.changed(&self.encoding)? {
            let parameters = vec![Value::Blob(id.0.to_be_bytes().to_vec()), Value::Blob(value.to_vec())];
            writer.execute(Sql::UpsertPattern, parameters).await?;
        }
        for id in patterns.gone() {
            writer.execute(Sql::DeletePattern, vec![Value::Blob(id.0.to_be_bytes().to_vec())]).await?;
        }
        Ok(())
    }

    async fn read_patterns(&self, writer: &mut Connection, shared: &mut Shared, seen: &[Pattern]) -> BackendResult<()> {
        for id in shared.patterns.missing(seen) {
            let parameters = vec![Value::Blob(id.0.to_be_bytes().to_vec())];
            let stored = writer.query(Sql::SelectPattern, parameters, |row| self.decoded::<Pattern>(row, 0)).await?;
            shared.patterns.read(id, stored.into_iter().next());
        }
        Ok(())
    }

    /// Completes an episode within a transaction, all but its patterns.
    async fn complete_within(
        &self,
        writer: &mut Connection,
        shared: &mut Shared,
        completion: &EncodedCompletion<'_>,
    ) -> BackendResult<()> {
        let EncodedCompletion { head, value, vector, embedding, patterns } = completion;
        self.read_patterns(writer, shared, patterns).await?;
        let completed_at_ns = head.completion.as_ref().map_or(0, |completion| completion.completed_at_ns);
        let (value, embedding) = (Value::Blob(value.to_vec()), Value::Blob(embedding.to_vec()));
        let parameters = vec![key(head.id), time(completed_at_ns), value, embedding];
        if writer.execute(Sql::CompleteEpisode, parameters).await? == 0 {
            return Err(missing(writer, head.id).await?.into());
        }
        shared.made_vectors |= self.index_vector(writer, head.id, vector, shared.made_vectors).await?;
        shared.patterns.merge(patterns);
        Ok(())
    }
}

/// The reason why there was no uncompleted episode of this id.
async fn missing(writer: &mut Connection, id: EpisodeId) -> BackendResult<Error> {
    let known = !writer.query(Sql::SelectHead, vec![key(id)], |_| Ok(())).await?.is_empty();
    Ok(if known { Error::EpisodeCompleted { id } } else { Error::UnknownEpisode { id } })
}

fn head_row(head: &Head, value: &[u8]) -> Vec<Value> {
    let metadata = serde_json::to_string(&head.metadata).expect("a map of texts is valid JSON");
    vec![
        key(head.id),
        Value::Text(head.task_type.clone()),
        Value::Text(head.context.domain.clone()),
        time(head.started_at_ns),
        Value::Blob(value.to_vec()),
        Value::Text(metadata),
    ]
}

async fn insert_head(writer: &mut Connection, id: EpisodeId, row: Vec<Value>) -> BackendResult<()> {
    let done = writer.execute(Sql::InsertEpisode, row).await;
    done.map(drop).map_err(|error| error.unless_taken(Error::EpisodeExists { id }))
}
