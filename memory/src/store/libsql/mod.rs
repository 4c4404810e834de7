//! Store `libsql`: a libSQL (SQLite) file in WAL mode, or a database on a server; one writer at a time, readers beside
//! it.
//!
//! A write takes a connection of the writers' pool, which has one and so is the queue of writers; reads take the
//! readers' pool. A connection keeps its prepared statements: pool `none` prepares for every operation, `keepalive`
//! once. One more connection, the anchor, is open as long as the store and runs no operation. Without it, pool `none`
//! would copy the log into the database and delete it at every close, and measure that instead of connecting.
//!
//! Class `committed` is `synchronous=NORMAL`: a commit reaches the operating system. Class `fsynced` is `FULL`: the
//! thread that commits syncs, after handing over its other tasks. A server decides when it syncs, and offers
//! `committed` only.
//!
//! A server needs no anchor, does its own checkpoints, and waiting for it blocks no thread. Only this folder names
//! libsql.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::libsql::{Builder, Row as DbRow, Value};
use async_trait::async_trait;
use scopeguard::{ScopeGuard, guard};
use tokio::sync::Mutex;

use self::indexes::Indexes;
pub(super) use self::raw::RawLibsql;
use self::schema::Sql;
use self::transport::{Connection, Connector, Location};
use self::values::{BackendError, BackendResult, first, key, number};
use self::vectors::Vectors;
use super::files::{self, Lock};
use super::loading::Loader;
use super::rows::Rows;
use super::{
    Encoded, EncodedCompletion, Keep, Remote, Store, StoreStats, Visit, VisitLocated, Write, blocking_future,
    steps_stored,
};
use crate::pool::{Manager, Pool, PoolLimits};
use crate::{
    Clock, Counters, Durability, Encoding, Episode, EpisodeId, Error, Head, Pattern, Result, SteadyClock, Step, Variant,
};

mod export;
mod indexes;
mod raw;
mod schema;
mod steps;
mod transport;
mod values;
mod vectors;
mod write;

/// The most connections that read at a time.
const READERS: usize = 8;

/// The most connections that read from a server at a time: more of them get more done where each waits for the network.
const READERS_REMOTE: usize = 32;

/// The settings of a connection to a file. The log is copied into the database every 4,000 pages (16 MiB) rather than
/// every 1,000: a page that many commits change is copied once for all of them.
fn pragmas(durability: Durability) -> &'static str {
    match durability {
        Durability::Fsynced => "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000",
        _ => "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000",
    }
}

/// Episodes in a libSQL database.
pub struct Libsql {
    path: PathBuf, // or the URL
    remote: bool,
    fsynced: bool,
    writer: Pool<Connector>,
    readers: Pool<Connector>,
    anchor: Mutex<Option<Anchor>>,    // None once closed
    found: Option<Vec<u8>>,           // the generation that it was opened in, unless it was made then
    sample: Option<(Head, Vec<f32>)>, // a completed episode that it was opened with
    rows: Rows,                       // of a file only
    indexes: Indexes,
    vectors: Vectors,
    encoding: Encoding,
    counters: Arc<Counters>,
}

/// Held while the store is open.
enum Anchor {
    /// A connection without work, and the file's lock; dropped in this order.
    File { _connection: Box<Connection>, _lock: Lock },
    /// Nothing: others may use the database, too.
    Server,
}

impl Libsql {
    /// Opens the store in the file `path`, or creates it there.
    pub async fn open(path: &Path, variant: &Variant, counters: Arc<Counters>, encoding: Encoding) -> Result<Libsql> {
        files::refuse_impossible(path)?;
        let lock = Lock::take(path)?;
        let database = Builder::new_local(path).build().await;
        let database = database.map_err(|error| BackendError::from(error).at(path, "opening"))?;
        let (location, pragmas) = (Location::File(database), Some(pragmas(variant.durability)));
        let connector = Connector { location, path: path.to_owned(), pragmas, counters };
        Libsql::over(connector, Some(lock), variant, encoding).await
    }

    /// Opens the store at a URL, or creates it there.
    pub async fn open_remote(
        remote: &Remote,
        variant: &Variant,
        counters: Arc<Counters>,
        encoding: Encoding,
    ) -> Result<Libsql> {
        Libsql::over(transport::remote(remote, variant.wire, counters)?, None, variant, encoding).await
    }

