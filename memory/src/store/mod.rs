//! Stores: one trait, four implementations, the same answers from each.
//!
//! | store | durability | a write is acknowledged when |
//! |---|---|---|
//! | `memory` | `memory` | the structs hold it; nothing survives the process |
//! | `redb` | `buffered` | the process holds it; it is synced every second, and every [`SYNC_EVERY`] writes |
//! | `redb` | `fsynced` | the disk holds it |
//! | `libsql`, `tiered` | `committed` | the system holds it (WAL, `synchronous=NORMAL`): survives `kill -9` only |
//! | `libsql` at a URL | `committed` | the server has committed it: its operator decides what that survives |
//! | `libsql`, `tiered` | `fsynced` | the disk holds it (WAL, `synchronous=FULL`) |
//!
//! A store keeps an episode as its head and its steps, so that appending a step costs the step. Values are stored in
//! envelopes ([`Encoding`]), so that every variant reads them. A store in a file says which schema it has, and a newer
//! one is refused. Deleting an episode removes it from every table and index, and what it added to patterns. Freed
//! space is used again, and files do not shrink.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::buffers::Buffer;
use crate::variant::{RetrievalKind, StoreKind};
use crate::{
    Counters, Durability, Encoding, Episode, EpisodeId, Error, Head, Pattern, Result, Step, TaskContext, Variant,
};

pub(crate) mod files;
mod in_memory;
mod libsql;
mod loading;
mod newest;
mod pattern_merger;
pub mod raw;
mod redb;
mod rows;
mod tiered;

#[cfg(test)]
pub(crate) use in_memory::InMemory;
pub use redb::SYNC_EVERY;

use newest::{Newest, newest};

/// The newest version of the tables, keys, and types inside the envelopes. Raised by every change that older code
/// cannot read.
pub const SCHEMA_VERSION: u32 = 4;

/// The oldest version that is read, and the one of new stores: a redb file gets version 4 when an episode is deleted
/// from it, because older code would take the next place of a step for free when it is not.
pub const SCHEMA_VERSION_OLDEST: u32 = 3;

/// The size of a store's contents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStats {
    /// Episodes, completed or not.
    pub episodes: u64,
    /// Steps of all episodes.
    pub steps: u64,
    /// Patterns, merged.
    pub patterns: u64,
    /// Bytes of the store's files; 0 where there are none.
    pub stored_bytes: u64,
}

/// A write of an episode's life.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// [`Store::create`].
    Create(Box<Head>),
    /// [`Store::append`].
    Append(EpisodeId, Step),
    /// [`Store::complete`].
    Complete(Box<Completed>),
}

impl Write {
    /// Makes this write alone.
    pub async fn make(&self, store: &dyn Store) -> Result<()> {
        match self {
            Write::Create(head) => store.create(head).await,
            Write::Append(id, step) => store.append(*id, step).await,
            Write::Complete(completed) => {
                let Completed { head, embedding, patterns } = &**completed;
                store.complete(head, embedding, patterns).await
            }
        }
    }
}

/// The data of a completion.
#[derive(Debug, Clone, PartialEq)]
pub struct Completed {
    /// The head, with its completion.
    pub head: Head,
    /// The vector of its task.
    pub embedding: Vec<f32>,
    /// Its patterns.
    pub patterns: Vec<Pattern>,
}

/// The receiver of a snapshot; its first error ends it.
pub type Keep<'k> = dyn FnMut(&Episode) -> Result<()> + Send + 'k;

/// The receiver of a scan.
pub type Visit<'v> = dyn for<'a> FnMut(&'a Head, &'a [f32]) + Send + 'v;

/// The receiver of a scan for an index: of each episode the id, the context and the embedding.
pub type VisitLocated<'v> = dyn for<'a> FnMut(EpisodeId, &'a TaskContext, &'a [f32]) + Send + 'v;

