//! The error of the crate.
//!
//! A message names the thing and the remedy. Errors of other libraries are kept as sources, never as types, so that a
//! store's library can be changed without changing what callers match on.

use std::path::{Path, PathBuf};

use episodes::{EpisodeId, MalformedId};

/// The result of every fallible function of the crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of another library.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An error of the memory.
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
        /// The text.
        name: String,
        /// The valid names.
        valid: String,
    },
    /// A strategy that the toggle does not have.
    #[error("unknown strategy `{strategy}` of toggle `{toggle}`: one of {valid}")]
    UnknownStrategy {
        /// The toggle.
        toggle: &'static str,
        /// The text.
        strategy: String,
        /// The valid names.
        valid: String,
    },
    /// A part of a variant that is no `toggle=strategy`.
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
        /// The strategies that exclude each other.
        conflict: String,
        /// A combination that works.
        remedy: String,
    },
    /// A store that lives in a file was opened without a path.
    #[error("store={store} lives in a file: give Options a path")]
    MissingPath {
        /// The store's strategy name.
        store: &'static str,
    },
    /// A URL that names no database server.
    #[error("`{url}` is no URL of a database: write http://, https:// or libsql://, and a host")]
    MalformedUrl {
        /// The text.
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
    /// A stored value whose payload is not what its tags say.
    #[error("a stored {what} is not valid {codec}: the value is damaged, or was written by a newer version")]
    Decode {
        /// The type of the value.
        what: &'static str,
        /// The name of the codec that the value's tag says.
        codec: &'static str,
        /// The codec's own error.
        source: BoxError,
    },
    /// A stored value with a damaged envelope.
    #[error("a stored value is damaged: {reason}")]
    Envelope {
        /// The problem.
        reason: String,
    },
    /// A compressor that failed.
    #[error("compressing a value with {compression} failed")]
    Compress {
        /// The strategy's name.
        compression: &'static str,
        /// The compressor's own error.
        source: BoxError,
    },
    /// A failure of the database of a store.
    #[error("store {store}: {action} failed")]
    Store {
        /// The store's strategy name.
        store: &'static str,
        /// The attempted action, such as `append a step`.
        action: &'static str,
        /// The database's own error.
        source: BoxError,
    },
    /// A failed transaction of several writes: none of them is stored.
    #[error("storing a batch failed")]
    Batch {
        /// The error of the store.
        source: std::sync::Arc<Error>,
    },
    /// A file or folder that could not be used.
    #[error("{}: {action} failed", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The attempted action.
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
        /// The reason.
        reason: String,
    },
    /// A store with tables of another version.
    #[error(
        "{} has schema {found}, this version knows schema {expected}: open it with the version that wrote it, \
        or start a new store",
        path.display()
    )]
    SchemaVersion {
        /// The store's file.
        path: PathBuf,
        /// The version that the store names.
        found: u32,
        /// The version of this code.
        expected: u32,
    },
    /// A store that is open elsewhere.
    #[error(
        "{} is in use: close the memory that has it open (this process or another), or wait for it to end",
        path.display()
    )]
    StoreInUse {
        /// The store's file.
        path: PathBuf,
    },
    /// Stored vectors of another length than the embedder's.
    #[error(
        "the store holds embeddings of {stored} dimensions, the embedder makes {expected}: \
        open it with the embedder it was written with"
    )]
    EmbeddingDimensions {
        /// The length of a stored vector.
        stored: usize,
        /// The length of the embedder's.
        expected: usize,
    },
    /// Stored vectors that the embedder does not make.
    #[error(
        "the vector of episode {id} is not this embedder's: open the store with the embedder it was written with, or \
        back it up and restore it with this one, which makes all vectors anew"
    )]
    OtherEmbedder {
        /// The episode that was looked at.
        id: EpisodeId,
    },
    /// A malformed backup.
    #[error("{}:{line}: {problem}", path.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The problem.
        problem: String,
    },
    /// A backup is to be restored into a store that holds something.
    #[error("the store holds {episodes} episodes: restore into a new one")]
    NotEmpty {
        /// Their number.
        episodes: u64,
    },
    /// No connection in time.
    #[error(
        "no connection after {waited_ms} ms: raise the pool's size or its timeout, or look for one that is held too long"
    )]
    PoolTimeout {
        /// The wait, in milliseconds.
        waited_ms: u64,
    },
    /// The memory was closed.
    #[error("the memory is closed: open it again")]
    Closed,
}

impl Error {
    /// The error of an `action` on the file or folder `path`.
    pub fn io(path: &Path, action: &'static str) -> impl Fn(std::io::Error) -> Error {
        move |source| Error::Io { path: path.to_owned(), action, source }
    }

    /// An error of the database of the store `store`, with the attempted action.
    pub fn store(store: &'static str, action: &'static str, source: impl Into<BoxError>) -> Error {
        Error::Store { store, action, source: source.into() }
    }

    /// The write that failed with this error is certain to have left the store unchanged. After other errors it may
    /// have changed.
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