    /// Prepares the database that is connected to: in a file with this lock, or else on a server.
    async fn over(connector: Connector, lock: Option<Lock>, variant: &Variant, encoding: Encoding) -> Result<Libsql> {
        let (path, counters) = (connector.path.clone(), Arc::clone(&connector.counters));
        let remote = lock.is_none();
        let mut first = connector.connect().await?;
        counters.connections_opened.increment();
        let preparing = async {
            let found = prepare_database(&mut first, &path).await?;
            let indexes = indexes::prepare(&first.database, variant, &counters).await?;
            let vectors = vectors::prepare(&mut first, variant, &encoding, &counters).await?;
            let sample = match found {
                Some(_) => sample(&mut first, &encoding).await?,
                None => None,
            };
            BackendResult::Ok((found, indexes, vectors, sample))
        };
        let prepared = if remote { preparing.await } else { blocking_future(preparing).await };
        let (found, indexes, vectors, sample) = prepared.map_err(|error| error.at(&path, "opening"))?;
        let anchor = match lock {
            Some(_lock) => Anchor::File { _connection: Box::new(first), _lock },
            None => Anchor::Server,
        };
        let readers = if remote { READERS_REMOTE } else { READERS };
        let connector = Arc::new(connector);
        let clock: Arc<dyn Clock> = Arc::new(SteadyClock::default());
        let pool = |connections| {
            let (connector, clock) = (Arc::clone(&connector), Arc::clone(&clock));
            Pool::new(variant.pool, connector, PoolLimits::of(connections), clock, Arc::clone(&counters))
        };
        Ok(Libsql {
            path,
            remote,
            fsynced: variant.durability == Durability::Fsynced,
            writer: pool(1),
            readers: pool(readers),
            anchor: Mutex::new(Some(anchor)),
            found,
            sample,
            rows: Rows::default(),
            indexes,
            vectors,
            encoding,
            counters,
        })
    }

    /// Waits for a future that blocks in its polls where the database is a file.
    async fn waiting<F: Future>(&self, future: F) -> F::Output {
        if self.remote { future.await } else { blocking_future(future).await }
    }

    /// Waits for the disk where the class says so, and counts the commit.
    async fn committed(&self, action: &'static str, work: impl Future<Output = BackendResult<()>>) -> Result<()> {
        let unless_done = guard(&self.rows, Rows::forget_all);
        let done = if self.fsynced { blocking_future(work).await } else { work.await };
        done.map_err(|error| error.at(&self.path, action))?;
        ScopeGuard::into_inner(unless_done);
        self.counters.transactions.increment();
        self.counters.fsyncs.add(u64::from(self.fsynced));
        Ok(())
    }

    async fn read_rows<T: Send>(
        &self,
        action: &'static str,
        sql: Sql,
        parameters: Vec<Value>,
        each: impl FnMut(&DbRow) -> BackendResult<T> + Send,
    ) -> Result<Vec<T>> {
        let mut reader = self.readers.checkout().await?;
        reader.query(sql, parameters, each).await.map_err(|error| error.at(&self.path, action))
    }

    fn decoded<T: serde::de::DeserializeOwned>(&self, row: &DbRow, column: i32) -> BackendResult<T> {
        Ok(self.encoding.decode(&row.get::<Vec<u8>>(column)?)?)
    }
}

/// Makes the tables in an empty database, or checks that they are this version's. Changes nothing in a database of
/// something else. Returns the generation that it found.
async fn prepare_database(anchor: &mut Connection, path: &Path) -> BackendResult<Option<Vec<u8>>> {
    let database = &anchor.database;
    let application = match anchor.remote {
        true => schema::application_remote(number(database, schema::COUNT_OURS, ()).await?),
        false => number(database, "PRAGMA application_id", ()).await?,
    };
    let version = number(database, "PRAGMA user_version", ()).await?;
    let tables = number(database, "SELECT count(*) FROM sqlite_schema", ()).await?;
    let make = schema::must_be_made(application, version, tables, path)?;
    if make && anchor.remote {
        database.execute_transactional_batch(&schema::creation_remote()).await?;
    } else if make {
        database.execute_batch("PRAGMA journal_mode = WAL").await?;
        database.execute_batch(&schema::creation()).await?;
    }
    let found = anchor.query(Sql::SelectGeneration, vec![], |row| Ok(row.get(0)?)).await?;
    anchor.query(Sql::RenewGeneration, vec![], |_| Ok(())).await?;
    Ok(found.into_iter().next().filter(|_| tables > 0))
}