/// Keeps episodes. All methods may be called concurrently; what one call acknowledged, the next one sees.
///
/// Every method answers [`Error::Closed`] after [`Store::close`], and the database's error where that fails.
#[async_trait]
pub trait Store: Send + Sync {
    /// Stores a new episode. Fails with [`Error::EpisodeExists`] when its id is taken.
    async fn create(&self, head: &Head) -> Result<()>;

    /// Stores one more step of an episode. The cost is the step's, however long the episode is. The caller makes sure
    /// that the episode is not completed.
    ///
    /// # Errors
    /// [`Error::UnknownEpisode`] without a head, [`Error::StepExists`] when its number is taken.
    async fn append(&self, id: EpisodeId, step: &Step) -> Result<()>;

    /// Makes several writes in one transaction, in their order. Answers for each what [`Store::create`],
    /// [`Store::append`] or [`Store::complete`] would: one that is refused leaves the others.
    ///
    /// # Errors
    /// What failed for all of them: none is stored.
    ///
    /// # Panics
    /// As [`Store::complete`].
    async fn write_many(&self, writes: &[Write]) -> Result<Vec<Result<()>>>;

    /// Stores, all or nothing, the completed head in place of the first one, the embedding, and the patterns, merged
    /// into those of the same ids.
    ///
    /// # Errors
    /// [`Error::UnknownEpisode`] without a head, [`Error::EpisodeCompleted`] the second time.
    ///
    /// # Panics
    /// When `head.completion` is `None`: that is no completed head.
    async fn complete(&self, head: &Head, embedding: &[f32], patterns: &[Pattern]) -> Result<()>;

    /// Removes an episode and its steps, all or nothing, and takes `patterns` out of those that are stored. `head` is
    /// its head as stored.
    ///
    /// # Errors
    /// [`Error::UnknownEpisode`] without a head, [`Error::EpisodeCompleted`] if it was completed after `head` was read.
    async fn delete(&self, head: &Head, patterns: &[Pattern]) -> Result<()>;

    /// The head of an episode, if there is one of this id.
    async fn head(&self, id: EpisodeId) -> Result<Option<Head>>;

    /// An episode with its steps in the order of their numbers, as of one moment. The `sharing` toggle decides whether
    /// the store shares it.
    async fn episode(&self, id: EpisodeId) -> Result<Option<Arc<Episode>>>;

    /// The episodes of those ids, each in the place of its id, with one question and as of one moment.
    async fn episodes(&self, ids: &[EpisodeId]) -> Result<Vec<Option<Arc<Episode>>>>;

