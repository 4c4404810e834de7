//! Errors of libsql and their translation, and columns.

use std::path::Path;

use ::libsql::params::IntoParams;
use ::libsql::{Connection as Database, Row as DbRow, Value};

use super::schema;
use crate::{EpisodeId, Error};

/// The result of work on libsql.
pub(super) type BackendResult<T> = std::result::Result<T, BackendError>;

/// An error in work on libsql: this crate's, or libsql's, which gets path and action when it leaves this folder.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum BackendError {
    Ours(#[from] Error),
    Libsql(#[from] ::libsql::Error),
}

impl BackendError {
    pub(super) fn at(self, path: &Path, action: &'static str) -> Error {
        match self {
            BackendError::Ours(error) => error,
            BackendError::Libsql(::libsql::Error::SqliteFailure(code, message)) => {
                schema::failure(code, message, path, action)
            }
            BackendError::Libsql(error) if text_of(&error).is_some_and(|text| text.contains("SQLITE_BUSY")) => {
                Error::StoreInUse { path: path.to_owned() }
            }
            BackendError::Libsql(error) => Error::store("libsql", action, error),
        }
    }

    /// The database says that the primary key is in use.
    pub(super) fn is_taken(&self) -> bool {
        match self {
            BackendError::Libsql(::libsql::Error::SqliteFailure(code, _)) => schema::key_is_taken(*code),
            BackendError::Libsql(error) => text_of(error).is_some_and(|text| text.contains("UNIQUE constraint failed")),
            BackendError::Ours(_) => false,
        }
    }

    /// `taken`, if the database says that the primary key is in use.
    pub(super) fn unless_taken(self, taken: Error) -> BackendError {
        if self.is_taken() { taken.into() } else { self }
    }

    /// A server was not reached, or does not know the stream (any more): nothing was done.
    pub(super) fn was_refused(&self) -> bool {
        let BackendError::Libsql(error) = self else { return false };
        let signs = ["STREAM_EXPIRED", "invalid baton", "error trying to connect"];
        text_of(error).is_some_and(|text| signs.iter().any(|sign| text.contains(sign)))
    }

    /// The connection broke, or the server lost the stream: this is no answer of the database.
    pub(super) fn is_on_the_way(&self) -> bool {
        let BackendError::Libsql(error) = self else { return false };
        text_of(error).is_some_and(|text| !text.starts_with("stream error"))
    }
}

/// The text of an error of libsql's client of a server. These errors have no public type; tests with a real server
/// check the texts of 0.10.
fn text_of(error: &::libsql::Error) -> Option<String> {
    match error {
        ::libsql::Error::Hrana(error) => Some(error.to_string()),
        _ => None,
    }
}

pub(super) fn key(id: EpisodeId) -> Value {
    Value::Blob(id.to_bytes().to_vec())
}

/// A time in a column, for queries; the envelope has it exactly. Nanoseconds fit until 2262, and stop there.
pub(super) fn time(ns: u64) -> Value {
    Value::Integer(i64::try_from(ns).unwrap_or(i64::MAX))
}

pub(super) fn bytes<const N: usize>(row: &DbRow, column: i32) -> BackendResult<[u8; N]> {
    let bytes: Vec<u8> = row.get(column)?;
    let len = bytes.len();
    bytes.try_into().map_err(|_| Error::Envelope { reason: format!("a key of {len} bytes, not {N}") }.into())
}

pub(super) fn id_of(row: &DbRow, column: i32) -> BackendResult<EpisodeId> {
    Ok(EpisodeId::from_bytes(bytes(row, column)?))
}

/// The number that a statement returns; 0 without a row.
pub(super) async fn number(database: &Database, sql: &str, parameters: impl IntoParams) -> BackendResult<i64> {
    let row = database.query(sql, parameters).await?.next().await?;
    Ok(row.map_or(Ok(0), |row| row.get(0))?)
}

/// The database has a table or an index of that name.
pub(super) async fn exists(database: &Database, name: &str) -> BackendResult<bool> {
    Ok(number(database, "SELECT count(*) FROM sqlite_schema WHERE name = ?1", [name]).await? > 0)
}

/// The one row of a query that always returns one.
pub(super) fn first<T>(rows: Vec<T>) -> T {
    rows.into_iter().next().expect("the statement returns a row whatever the tables hold")
}
