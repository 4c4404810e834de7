//! Steps on their way into their table.
//!
//! An episode keeps its row as long as it is there, and no other memory has the file open. So a step need not look its
//! episode up, and the steps of a batch share statements, which costs less than a statement for each. A few steps and
//! nothing else are one statement with no transaction around it: SQLite makes that one, and keeps no journal of a
//! statement that is all of its transaction. A server has other clients: there every step looks its episode up, in the
//! same statement.

use std::borrow::Cow;

use ::libsql::Value;

use super::Libsql;
use super::schema::{STEPS_TOGETHER, Sql};
use super::transport::Connection;
use super::values::{BackendError, BackendResult, key};
use crate::store::Write;
use crate::{EpisodeId, Error, Result};

/// A step, encoded.
#[derive(Clone)]
pub(super) struct StepRow<'a> {
    pub id: EpisodeId,
    pub number: u32,
    pub value: Cow<'a, [u8]>,
}

impl Libsql {
    /// Makes the writes with one statement, if they are a few steps of which none must be refused. False, and nothing
    /// is stored, if they are not.
    pub(super) async fn append_together(&self, writes: &[Write]) -> Result<bool> {
        if self.remote || !(2..=STEPS_TOGETHER).contains(&writes.len()) {
            return Ok(false);
        }
        let mut steps = Vec::with_capacity(writes.len());
        for write in writes {
            let Write::Append(id, step) = write else { return Ok(false) };
            let value = Cow::Owned(self.encoding.encode_step(step)?.into_bytes()); // before the only writer is taken
            steps.push(StepRow { id: *id, number: step.number, value });
        }
        let mut writer = self.writer.checkout().await?;
        match self.committed("storing a batch", self.insert_together(&mut writer, steps.into_iter())).await {
            Ok(()) => Ok(true),
            Err(Error::UnknownEpisode { .. } | Error::StepExists { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Adds steps within a transaction; pushes for each that it is there, or why it was refused.
    pub(super) async fn insert_steps(
        &self,
        writer: &mut Connection,
        steps: &[StepRow<'_>],
        outcomes: &mut Vec<Result<()>>,
    ) -> BackendResult<()> {
        for steps in steps.chunks(STEPS_TOGETHER) {
            if steps.len() > 1 && !self.remote {
                match self.insert_together(writer, steps.iter().cloned()).await {
                    Ok(()) => {
                        outcomes.extend(steps.iter().map(|_| Ok(())));
                        continue;
                    }
                    Err(BackendError::Ours(_)) => {} // one of them is refused: which, they tell one by one
                    Err(error) => return Err(error),
                }
            }
            for step in steps {
                outcomes.push(match self.insert_one(writer, step.clone()).await {
                    Err(BackendError::Ours(refusal)) => Err(refusal),
                    Err(error @ BackendError::Libsql(_)) => return Err(error),
                    Ok(()) => Ok(()),
                });
            }
        }
        Ok(())
    }

    /// Adds up to [`STEPS_TOGETHER`] steps, or none if one of them must be refused.
    async fn insert_together<'a>(
        &self,
        writer: &mut Connection,
        steps: impl ExactSizeIterator<Item = StepRow<'a>>,
    ) -> BackendResult<()> {
        let count = steps.len();
        let mut parameters = Vec::with_capacity(3 * count);
        let mut last = None;
        for StepRow { id, number, value } in steps {
            let row = self.row_of(writer, id).await?.ok_or(Error::UnknownEpisode { id })?;
            parameters.extend([Value::Integer(row), Value::Integer(number.into()), Value::Blob(value.into_owned())]);
            last = Some((id, number));
        }
        let Some((id, number)) = last else { return Ok(()) };
        // Which of the numbers is taken, the statement does not say.
        let done = writer.insert_steps(count, parameters).await;
        done.map_err(|error| error.unless_taken(Error::StepExists { id, number }))
    }

    /// Adds a step.
    pub(super) async fn insert_one(&self, writer: &mut Connection, step: StepRow<'_>) -> BackendResult<()> {
        let StepRow { id, number, value } = step;
        let (number_of, value) = (Value::Integer(number.into()), Value::Blob(value.into_owned()));
        let done = if self.remote {
            writer.execute(Sql::InsertStep, vec![key(id), number_of, value]).await
        } else {
            let row = self.row_of(writer, id).await?.ok_or(Error::UnknownEpisode { id })?;
            writer.execute(Sql::InsertStepOf, vec![Value::Integer(row), number_of, value]).await
        };
        match done {
            Ok(0) => Err(Error::UnknownEpisode { id }.into()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.unless_taken(Error::StepExists { id, number })),
        }
    }

    /// The row of an episode, if there is one of that id.
    async fn row_of(&self, writer: &mut Connection, id: EpisodeId) -> BackendResult<Option<i64>> {
        if let Some(row) = self.rows.get(id) {
            return Ok(Some(row as i64));
        }
        let row = writer.query(Sql::SelectRow, vec![key(id)], |row| Ok(row.get::<i64>(0)?)).await?.pop();
        if let Some(row) = row {
            self.rows.remember(id, row as u64);
        }
        Ok(row)
    }
}
