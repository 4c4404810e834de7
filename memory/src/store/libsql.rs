//! Store `libsql`: a libSQL (SQLite) file in WAL mode, one writer at a time, readers beside it.
//!
//! A write takes the writers' pool, which lends one connection, and so is the queue of writers; reads take the readers' pool. A connection keeps
//! its prepared statements as long as it lives: pool `none` prepares for every operation, `keepalive` once. One more connection, the anchor, is
//! open as long as the store and runs no operation: without it, pool `none` would copy the log into the database and delete it at every
//! close, and its figures would be about that instead of about connecting.
//!
//! Class `committed` is `synchronous=NORMAL`: a commit reaches the operating system. Class `fsynced` is `FULL`: it is synced, by the thread that
//! commits, which hands its other tasks over first. This is the only file that names libsql. Local databases only, so far.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::libsql::params::Params;
use ::libsql::{Builder, Database, Row as DbRow, Statement, Value};
use async_trait::async_trait;
use tokio::sync::Mutex;

use super::files::{self, Lock};
use super::libsql_schema::{self as schema, Sql};
use super::redb::Row;
use super::{Completed, Store, StoreStats, blocking_future, merged};
use crate::pool::{Limits, Manager, Pool};
use crate::{Counters, Durability, Encoding, Episode, EpisodeId, Error, Head, Pattern, PoolKind, Result, Step};

/// The most connections that read at a time.
const READERS: usize = 8;

/// How long a statement waits for another process that has the database locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Rows that a mirror is handed at a time.
const EXPORT_ROWS: usize = 1024;

/// Episodes in a libSQL file.
pub struct Libsql {
    path: PathBuf,
    fsynced: bool,
    writer: Pool<Connector>,
    readers: Pool<Connector>,
    anchor: Mutex<Option<(Connection, Lock)>>, // None once closed; dropped in this order
    found: Option<Vec<u8>>,                    // the generation that it was opened in, unless it was made then
    encoding: Encoding,
    counters: Arc<Counters>,
}

/// Opens connections to one database.
pub struct Connector {
    database: Database,
    path: PathBuf,
    synchronous: &'static str,
    counters: Arc<Counters>,
}

/// A connection with the statements that it has prepared.
pub struct Connection {
    database: ::libsql::Connection,
    statements: [Option<Statement>; Sql::TEXTS.len()],
    counters: Arc<Counters>,
}

/// A statement in use. However its use ends, it is reset: one that is not would keep its snapshot, and take no new parameters.
struct Running<'a>(&'a Statement);

/// What can fail on the way through libsql.
type Attempt<T> = std::result::Result<T, Fault>;

/// An error on the way through libsql: one of ours, or one of its, which gets path and action at the edge.
enum Fault {
    Ours(Error),
    Libsql(::libsql::Error),
}