    /// Shows every completed episode's head and embedding to `visit`, in the order of the ids, as of one moment.
    async fn scan(&self, visit: &mut Visit<'_>) -> Result<()>;

    /// [`Store::scan`], for an index: stores decode no more than that, on all processors.
    async fn scan_located(&self, visit: &mut VisitLocated<'_>) -> Result<()> {
        self.scan(&mut |head, embedding| visit(head.id, &head.context, embedding)).await
    }

    /// Shows every episode with its steps to `keep`, as of one moment, in any order. Writes go on meanwhile.
    async fn snapshot(&self, keep: &mut Keep<'_>) -> Result<()>;

    /// A completed episode's head and embedding, if the store was opened with one: any of them.
    async fn sample(&self) -> Result<Option<(Head, Vec<f32>)>> {
        Ok(None)
    }

    /// The `limit` completed episodes whose embeddings point most nearly in this direction, the nearest first, with the
    /// cosines of the angles; approximate, and without embeddings of length zero. `None` from a store without an index
    /// of vectors.
    async fn nearest(&self, _embedding: &[f32], _limit: usize) -> Result<Option<Vec<(EpisodeId, f32)>>> {
        Ok(None)
    }

    /// All patterns in the order of their ids.
    async fn patterns(&self) -> Result<Vec<Pattern>>;

    /// The episodes, completed or not, whose metadata has `key` with exactly this value, in the order of the ids.
    async fn by_metadata(&self, key: &str, value: &str) -> Result<Vec<EpisodeId>>;

    /// The newest `limit` episodes, completed or not, of that task type in that domain: by start, then by id, the
    /// newest first. Times after 2262 are one time.
    async fn by_task(&self, task_type: &str, domain: &str, limit: usize) -> Result<Vec<EpisodeId>>;

    /// The size of the contents. Counts what must be counted: not for hot paths.
    async fn stats(&self) -> Result<StoreStats>;

    /// Checks that the store answers: reads one value.
    async fn check(&self) -> Result<()>;

    /// Makes everything acknowledged so far as durable as the store can: on disk, where there is one.
    async fn flush(&self) -> Result<()>;

    /// Syncs what a store of class `buffered` holds in this process only. Does nothing elsewhere, or where there is
    /// nothing to sync.
    async fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// Flushes, and releases files and connections. Closing a second time does nothing.
    async fn close(&self) -> Result<()>;
}

/// Opens the store of `variant`, creating it where there is none. `path` is a file; other files of the store stand
/// beside it under longer names.
///
/// # Errors
/// [`Error::MissingPath`], [`Error::Io`] for what cannot be a file, [`Error::NotAStore`] for a file of another kind,
/// [`Error::SchemaVersion`], [`Error::StoreInUse`] while somebody else has it open.
pub async fn open(
    variant: &Variant,
    path: Option<&Path>,
    counters: Arc<Counters>,
    encoding: Encoding,
) -> Result<Arc<dyn Store>> {
    variant.validate()?;
    let encoding = Encoding { embedding: variant.embedding, ..encoding };
    let file = || path.ok_or(Error::MissingPath { store: variant.store.name() });
    Ok(match variant.store {
        StoreKind::Memory => Arc::new(in_memory::InMemory::new(variant, counters)),
        StoreKind::Redb => Arc::new(redb::Redb::open(file()?, variant, counters, encoding)?),
        StoreKind::Libsql => Arc::new(libsql::Libsql::open(file()?, variant, counters, encoding).await?),
        StoreKind::Tiered => Arc::new(tiered::Tiered::open(file()?, variant, counters, encoding).await?),
    })
}

/// Creates a file with the bare engine beneath a store. Fails with [`Error::InvalidVariant`] for a store that is more
/// than one engine or none.
pub async fn open_raw(store: StoreKind, durability: Durability, path: &Path) -> Result<Box<dyn raw::RawEngine>> {
    match (store, durability) {
        (StoreKind::Redb, Durability::Buffered | Durability::Fsynced) => {
            Ok(Box::new(redb::RawRedb::open(path, durability)?))
        }
        (StoreKind::Libsql, Durability::Committed | Durability::Fsynced) => {
            Ok(Box::new(libsql::RawLibsql::open(path, durability).await?))
        }
        _ => Err(Error::InvalidVariant {
            conflict: format!("store={store},durability={durability} is no engine by itself"),
            remedy: "choose store=redb or libsql, and a class that it offers".to_owned(),
        }),
    }
}

/// A write in the form of databases: encoded once, however many there are.
enum Encoded<'a> {
    Episode { head: &'a Head, value: Buffer },
    Step { id: EpisodeId, number: u32, value: Buffer },
    Completion(EncodedCompletion<'a>),
}

impl<'a> Encoded<'a> {
    fn all(writes: &'a [Write], encoding: &Encoding) -> Result<Vec<Encoded<'a>>> {
        let encode = |write: &'a Write| {
            Ok(match write {
                Write::Create(head) => Encoded::Episode { head, value: encoding.encode(&**head)? },
                Write::Append(id, step) => {
                    Encoded::Step { id: *id, number: step.number, value: encoding.encode_step(step)? }
                }
                Write::Complete(completed) => {
                    let Completed { head, embedding, patterns } = &**completed;
                    Encoded::Completion(EncodedCompletion::new(head, embedding, patterns, encoding)?)
                }
            })
        };
        writes.iter().map(encode).collect()
    }
}

/// The number of stored steps among those writes.
fn steps_stored(writes: &[Write], outcomes: &[Result<()>]) -> u64 {
    let stored = |(write, outcome): &(&Write, &Result<()>)| matches!(write, Write::Append(..)) && outcome.is_ok();
    writes.iter().zip(outcomes).filter(stored).count() as u64
}

/// A database on a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    /// `http://`, `https://` or `libsql://` (which is HTTPS), a host, and a port where it is not the scheme's.
    pub url: String,
    /// The access token; empty where the server asks for none.
    pub token: String,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("url", &self.url).finish_non_exhaustive() // the token stays secret
    }
}

impl Remote {
    fn scheme(&self) -> Result<&'static str> {
        let scheme = self.url.split_once("://").filter(|(_, host)| !host.is_empty()).map(|(scheme, _)| scheme);
        let known = ["http", "https", "libsql"].into_iter().find(|known| Some(*known) == scheme);
        known.ok_or_else(|| Error::MalformedUrl { url: self.url.clone() })
    }
}

