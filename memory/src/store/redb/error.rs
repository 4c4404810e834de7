//! Errors of redb, and their translation.

use std::path::Path;

use ::redb::DatabaseError;

use crate::Error;

/// The result of work on redb.
pub(super) type BackendResult<T> = std::result::Result<T, BackendError>;

/// An error in work on redb: this crate's, or redb's, which gets path and action when it leaves this folder.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum BackendError {
    Ours(#[from] Error),
    Redb(Box<::redb::Error>),
}

macro_rules! backend_errors {
    ($($Error:ty),+) => {
        $(impl From<$Error> for BackendError {
            fn from(error: $Error) -> BackendError {
                BackendError::Redb(Box::new(error.into()))
            }
        })+
    };
}
backend_errors!(
    ::redb::StorageError,
    ::redb::TableError,
    ::redb::TransactionError,
    ::redb::CommitError,
    ::redb::SetDurabilityError
);

impl BackendError {
    pub(super) fn at(self, path: &Path, action: &'static str) -> Error {
        match self {
            BackendError::Ours(error) => error,
            BackendError::Redb(error) => match *error {
                ::redb::Error::Io(source) => Error::Io { path: path.to_owned(), action, source },
                error => Error::store("redb", action, error),
            },
        }
    }
}

/// The error of a database that could not be opened or closed.
pub(super) fn opening_error(path: &Path, action: &'static str, error: DatabaseError) -> Error {
    let foreign = |reason: String| Error::NotAStore { path: path.to_owned(), store: "redb", reason };
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            Error::StoreInUse { path: path.to_owned() }
        }
        DatabaseError::UpgradeRequired(version) => {
            foreign(format!("redb's file format {version}, which this redb does not read"))
        }
        DatabaseError::Storage(::redb::StorageError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            foreign(error.to_string())
        }
        error => BackendError::Redb(Box::new(error.into())).at(path, action),
    }
}
