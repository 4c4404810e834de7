//! The one error of the crate.
//!
//! Messages name the thing and the remedy. Errors of foreign libraries are kept as sources, never shown as types, so that a store's library
//! can be changed without changing what callers match on.

use std::path::PathBuf;

use crate::ids::{EpisodeId, MalformedId};

/// The result of every fallible function of the crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of a library beneath, kept as the source of ours.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong in the memory.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No episode has this id.
    #[error("no episode {id}: start it first, or ask for one that this store holds")]
    UnknownEpisode {
        /// The id that was asked for.
        id: EpisodeId,
    },
    /// An episode of this id is there already.
    #[error("episode {id} exists already: start each episode under a new id (is the same seed in use twice?)")]
    EpisodeExists {
        /// The id that is taken.
        id: EpisodeId,
    },
    /// The episode has a step of this number already.
    #[error("episode {id} has a step {number} already: give each step the next number")]
    StepExists {
        /// The episode.
        id: EpisodeId,
        /// The number that is taken.
        number: u32,
    },
    /// The episode was completed, so that nothing can be added.
    #[error("episode {id} is completed: log steps before completing, or start another episode")]
    EpisodeCompleted {
        /// The id of the completed episode.
        id: EpisodeId,
    },
    /// Text that is not an id.
    #[error(transparent)]
    MalformedId(#[from] MalformedId),
    /// A toggle that does not exist.
    #[error("unknown toggle `{name}`: one of {valid}")]
    UnknownToggle {
        /// What was given.
        name: String,
        /// The names there are.
        valid: String,
    },
    /// A strategy that the toggle does not have.
    #[error("unknown strategy `{strategy}` of toggle `{toggle}`: one of {valid}")]
    UnknownStrategy {
        /// The toggle.
        toggle: &'static str,
        /// What was given.
        strategy: String,
        /// The names there are.
        valid: String,
    },
    /// A part of a variant that is not `toggle=strategy`.
    #[error(
        "`{part}` is no `toggle=strategy` pair: write pairs with commas between, such as store=redb,codec=postcard"
    )]
    MalformedVariant {
        /// The part that could not be read.
        part: String,
    },
    /// Strategies that do not go together.
    #[error("{conflict}: {remedy}")]
    InvalidVariant {
        /// Which strategies exclude each other.
        conflict: String,
        /// What would do.
        remedy: String,
    },
    /// A store that lives in a file was opened without a path.
    #[error("store={store} lives in a file: give Options a path")]
    MissingPath {
        /// The store's strategy name.
        store: &'static str,
    },
    /// A URL of no database server.
    #[error("`{url}` is no URL of a database: write http://, https:// or libsql://, and a host")]
    MalformedUrl {
        /// What was given.
        url: String,
    },
    /// A value could not be encoded.
    #[error("encoding a {what} as {codec} failed")]
    Encode {
        /// The type of the value.
        what: &'static str,
        /// The codec's name.
        codec: &'static str,
        /// The codec's own error.
        source: BoxError,
    },
    /// A stored value's payload is not what its tags say.
    #[error("a stored {what} is not valid {codec}: the value is damaged, or was written by a newer version")]
    Decode {
        /// The type of the value.
        what: &'static str,
        /// The name of the codec that the value's tag says.
        codec: &'static str,
        /// The codec's own error.
        source: BoxError,
    },
    /// A stored value's envelope is damaged.
    #[error("a stored value is damaged: {reason}")]
    Envelope {
        /// What is wrong with it.
        reason: String,
    },
    /// A compressor failed on a value.
    #[error("compressing a value with {compression} failed")]
    Compress {
        /// The strategy's name.
        compression: &'static str,
        /// The compressor's own error.
        source: BoxError,
    },
    /// The database beneath a store failed.
    #[error("store {store}: {action} failed")]
    Store {
        /// The store's strategy name.
        store: &'static str,
        /// What was attempted, such as `append a step`.
        action: &'static str,
        /// The database's own error.
        source: BoxError,
    },
    /// A transaction that several writes shared failed: none of them is stored.
    #[error("storing a batch failed")]
    Batch {
        /// What the store said, to all of them.
        source: std::sync::Arc<Error>,
    },
    /// A file or folder could not be used.
    #[error("{}: {action} failed", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was attempted.
        action: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file that is no store of the kind asked for.
    #[error("{} is no {store} store ({reason}): name another file, or remove this one", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// The store's strategy name.
        store: &'static str,
        /// What was found instead.
        reason: String,
    },
    /// A store whose tables this version does not know.
    #[error("{} has schema {found}, this version knows schema {expected}: open it with the version that wrote it, or start a new store", path.display())]
    SchemaVersion {
        /// The store's file.
        path: PathBuf,
        /// The version that the store names.
        found: u32,
        /// The version of this code.
        expected: u32,
    },
    /// A store that is open elsewhere.
    #[error("{} is in use: close the memory that has it open (this process or another), or wait for it to end", path.display())]
    StoreInUse {
        /// The store's file.
        path: PathBuf,
    },
    /// Stored vectors have another length than the embedder's.
    #[error(
        "the store holds embeddings of {stored} dimensions, the embedder makes {expected}: open it with the embedder it was written with"
    )]
    EmbeddingDimensions {
        /// The length of a stored vector.
        stored: usize,
        /// The length of the embedder's.
        expected: usize,
    },
    /// The pool had no connection in time.
    #[error(
        "no connection after {waited_ms} ms: raise the pool's size or its timeout, or look for one that is held too long"
    )]
    PoolTimeout {
        /// How long the caller waited, in milliseconds.
        waited_ms: u64,
    },
    /// A corpus file that is not one.
    #[error("{}:{line}: {problem}", path.display())]
    Corpus {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The memory was closed.
    #[error("the memory is closed: open it again")]
    Closed,
}

impl Error {
    /// An error of the database beneath the store `store`, with what was attempted.
    pub fn store(store: &'static str, action: &'static str, source: impl Into<BoxError>) -> Error {
        Error::Store { store, action, source: source.into() }
    }

    /// Whether this error of a write says for certain that the store is as it was before. After others it may have been changed.
    pub(crate) fn nothing_was_written(&self) -> bool {
        matches!(
            self,
            Error::UnknownEpisode { .. }
                | Error::EpisodeExists { .. }
                | Error::EpisodeCompleted { .. }
                | Error::StepExists { .. }
                | Error::PoolTimeout { .. }
                | Error::Closed
        )
    }
}