/// Opens the store of `variant` on a server, creating its tables in an empty database.
///
/// # Errors
/// [`Error::MalformedUrl`], [`Error::InvalidVariant`] for a store or a durability class that no server offers,
/// [`Error::NotAStore`] for a database of something else, [`Error::SchemaVersion`], and [`Error::Store`] while the
/// server cannot be reached.
pub async fn open_remote(
    variant: &Variant,
    remote: &Remote,
    counters: Arc<Counters>,
    encoding: Encoding,
) -> Result<Arc<dyn Store>> {
    variant.validate()?;
    let refused = |toggle: &str, strategy: &str, remedy: &str| {
        let conflict = format!("{toggle}={strategy} does not go with a URL");
        Err(Error::InvalidVariant { conflict, remedy: remedy.to_owned() })
    };
    if variant.retrieval == RetrievalKind::Indexed {
        // The index would not see what other clients of the server complete.
        return refused("retrieval", "indexed", "others may write there: take retrieval=scan");
    }
    match (variant.store, variant.durability) {
        (StoreKind::Libsql, Durability::Committed) => {
            Ok(Arc::new(libsql::Libsql::open_remote(remote, variant, counters, encoding).await?))
        }
        (StoreKind::Libsql, class) => {
            refused("durability", class.name(), "the server decides when it syncs: take durability=committed")
        }
        (store, _) => refused("store", store.name(), "take store=libsql, or give a path instead"),
    }
}

/// A completion in the form of databases: encoded once, however many there are.
struct EncodedCompletion<'a> {
    head: &'a Head,
    value: Buffer,
    vector: &'a [f32],
    embedding: Buffer,
    patterns: &'a [Pattern],
}

impl<'a> EncodedCompletion<'a> {
    fn new(
        head: &'a Head,
        vector: &'a [f32],
        patterns: &'a [Pattern],
        encoding: &Encoding,
    ) -> Result<EncodedCompletion<'a>> {
        assert!(head.completion.is_some(), "a completed head has a completion");
        let (value, embedding) = (encoding.encode(head)?, encoding.encode_vector(vector)?);
        Ok(EncodedCompletion { head, value, vector, embedding, patterns })
    }
}

/// The rows of an episode in a store: its head and its steps.
fn rows(episode: Option<&Episode>) -> u64 {
    episode.map_or(0, |episode| 1 + episode.steps.len() as u64)
}

/// Runs work that waits for the disk or takes milliseconds, without holding up the other tasks of a multi-thread
/// runtime. A current-thread runtime has nobody to hand them to: there it is a direct call. So is shorter work: handing
/// over costs microseconds.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// [`blocking`] for a library whose futures wait inside their polls.
pub(crate) async fn blocking_future<F: Future>(future: F) -> F::Output {
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(|| handle.block_on(future))
        }
        _ => future.await,
    }
}