/// A completed episode's head and embedding.
async fn sample(anchor: &mut Connection, encoding: &Encoding) -> BackendResult<Option<(Head, Vec<f32>)>> {
    let row = |row: &DbRow| {
        let (head, embedding): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
        BackendResult::Ok((encoding.decode(&head)?, encoding.decode_vector(&embedding)?))
    };
    Ok(anchor.query(Sql::SelectSample, vec![], row).await?.pop())
}

#[async_trait]
impl Store for Libsql {
    async fn create(&self, head: &Head) -> Result<()> {
        self.insert_episode(head, &self.encoding.encode(head)?).await
    }

    async fn append(&self, id: EpisodeId, step: &Step) -> Result<()> {
        let value = self.encoding.encode_step(step)?.into_bytes();
        self.insert_step(id, step.number, Cow::Owned(value)).await?;
        self.counters.steps_appended.increment();
        Ok(())
    }

    async fn write_many(&self, writes: &[Write]) -> Result<Vec<Result<()>>> {
        if self.append_together(writes).await? {
            self.counters.steps_appended.add(writes.len() as u64);
            return Ok(writes.iter().map(|_| Ok(())).collect());
        }
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
        let mut heads =
            self.read_rows("reading a head", Sql::SelectHead, vec![key(id)], |row| self.decoded(row, 0)).await?;
        Ok(heads.pop())
    }

    async fn episode(&self, id: EpisodeId) -> Result<Option<Arc<Episode>>> {
        let mut head = None;
        let mut steps = Vec::new();
        self.read_rows("reading an episode", Sql::SelectEpisode, vec![key(id)], |row| {
            if row.get::<i64>(0)? < 0 {
                head = Some(self.decoded(row, 1)?);
            } else {
                steps.push(self.decoded(row, 1)?);
            }
            Ok(())
        })
        .await?;
        Ok(head.map(|head| Arc::new(Episode { head, steps })))
    }

    async fn episodes(&self, ids: &[EpisodeId]) -> Result<Vec<Option<Arc<Episode>>>> {
        let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let array = serde_json::to_string(&texts).expect("a list of texts is valid JSON");
        let mut heads: Vec<Option<Head>> = vec![None; ids.len()];
        let mut steps: Vec<Vec<Step>> = vec![Vec::new(); ids.len()];
        let reading = self.read_rows("reading episodes", Sql::SelectEpisodes, vec![Value::Text(array)], |row| {
            let place = usize::try_from(row.get::<u64>(0)?).unwrap_or(usize::MAX);
            if place >= ids.len() {
                return Err(Error::Envelope { reason: format!("an episode in place {place} of {}", ids.len()) }.into());
            }
            if row.get::<i64>(1)? < 0 {
                heads[place] = Some(self.decoded(row, 2)?);
            } else {
                steps[place].push(self.decoded(row, 2)?);
            }
            Ok(())
        });
        self.waiting(reading).await?;
        // The rows come in the order of the table, which SQL does not promise: sorting sorted rows costs nothing.
        steps.iter_mut().for_each(|steps| steps.sort_unstable_by_key(|step| step.number));
        let episodes = heads.into_iter().zip(steps).map(|(head, steps)| Some(Arc::new(Episode { head: head?, steps })));
        Ok(episodes.collect())
    }

    async fn scan(&self, visit: &mut Visit<'_>) -> Result<()> {
        let scan = self.read_rows("scanning episodes", Sql::SelectCompleted, vec![], |row| {
            let head: Head = self.decoded(row, 0)?;
            let embedding = self.encoding.decode_vector(&row.get::<Vec<u8>>(1)?)?;
            visit(&head, &embedding);
            Ok(())
        });
        self.waiting(scan).await.map(drop)
    }