impl Libsql {
    /// Opens the store in the file `path`, or creates it there.
    ///
    /// # Errors
    /// As [`super::open`].
    pub async fn open(
        path: &Path,
        durability: Durability,
        pool: PoolKind,
        counters: Arc<Counters>,
        encoding: Encoding,
    ) -> Result<Libsql> {
        files::refuse_impossible(path)?;
        let lock = Lock::take(path)?;
        let at = |fault: Fault| fault.at(path, "opening");
        let database = Builder::new_local(path).build().await.map_err(|error| at(error.into()))?;
        let fsynced = durability == Durability::Fsynced;
        let synchronous = if fsynced { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
        let connector =
            Arc::new(Connector { database, path: path.to_owned(), synchronous, counters: Arc::clone(&counters) });
        let mut anchor = connector.connect().await?;
        counters.connections_opened.increment();
        let found = blocking_future(prepare_database(&mut anchor, path)).await.map_err(at)?;
        let pool =
            |connections| Pool::new(pool, Arc::clone(&connector), Limits::of(connections), Arc::clone(&counters));
        Ok(Libsql {
            path: path.to_owned(),
            fsynced,
            writer: pool(1),
            readers: pool(READERS),
            anchor: Mutex::new(Some((anchor, lock))),
            found,
            encoding,
            counters,
        })
    }

    /// Waits for the disk where the class says so, and counts what was committed.
    async fn committed(&self, action: &'static str, work: impl Future<Output = Attempt<()>>) -> Result<()> {
        let done = if self.fsynced { blocking_future(work).await } else { work.await };
        done.map_err(|fault| fault.at(&self.path, action))?;
        self.counters.transactions.increment();
        self.counters.fsyncs.add(u64::from(self.fsynced));
        Ok(())
    }

    pub(super) async fn insert_episode(&self, head: &Head, value: &[u8]) -> Result<()> {
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

    pub(super) async fn insert_step(&self, id: EpisodeId, number: u32, value: &[u8]) -> Result<()> {
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

    pub(super) async fn complete_episode(&self, completed: &Completed<'_>) -> Result<()> {
        let mut writer = self.writer.checkout().await?;
        let completion = async {
            writer.execute(Sql::Begin, vec![]).await?;
            let done = match self.complete_within(&mut writer, completed).await {
                Ok(()) => writer.execute(Sql::Commit, vec![]).await.map(drop),
                Err(fault) => Err(fault),
            };
            if done.is_err() {
                writer.roll_back().await?;
            }
            done
        };
        self.committed("storing a completed episode", completion).await
    }

    async fn complete_within(&self, writer: &mut Connection, completed: &Completed<'_>) -> Attempt<()> {
        let Completed { head, value, embedding, patterns } = completed;
        let completed_at_ns = head.completion.as_ref().map_or(0, |completion| completion.completed_at_ns);
        let (value, embedding) = (Value::Blob(value.clone()), Value::Blob(embedding.clone()));
        let parameters = vec![key(head.id), time(completed_at_ns), value, embedding];
        if writer.execute(Sql::CompleteEpisode, parameters).await? == 0 {
            let known = !writer.query(Sql::SelectHead, vec![key(head.id)], |_| Ok(())).await?.is_empty();
            let id = head.id;
            return Err(if known { Error::EpisodeCompleted { id } } else { Error::UnknownEpisode { id } }.into());
        }
        for pattern in *patterns {
            let id = Value::Blob(pattern.id.0.to_be_bytes().to_vec());
            let stored =
                writer.query(Sql::SelectPattern, vec![id.clone()], |row| self.decoded::<Pattern>(row, 0)).await?.pop();
            let merged = merged(stored, pattern, &self.encoding)?;
            writer.execute(Sql::UpsertPattern, vec![id, Value::Blob(merged)]).await?;
        }
        Ok(())
    }

    /// Hands every row to `mirror`, some at a time, as it is stored.
    pub(super) async fn export(&self, mirror: &mut (dyn FnMut(&[Row]) -> Result<()> + Send)) -> Result<()> {
        let mut reader = self.readers.checkout().await?;
        let mut rows = Vec::with_capacity(EXPORT_ROWS);
        let mut keep = |row: Row| {
            rows.push(row);
            if rows.len() == EXPORT_ROWS {
                mirror(&rows)?;
                rows.clear();
            }
            Ok(())
        };
        let all = async {
            let head = |row: &DbRow| Attempt::Ok(Row::Episode { head: row.get(0)?, embedding: row.get(1)? });
            reader.query(Sql::ExportEpisodes, vec![], |row| keep(head(row)?)).await?;
            let step =
                |row: &DbRow| Attempt::Ok(Row::Step { id: id_of(row, 0)?, number: row.get(1)?, value: row.get(2)? });
            reader.query(Sql::ExportSteps, vec![], |row| keep(step(row)?)).await?;
            let pattern =
                |row: &DbRow| Attempt::Ok(Row::Pattern { id: u64::from_be_bytes(bytes(row, 0)?), value: row.get(1)? });
            reader.query(Sql::SelectPatterns, vec![], |row| keep(pattern(row)?)).await?;
            Ok(())
        };
        blocking_future(all).await.map_err(|fault: Fault| fault.at(&self.path, "reading the record"))?;
        mirror(&rows)
    }

    /// The generation that the database was left in before this opening, unless this opening made it.
    pub(super) fn found_generation(&self) -> Option<&[u8]> {
        self.found.as_deref()
    }

    /// Bytes of the database and of its log.
    pub(super) fn stored_bytes(&self) -> u64 {
        files::size_bytes(&[self.path.clone(), files::beside(&self.path, "-wal")])
    }

    /// Gives the record a generation that no mirror knows.
    pub(super) async fn renew_generation(&self) -> Result<Vec<u8>> {
        let mut writer = self.writer.checkout().await?;
        let mut renewed = Vec::new();
        let renewal = async {
            renewed = writer.query(Sql::RenewGeneration, vec![], |row| Ok(row.get(0)?)).await?;
            Ok(())
        };
        self.committed("renewing the generation", renewal).await?;
        Ok(first(renewed))
    }

    async fn read_rows<T: Send>(
        &self,
        action: &'static str,
        sql: Sql,
        parameters: Vec<Value>,
        each: impl FnMut(&DbRow) -> Attempt<T> + Send,
    ) -> Result<Vec<T>> {
        let mut reader = self.readers.checkout().await?;
        reader.query(sql, parameters, each).await.map_err(|fault| fault.at(&self.path, action))
    }

    fn decoded<T: serde::de::DeserializeOwned>(&self, row: &DbRow, column: i32) -> Attempt<T> {
        Ok(self.encoding.decode(&row.get::<Vec<u8>>(column)?)?)
    }
}

#[async_trait]
impl Store for Libsql {
    async fn create(&self, head: &Head) -> Result<()> {
        self.insert_episode(head, &self.encoding.encode(head)?).await
    }

    async fn append(&self, id: EpisodeId, step: &Step) -> Result<()> {
        self.insert_step(id, step.number, &self.encoding.encode(step)?).await?;
        self.counters.steps_appended.increment();
        Ok(())
    }

    async fn complete(&self, head: &Head, embedding: &[f32], patterns: &[Pattern]) -> Result<()> {
        self.complete_episode(&Completed::new(head, embedding, patterns, &self.encoding)?).await
    }

    async fn head(&self, id: EpisodeId) -> Result<Option<Head>> {
        let mut heads =
            self.read_rows("reading a head", Sql::SelectHead, vec![key(id)], |row| self.decoded(row, 0)).await?;
        Ok(heads.pop())
    }

    async fn episode(&self, id: EpisodeId) -> Result<Option<Episode>> {
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
        Ok(head.map(|head| Episode { head, steps }))
    }

    async fn scan(&self, visit: &mut (dyn for<'a> FnMut(&'a Head, &'a [f32]) + Send)) -> Result<()> {
        let scan = self.read_rows("scanning episodes", Sql::SelectCompleted, vec![], |row| {
            let (head, embedding): (Head, Vec<f32>) = (self.decoded(row, 0)?, self.decoded(row, 1)?);
            visit(&head, &embedding);
            Ok(())
        });
        blocking_future(scan).await.map(drop)
    }

    async fn patterns(&self) -> Result<Vec<Pattern>> {
        blocking_future(self.read_rows("reading patterns", Sql::SelectPatterns, vec![], |row| self.decoded(row, 1)))
            .await
    }

    async fn by_metadata(&self, key: &str, value: &str) -> Result<Vec<EpisodeId>> {
        let parameters = vec![Value::Text(key.to_owned()), Value::Text(value.to_owned())];
        blocking_future(self.read_rows("looking up metadata", Sql::SelectByMetadata, parameters, |row| id_of(row, 0)))
            .await
    }

    async fn stats(&self) -> Result<StoreStats> {
        let count = |row: &DbRow| Ok((row.get::<u64>(0)?, row.get::<u64>(1)?, row.get::<u64>(2)?));
        let counts = blocking_future(self.read_rows("counting", Sql::Count, vec![], count)).await;
        let (episodes, steps, patterns) = first(counts?);
        Ok(StoreStats { episodes, steps, patterns, stored_bytes: self.stored_bytes() })
    }

    async fn check(&self) -> Result<()> {
        self.read_rows("checking", Sql::Ping, vec![], |_| Ok(())).await.map(drop)
    }

    async fn flush(&self) -> Result<()> {
        let mut writer = self.writer.checkout().await?;
        let done = blocking_future(writer.query(Sql::Checkpoint, vec![], |_| Ok(()))).await;
        done.map_err(|fault| fault.at(&self.path, "flushing"))?;
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

#[async_trait]
impl Manager for Connector {
    type Connection = Connection;

    async fn connect(&self) -> Result<Connection> {
        let connect = async {
            let database = self.database.connect()?;
            database.busy_timeout(BUSY_TIMEOUT)?; // before anything that could meet a lock
            database.execute_batch(self.synchronous).await?; // said anew on every connection: the file does not remember it
            Ok(database)
        };
        let database =
            connect.await.map_err(|error: ::libsql::Error| Fault::from(error).at(&self.path, "connecting"))?;
        Ok(Connection {
            database,
            statements: [const { None }; Sql::TEXTS.len()],
            counters: Arc::clone(&self.counters),
        })
    }

    async fn recycle(&self, connection: &mut Connection) -> Result<()> {
        // A caller that went away in the middle of a transaction left it open.
        connection.roll_back().await.map_err(|fault| fault.at(&self.path, "recycling a connection"))
    }

    async fn check(&self, connection: &mut Connection) -> Result<()> {
        let pong = connection.query(Sql::Ping, vec![], |_| Ok(())).await;
        pong.map(drop).map_err(|fault| fault.at(&self.path, "checking a connection"))
    }
}

impl Connection {
    async fn prepared(&mut self, sql: Sql) -> Attempt<Running<'_>> {
        let slot = &mut self.statements[sql as usize];
        match slot {
            Some(_) => self.counters.statements_reused.increment(),
            None => {
                *slot = Some(self.database.prepare(sql.text()).await?);
                self.counters.statements_prepared.increment();
            }
        }
        Ok(Running(slot.as_ref().expect("filled above")))
    }

    /// Runs a statement that returns no rows; how many it changed.
    async fn execute(&mut self, sql: Sql, parameters: Vec<Value>) -> Attempt<usize> {
        Ok(self.prepared(sql).await?.0.execute(Params::Positional(parameters)).await?)
    }

    /// Runs a statement that returns rows, to its end unless `each` fails.
    async fn query<T>(
        &mut self,
        sql: Sql,
        parameters: Vec<Value>,
        mut each: impl FnMut(&DbRow) -> Attempt<T>,
    ) -> Attempt<Vec<T>> {
        let counters = Arc::clone(&self.counters);
        let running = self.prepared(sql).await?;
        let mut rows = running.0.query(Params::Positional(parameters)).await?;
        let mut read = Vec::new();
        while let Some(row) = rows.next().await? {
            read.push(each(&row)?);
        }
        counters.rows_read.add(read.len() as u64);
        Ok(read)
    }

    /// Undoes the transaction, if one is open.
    async fn roll_back(&mut self) -> Attempt<()> {
        if !self.database.is_autocommit() {
            self.execute(Sql::Rollback, vec![]).await?;
        }
        Ok(())
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.reset();
    }
}

/// Makes the tables in an empty database, or checks that they are ours and of this version. Changes nothing in a database of something else.
/// The generation it was found in, if it was there.
async fn prepare_database(anchor: &mut Connection, path: &Path) -> Attempt<Option<Vec<u8>>> {
    let database = &anchor.database;
    let number = async |sql: &str| -> Attempt<i64> {
        let row = database.query(sql, ()).await?.next().await?;
        Ok(row.map_or(Ok(0), |row| row.get(0))?)
    };
    let (application, version) = (number("PRAGMA application_id").await?, number("PRAGMA user_version").await?);
    let tables = number("SELECT count(*) FROM sqlite_schema").await?;
    if schema::must_be_made(application, version, tables, path)? {
        database.execute_batch("PRAGMA journal_mode = WAL").await?;
        database.execute_batch(&schema::creation()).await?;
    }
    let found = anchor.query(Sql::SelectGeneration, vec![], |row| Ok(row.get(0)?)).await?;
    anchor.query(Sql::RenewGeneration, vec![], |_| Ok(())).await?;
    Ok(found.into_iter().next().filter(|_| tables > 0))
}

impl Fault {
    fn at(self, path: &Path, action: &'static str) -> Error {
        match self {
            Fault::Ours(error) => error,
            Fault::Libsql(::libsql::Error::SqliteFailure(code, message)) => {
                schema::failure(code, message, path, action)
            }
            Fault::Libsql(error) => Error::store("libsql", action, error),
        }
    }

    /// `taken` in place of the database's word that the primary key is in use.
    fn unless_taken(self, taken: Error) -> Fault {
        match self {
            Fault::Libsql(::libsql::Error::SqliteFailure(code, _)) if schema::key_is_taken(code) => taken.into(),
            fault => fault,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Ours(error)
    }
}

impl From<::libsql::Error> for Fault {
    fn from(error: ::libsql::Error) -> Fault {
        Fault::Libsql(error)
    }
}

fn key(id: EpisodeId) -> Value {
    Value::Blob(id.to_bytes().to_vec())
}

/// A time in a column, for queries; the envelope has it exactly. Nanoseconds fit until 2262, and stop there.
fn time(ns: u64) -> Value {
    Value::Integer(i64::try_from(ns).unwrap_or(i64::MAX))
}

fn bytes<const N: usize>(row: &DbRow, column: i32) -> Attempt<[u8; N]> {
    let bytes: Vec<u8> = row.get(column)?;
    let len = bytes.len();
    bytes.try_into().map_err(|_| Error::Envelope { reason: format!("a key of {len} bytes, not {N}") }.into())
}

fn id_of(row: &DbRow, column: i32) -> Attempt<EpisodeId> {
    Ok(EpisodeId::from_bytes(bytes(row, column)?))
}

/// The one row of a query that always returns one.
fn first<T>(rows: Vec<T>) -> T {
    rows.into_iter().next().expect("the statement returns a row whatever the tables hold")
}
