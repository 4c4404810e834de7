//! Writes: each one a transaction of the one writer.

use ::libsql::Value;

use super::Libsql;
use super::connection::Connection;
use super::schema::Sql;
use super::values::{Attempt, Fault, key, time};
use crate::store::{Completed, EncodedStep, merged};
use crate::{EpisodeId, Error, Head, Pattern, Result};

impl Libsql {
    pub(in crate::store) async fn insert_episode(&self, head: &Head, value: &[u8]) -> Result<()> {
        let metadata = serde_json::to_string(&head.metadata).expect("a map of texts is valid JSON");
        let parameters = vec![
            key(head.id),
            Value::Text(head.task_type.clone()),
            Value::Text(head.context.domain.clone()),
            time(head.started_at_ns),
            Value::Blob(value.to_vec()),
            Value::Text(metadata),
        ];
        let mut writer = self.writer.checkout().await?;
        let insertion = async {
            let done = writer.execute(Sql::InsertEpisode, parameters).await;
            done.map(drop).map_err(|fault| fault.unless_taken(Error::EpisodeExists { id: head.id }))
        };
        self.committed("storing an episode", insertion).await
    }

    pub(in crate::store) async fn insert_step(&self, id: EpisodeId, number: u32, value: &[u8]) -> Result<()> {
        let parameters = vec![key(id), Value::Integer(number.into()), Value::Blob(value.to_vec())];
        let mut writer = self.writer.checkout().await?;
        let insertion = async {
            match writer.execute(Sql::InsertStep, parameters).await {
                Ok(0) => Err(Error::UnknownEpisode { id }.into()),
                Ok(_) => Ok(()),
                Err(fault) => Err(fault.unless_taken(Error::StepExists { id, number })),
            }
        };
        self.committed("storing a step", insertion).await
    }

    /// Steps in one transaction: what is refused is not among them.
    pub(in crate::store) async fn insert_steps(&self, steps: &[EncodedStep]) -> Result<Vec<Result<()>>> {
        if let [EncodedStep { id, number, value }] = steps {
            return match self.insert_step(*id, *number, value).await {
                Err(error @ (Error::UnknownEpisode { .. } | Error::StepExists { .. })) => Ok(vec![Err(error)]),
                outcome => outcome.map(|()| vec![Ok(())]),
            };
        }
        let mut writer = self.writer.checkout().await?;
        let mut outcomes = Vec::with_capacity(steps.len());
        let insertion = async {
            writer.execute(Sql::Begin, vec![]).await?;
            let done = match insert_within(&mut writer, steps, &mut outcomes).await {
                Ok(()) => writer.execute(Sql::Commit, vec![]).await.map(drop),
                Err(fault) => Err(fault),
            };
            if done.is_err() {
                writer.roll_back().await?;
            }
            done
        };
        self.committed("storing a batch of steps", insertion).await?;
        Ok(outcomes)
    }

    pub(in crate::store) async fn complete_episode(&self, completed: &Completed<'_>) -> Result<()> {
        let mut writer = self.writer.checkout().await?;
        let mut made_vectors = false;
        let completion = async {
            writer.execute(Sql::Begin, vec![]).await?;
            let done = match self.complete_within(&mut writer, completed).await {
                Ok(made) => {
                    made_vectors = made;
                    writer.execute(Sql::Commit, vec![]).await.map(drop)
                }
                Err(fault) => Err(fault),
            };
            if done.is_err() {
                writer.roll_back().await?;
            }
            done
        };
        self.committed("storing a completed episode", completion).await?;
        if made_vectors {
            self.vectors_were_made();
        }
        Ok(())
    }

    /// Says whether the index of vectors was made.
    async fn complete_within(&self, writer: &mut Connection, completed: &Completed<'_>) -> Attempt<bool> {
        let Completed { head, value, vector, embedding, patterns } = completed;
        let completed_at_ns = head.completion.as_ref().map_or(0, |completion| completion.completed_at_ns);
        let (value, embedding) = (Value::Blob(value.to_vec()), Value::Blob(embedding.to_vec()));
        let parameters = vec![key(head.id), time(completed_at_ns), value, embedding];
        if writer.execute(Sql::CompleteEpisode, parameters).await? == 0 {
            let known = !writer.query(Sql::SelectHead, vec![key(head.id)], |_| Ok(())).await?.is_empty();
            let id = head.id;
            return Err(if known { Error::EpisodeCompleted { id } } else { Error::UnknownEpisode { id } }.into());
        }
        let made = self.index_vector(writer, head.id, vector).await?;
        for pattern in *patterns {
            let id = Value::Blob(pattern.id.0.to_be_bytes().to_vec());
            let stored =
                writer.query(Sql::SelectPattern, vec![id.clone()], |row| self.decoded::<Pattern>(row, 0)).await?.pop();
            let merged = merged(stored, pattern, &self.encoding)?;
            writer.execute(Sql::UpsertPattern, vec![id, Value::Blob(merged.to_vec())]).await?;
        }
        Ok(made)
    }
}

/// Inserts steps within a transaction. A key that is taken undoes its own statement only.
async fn insert_within(writer: &mut Connection, steps: &[EncodedStep], outcomes: &mut Vec<Result<()>>) -> Attempt<()> {
    for &EncodedStep { id, number, ref value } in steps {
        let parameters = vec![key(id), Value::Integer(number.into()), Value::Blob(value.to_vec())];
        outcomes.push(match writer.execute(Sql::InsertStep, parameters).await {
            Ok(0) => Err(Error::UnknownEpisode { id }),
            Ok(_) => Ok(()),
            Err(fault) => match fault.unless_taken(Error::StepExists { id, number }) {
                Fault::Ours(refusal) => Err(refusal),
                fault @ Fault::Libsql(_) => return Err(fault),
            },
        });
    }
    Ok(())
}