    async fn scan_located(&self, visit: &mut VisitLocated<'_>) -> Result<()> {
        let mut loader = Loader::new(&self.encoding, visit);
        let scan = self.read_rows("scanning episodes", Sql::SelectCompleted, vec![], |row| {
            Ok(loader.add(&row.get::<Vec<u8>>(0)?, &row.get::<Vec<u8>>(1)?)?)
        });
        self.waiting(scan).await?;
        loader.finish().map(drop)
    }

    async fn snapshot(&self, keep: &mut Keep<'_>) -> Result<()> {
        self.snapshot_pages(keep).await
    }

    async fn sample(&self) -> Result<Option<(Head, Vec<f32>)>> {
        Ok(self.sample.clone())
    }

    async fn nearest(&self, embedding: &[f32], limit: usize) -> Result<Option<Vec<(EpisodeId, f32)>>> {
        self.find_nearest(embedding, limit).await
    }

    async fn patterns(&self) -> Result<Vec<Pattern>> {
        self.waiting(self.read_rows("reading patterns", Sql::SelectPatterns, vec![], |row| self.decoded(row, 1))).await
    }

    async fn by_metadata(&self, key: &str, value: &str) -> Result<Vec<EpisodeId>> {
        self.find_by_metadata(key, value).await
    }

    async fn by_task(&self, task_type: &str, domain: &str, limit: usize) -> Result<Vec<EpisodeId>> {
        self.find_by_task(task_type, domain, limit).await
    }

    async fn stats(&self) -> Result<StoreStats> {
        let count = |row: &DbRow| Ok((row.get::<u64>(0)?, row.get::<u64>(1)?, row.get::<u64>(2)?));
        let counts = self.waiting(self.read_rows("counting", Sql::Count, vec![], count)).await;
        let (episodes, steps, patterns) = first(counts?);
        let stored_bytes = match self.remote {
            true => first(self.read_rows("measuring", Sql::Size, vec![], |row| Ok(row.get(0)?)).await?),
            false => self.stored_bytes(),
        };
        Ok(StoreStats { episodes, steps, patterns, stored_bytes })
    }

    async fn check(&self) -> Result<()> {
        self.read_rows("checking", Sql::Ping, vec![], |_| Ok(())).await.map(drop)
    }

    async fn flush(&self) -> Result<()> {
        if self.remote {
            return self.check().await; // what it acknowledged, it holds
        }
        let mut writer = self.writer.checkout().await?;
        let is_whole = |row: &DbRow| Ok(row.get::<i64>(0)? == 0 && row.get::<i64>(1)? == row.get::<i64>(2)?);
        let done = blocking_future(writer.query(Sql::Checkpoint, vec![], is_whole)).await;
        if !first(done.map_err(|error| error.at(&self.path, "flushing"))?) {
            super::blocking(|| files::sync(&files::beside(&self.path, "-wal")))?;
        }
        self.counters.fsyncs.increment();
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        let mut anchor = self.anchor.lock().await;
        if anchor.is_none() {
            return Ok(());
        }
        self.flush().await?;
        self.writer.close();
        self.readers.close();
        super::blocking(|| *anchor = None); // the last connection: copies the log into the database and removes it
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, Compression};

    #[tokio::test]
    async fn a_flush_beside_a_reader_syncs_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let variant: Variant = "store=libsql,pool=keepalive".parse().unwrap();
        let counters = Arc::new(Counters::default());
        let encoding = Encoding::new(Codec::Json, Compression::None, Arc::clone(&counters));
        let store = Libsql::open(&path, &variant, counters, encoding).await.unwrap();
        let mut reader = store.readers.checkout().await.unwrap();
        reader.execute(Sql::BeginRead, vec![]).await.unwrap();
        reader.query(Sql::SelectGeneration, vec![], |_| Ok(())).await.unwrap();
        store.renew_generation().await.unwrap(); // the reader must not see it, so it stays in the log
        store.flush().await.unwrap();
        // Nothing shows a sync but what can't be synced. The kept connections have the log open.
        let log = files::beside(&path, "-wal");
        std::fs::remove_file(&log).unwrap();
        assert!(matches!(store.flush().await, Err(Error::Io { path, .. }) if path == log));
        reader.roll_back().await.unwrap();
    }
}
