//! Store `redb`: a file with ordered tables, one writer at a time, readers that never wait.
//!
//! Class `fsynced` syncs every commit. Class `buffered` leaves commits in the process and syncs every [`SYNC_EVERY`]th,
//! which bounds the pages that wait for a sync before they can be reused (redb's issue 810), and when it is told to
//! ([`Store::sync`]). For the same reason no read transaction lasts longer than a call.
//!
//! Only this folder names redb. Values come and go as envelopes; [`super::tiered`] writes the same ones to two stores.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ::redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    WriteTransaction,
};
use async_trait::async_trait;
use parking_lot::RwLock;
use tokio::sync::Mutex;

use self::error::{BackendResult, opening_error};
pub(super) use self::import::ExportedRow;
use self::indexes::Indexes;
pub(super) use self::raw::RawRedb;
use self::steps::{Removed, Steps};
use super::files::{self, Lock};
use super::loading::Loader;
use super::rows::Rows;
use super::{
    Encoded, EncodedCompletion, Keep, Store, StoreStats, Visit, VisitLocated, Write, blocking, rows, steps_stored,
};
use crate::{Counters, Durability, Encoding, Episode, EpisodeId, Error, Head, Pattern, Result, Step, Variant};

mod error;
mod file;
mod import;
mod indexes;
mod lazy_table;
mod raw;
mod steps;
mod write;

/// Class `buffered` syncs one in so many commits.
pub const SYNC_EVERY: u32 = 1024;

/// The schema version (4 bytes, big-endian), what was removed ([`Removed`]) and, in a local tier, the generation of the
/// record that it mirrors.
const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");
const HEADS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("heads");
/// Of completed episodes only.
const EMBEDDINGS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("embeddings");
const PATTERNS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("patterns");

const SCHEMA_KEY: &str = "schema";
const GENERATION_KEY: &str = "generation";

/// Episodes in a redb file.
pub struct Redb {
    path: PathBuf,
    database: RwLock<Option<Open>>, // None once closed
    write_lock: Mutex<()>,          // writers queue here, as tasks; in redb they would as threads
    buffered: bool,
    since_sync: AtomicU32, // commits; changes under the write lock
    removed: Removed,
    rows: Rows,
    indexes: Indexes,
    encoding: Encoding,
    counters: Arc<Counters>,
}

struct Open {
    database: Database, // closed before the lock is released: fields drop in this order
    _lock: Lock,
}

impl Redb {
    /// Opens the store in the file `path`, or creates it there.
    pub fn open(path: &Path, variant: &Variant, counters: Arc<Counters>, encoding: Encoding) -> Result<Redb> {
        files::refuse_impossible(path)?;
        let lock = Lock::take(path)?;
        let indexes = Indexes::of(variant);
        let (database, removed) = blocking(|| {
            let database = file::open_or_create(path)?;
            let removed = Removed::read(&database).map_err(|error| error.at(path, "opening"))?;
            let prepared = indexes.prepare(&database, &encoding, &counters);
            prepared.map_err(|error| error.at(path, "preparing its indexes")).map(|()| (database, removed))
        })?;
        Ok(Redb {
            path: path.to_owned(),
            database: RwLock::new(Some(Open { database, _lock: lock })),
            write_lock: Mutex::new(()),
            buffered: variant.durability == Durability::Buffered,
            since_sync: AtomicU32::new(0),
            removed,
            rows: Rows::default(),
            indexes,
            encoding,
            counters,
        })
    }

    fn with<T>(&self, action: &'static str, work: impl FnOnce(&Database) -> BackendResult<T>) -> Result<T> {
        let guard = self.database.read();
        let open = guard.as_ref().ok_or(Error::Closed)?;
        self.counters.round_trips.increment();
        work(&open.database).map_err(|error| error.at(&self.path, action))
    }

    fn read<T>(&self, action: &'static str, work: impl FnOnce(&ReadTransaction) -> BackendResult<T>) -> Result<T> {
        self.with(action, |database| work(&database.begin_read()?))
    }

    /// Shows the stored head and embedding of every completed episode, in the order of ids.
    fn each_completed(&self, mut show: impl FnMut(&[u8], &[u8]) -> BackendResult<()>) -> Result<()> {
        blocking(|| {
            self.read("scanning episodes", |transaction| {
                let heads = transaction.open_table(HEADS)?;
                let mut heads = heads.iter()?;
                for entry in transaction.open_table(EMBEDDINGS)?.iter()? {
                    let (id, embedding) = entry?;
                    let head = loop {
                        match heads.next().transpose()? {
                            Some((head_id, head)) if head_id.value() == id.value() => break head,
                            Some(_) => {} // it is running
                            None => return Err(Error::UnknownEpisode { id: EpisodeId(id.value()) }.into()),
                        }
                    };
                    show(head.value(), embedding.value())?;
                }
                Ok(())
            })
        })
    }

