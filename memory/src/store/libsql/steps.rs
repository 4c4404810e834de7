//! Steps on their way into their table.
//!
//! An episode keeps its row as long as it is there, and no other memory has the file open. So a step need not look its
//! episode up, and eight of them share a statement, which costs less than eight statements. A server has other clients:
//! there every step looks its episode up, in the same statement.

use ::libsql::Value;

use super::Libsql;
use super::schema::Sql;
use super::transport::Connection;
use super::values::{BackendError, BackendResult, key};
use crate::{EpisodeId, Error, Result};

/// The steps of [`Sql::InsertEightSteps`].
const TOGETHER: usize = 8;

/// A step, encoded.
#[derive(Clone, Copy)]
pub(super) struct StepRow<'a> {
    pub id: EpisodeId,
    pub number: u32,
    pub value: &'a [u8],
}

impl Libsql {
    /// Adds steps within a transaction; pushes for each that it is there, or why it was refused.
    pub(super) async fn insert_steps(
        &self,
        writer: &mut Connection,
        steps: &[StepRow<'_>],
        outcomes: &mut Vec<Result<()>>,
    ) -> BackendResult<()> {
        for steps in steps.chunks(TOGETHER) {
            if steps.len() == TOGETHER && !self.remote && self.insert_eight(writer, steps).await? {
                outcomes.extend(steps.iter().map(|_| Ok(())));
                continue;
            }
            for step in steps {
                outcomes.push(match self.insert_one(writer, *step).await {
                    Err(BackendError::Ours(refusal)) => Err(refusal),
                    Err(error @ BackendError::Libsql(_)) => return Err(error),
                    Ok(()) => Ok(()),
                });
            }
        }
        Ok(())
    }

    /// Adds eight steps; false, and nothing is added, if one of them must be refused.
    async fn insert_eight(&self, writer: &mut Connection, steps: &[StepRow<'_>]) -> BackendResult<bool> {
        let mut parameters = Vec::with_capacity(3 * TOGETHER);
        for StepRow { id, number, value } in steps {
            let Some(row) = self.row_of(writer, *id).await? else { return Ok(false) };
            parameters.extend([Value::Integer(row), Value::Integer((*number).into()), Value::Blob(value.to_vec())]);
        }
        match writer.execute(Sql::InsertEightSteps, parameters).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_taken() => Ok(false), // the statement undid what it had done
            Err(error) => Err(error),
        }
    }

    /// Adds a step.
    pub(super) async fn insert_one(&self, writer: &mut Connection, step: StepRow<'_>) -> BackendResult<()> {
        let StepRow { id, number, value } = step;
        let (number_of, value) = (Value::Integer(number.into()), Value::Blob(value.to_vec()));
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