    fn episode_within(&self, transaction: &ReadTransaction, id: EpisodeId) -> BackendResult<Option<Arc<Episode>>> {
        let Some(head) = transaction.open_table(HEADS)?.get(id.0)? else { return Ok(None) };
        let head = self.encoding.decode(head.value())?;
        let mut steps = Vec::new();
        steps::read(transaction, id, |step| {
            steps.push(self.encoding.decode(step)?);
            Ok(())
        })?;
        Ok(Some(Arc::new(Episode { head, steps })))
    }

    /// The tables of steps, for writing.
    fn steps<'t>(&'t self, transaction: &'t WriteTransaction) -> Steps<'t> {
        Steps::of(transaction, &self.removed, &self.rows)
    }

    async fn write(
        &self,
        action: &'static str,
        work: impl FnOnce(&WriteTransaction) -> BackendResult<()>,
    ) -> Result<()> {
        let _writing = self.write_lock.lock().await;
        self.commit_paced(action, work)
    }

    /// One transaction, synced if the class says so or it is due. The caller is the only writer.
    fn commit_paced(
        &self,
        action: &'static str,
        work: impl FnOnce(&WriteTransaction) -> BackendResult<()>,
    ) -> Result<()> {
        let unsynced = self.since_sync.load(Ordering::Relaxed) + 1;
        let sync = !self.buffered || unsynced >= SYNC_EVERY;
        self.commit(action, sync, work)?;
        self.since_sync.store(if sync { 0 } else { unsynced }, Ordering::Relaxed);
        Ok(())
    }

    /// Syncs what was committed. The caller is the only writer.
    fn sync_all(&self, action: &'static str) -> Result<()> {
        self.commit(action, true, |_| Ok(()))?;
        self.since_sync.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// One transaction. An error of `work` leaves everything as it was.
    fn commit(
        &self,
        action: &'static str,
        sync: bool,
        work: impl FnOnce(&WriteTransaction) -> BackendResult<()>,
    ) -> Result<()> {
        let run = || {
            self.with(action, |database| {
                let mut transaction = database.begin_write()?;
                if !sync {
                    transaction.set_durability(::redb::Durability::None)?;
                }
                work(&transaction)?;
                Ok(transaction.commit()?)
            })
        };
        let done = if sync { blocking(run) } else { run() };
        done.inspect_err(|_| self.rows.forget_all())?;
        self.counters.transactions.increment();
        self.counters.fsyncs.add(u64::from(sync));
        Ok(())
    }
}

#[async_trait]
impl Store for Redb {
    async fn create(&self, head: &Head) -> Result<()> {
        self.insert_episode(head, &self.encoding.encode(head)?).await
    }

    async fn append(&self, id: EpisodeId, step: &Step) -> Result<()> {
        self.insert_step(id, step.number, &self.encoding.encode_step(step)?).await?;
        self.counters.steps_appended.increment();
        Ok(())
    }

    async fn write_many(&self, writes: &[Write]) -> Result<Vec<Result<()>>> {
        let outcomes = self.write_batch(&Encoded::all(writes, &self.encoding)?).await?;
        self.counters.steps_appended.add(steps_stored(writes, &outcomes));
        Ok(outcomes)
    }

    async fn complete(&self, head: &Head, embedding: &[f32], patterns: &[Pattern]) -> Result<()> {
        self.complete_episode(&EncodedCompletion::new(head, embedding, patterns, &self.encoding)?).await
    }

    async fn delete(&self, head: &Head, patterns: &[Pattern]) -> Result<()> {
        self.delete_episode(head, patterns).await
    }

    async fn head(&self, id: EpisodeId) -> Result<Option<Head>> {
        let head = self.read("reading a head", |transaction| {
            Ok(transaction.open_table(HEADS)?.get(id.0)?.map(|head| self.encoding.decode(head.value())).transpose()?)
        })?;
        self.counters.rows_read.add(u64::from(head.is_some()));
        Ok(head)
    }

    async fn episode(&self, id: EpisodeId) -> Result<Option<Arc<Episode>>> {
        let episode = self.read("reading an episode", |transaction| self.episode_within(transaction, id))?;
        self.counters.rows_read.add(rows(episode.as_deref()));
        Ok(episode)
    }

    async fn episodes(&self, ids: &[EpisodeId]) -> Result<Vec<Option<Arc<Episode>>>> {
        let episodes: Vec<Option<Arc<Episode>>> = self.read("reading episodes", |transaction| {
            ids.iter().map(|&id| self.episode_within(transaction, id)).collect()
        })?;
        self.counters.rows_read.add(episodes.iter().map(|episode| rows(episode.as_deref())).sum());
        Ok(episodes)
    }

    async fn scan(&self, visit: &mut Visit<'_>) -> Result<()> {
        let mut rows = 0;
        self.each_completed(|head, embedding| {
            visit(&self.encoding.decode(head)?, &self.encoding.decode_vector(embedding)?);
            rows += 1;
            Ok(())
        })?;
        self.counters.rows_read.add(rows);
        Ok(())
    }

    async fn scan_located(&self, visit: &mut VisitLocated<'_>) -> Result<()> {
        let mut loader = Loader::new(&self.encoding, visit);
        self.each_completed(|head, embedding| Ok(loader.add(head, embedding)?))?;
        self.counters.rows_read.add(blocking(|| loader.finish())?);
        Ok(())
    }

    async fn snapshot(&self, keep: &mut Keep<'_>) -> Result<()> {
        blocking(|| {
            self.read("reading all episodes", |transaction| {
                for entry in transaction.open_table(HEADS)?.iter()? {
                    if let Some(episode) = self.episode_within(transaction, EpisodeId(entry?.0.value()))? {
                        keep(&episode)?;
                    }
                }
                Ok(())
            })
        })
    }

    async fn sample(&self) -> Result<Option<(Head, Vec<f32>)>> {
        self.read("reading an embedding", |transaction| {
            let embeddings = transaction.open_table(EMBEDDINGS)?;
            let Some((id, embedding)) = embeddings.first()? else { return Ok(None) };
            let head = transaction.open_table(HEADS)?.get(id.value())?;
            let head: Option<Head> = head.map(|head| self.encoding.decode(head.value())).transpose()?;
            let embedding = self.encoding.decode_vector(embedding.value())?;
            Ok(head.map(|head| (head, embedding)))
        })
    }

    async fn patterns(&self) -> Result<Vec<Pattern>> {
        let mut patterns = Vec::new();
        blocking(|| {
            self.read("reading patterns", |transaction| {
                for entry in transaction.open_table(PATTERNS)?.iter()? {
                    patterns.push(self.encoding.decode(entry?.1.value())?);
                }
                Ok(())
            })
        })?;
        self.counters.rows_read.add(patterns.len() as u64);
        Ok(patterns)
    }

    async fn by_metadata(&self, key: &str, value: &str) -> Result<Vec<EpisodeId>> {
        self.find_by_metadata(key, value)
    }

    async fn by_task(&self, task_type: &str, domain: &str, limit: usize) -> Result<Vec<EpisodeId>> {
        self.find_by_task(task_type, domain, limit)
    }

    async fn stats(&self) -> Result<StoreStats> {
        self.read("counting", |transaction| {
            Ok(StoreStats {
                episodes: transaction.open_table(HEADS)?.len()?,
                steps: steps::count(transaction)?,
                patterns: transaction.open_table(PATTERNS)?.len()?,
                stored_bytes: self.stored_bytes(),
            })
        })
    }

    async fn check(&self) -> Result<()> {
        self.read("checking", |transaction| Ok(transaction.open_table(ABOUT)?.get(SCHEMA_KEY).map(drop)?))
    }

    async fn flush(&self) -> Result<()> {
        let _writing = self.write_lock.lock().await;
        self.sync_all("flushing")
    }

    async fn sync(&self) -> Result<()> {
        let _writing = self.write_lock.lock().await;
        if self.since_sync.load(Ordering::Relaxed) > 0 { self.sync_all("syncing") } else { Ok(()) }
    }

    async fn close(&self) -> Result<()> {
        let _writing = self.write_lock.lock().await;
        blocking(|| {
            let Some(open) = self.database.write().take() else {
                return Ok(());
            };
            // Closing syncs the rest, which makes a closed `buffered` store complete.
            open.database.close().map_err(|error| opening_error(&self.path, "closing", error))
        })
    }
}
