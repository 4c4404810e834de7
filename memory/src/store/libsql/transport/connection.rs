//! A connection with its prepared statements.
//!
//! A remote connection is a stream of the server, which forgets it after 10 idle seconds and at a restart, and then
//! refuses everything on it until it is reset. A statement refused so was not executed, and is sent once more on a new
//! stream. A query is also sent again if the connection broke before its first row. A write whose answer was lost may
//! or may not have happened: that is an error. Inside a transaction nothing is sent again.
//!
//! Remote statements without rows are not prepared: one prepared outside a transaction would end the stream, and so the
//! transaction, inside one; and preparing asks the server for columns that they do not have. Queries are prepared:
//! asking for their columns once saves a round trip each time.

use std::sync::Arc;

use ::libsql::params::Params;
use ::libsql::{Row as DbRow, Statement, Value};

use crate::Counters;
use crate::store::libsql::schema::{self, STEPS_TOGETHER, Sql};
use crate::store::libsql::values::{BackendError, BackendResult};

/// A connection with the statements that it has prepared.
pub struct Connection {
    pub database: ::libsql::Connection,
    pub remote: bool,
    pub lost: bool,                            // the connection to the server broke in an unknown state
    statements: Box<[Option<Statement>]>,      // by Sql; boxed, because a pool moves connections at every loan
    step_statements: Box<[Option<Statement>]>, // by the number of their steps
    counters: Arc<Counters>,
}

/// A statement in use, which is reset however its use ends: otherwise it would keep its snapshot and take no new
/// parameters.
struct RunningStatement<'a>(&'a Statement);

impl Connection {
    pub fn new(database: ::libsql::Connection, remote: bool, counters: Arc<Counters>) -> Connection {
        let unprepared = |statements| std::iter::repeat_with(|| None).take(statements).collect();
        let (statements, step_statements) = (unprepared(Sql::TEXTS.len()), unprepared(STEPS_TOGETHER + 1));
        Connection { database, remote, lost: false, statements, step_statements, counters }
    }

    async fn prepared(&mut self, sql: Sql) -> BackendResult<RunningStatement<'_>> {
        let slot = &mut self.statements[sql as usize];
        if slot.is_none() {
            *slot = Some(self.database.prepare(sql.text()).await?);
            self.counters.statements_prepared.increment();
        } else {
            self.counters.statements_reused.increment();
        }
        self.counters.round_trips.increment();
        Ok(RunningStatement(slot.as_ref().expect("filled above")))
    }

    /// Inserts up to [`STEPS_TOGETHER`] steps into a file with one statement, which does all or nothing.
    pub async fn insert_steps(&mut self, steps: usize, parameters: Vec<Value>) -> BackendResult<()> {
        let slot = &mut self.step_statements[steps];
        if slot.is_none() {
            *slot = Some(self.database.prepare(&schema::insert_steps(steps)).await?);
            self.counters.statements_prepared.increment();
        } else {
            self.counters.statements_reused.increment();
        }
        self.counters.round_trips.increment();
        let running = RunningStatement(slot.as_ref().expect("filled above"));
        Ok(running.0.execute(Params::Positional(parameters)).await.map(drop)?)
    }

    /// Runs a statement without rows; the number of rows that it changed.
    pub async fn execute(&mut self, sql: Sql, parameters: Vec<Value>) -> BackendResult<usize> {
        if !self.remote {
            return Ok(self.prepared(sql).await?.0.execute(Params::Positional(parameters)).await?);
        }
        let alone = self.database.is_autocommit();
        let mut done = self.database.execute(sql.text(), Params::Positional(parameters.clone())).await;
        if let Err(error) = done {
            let error = BackendError::from(error);
            if !(alone && error.was_refused()) {
                self.lost |= error.is_on_the_way();
                return Err(error);
            }
            self.renew().await;
            done = self.database.execute(sql.text(), Params::Positional(parameters)).await;
        }
        let done = done.map_err(BackendError::from);
        self.lost |= done.as_ref().is_err_and(BackendError::is_on_the_way);
        Ok(done? as usize)
    }

    /// Runs a statement with rows, to its end unless `each` fails.
    pub async fn query<T>(
        &mut self,
        sql: Sql,
        parameters: Vec<Value>,
        mut each: impl FnMut(&DbRow) -> BackendResult<T>,
    ) -> BackendResult<Vec<T>> {
        let mut read = Vec::new();
        if !self.remote {
            self.read(sql, parameters, &mut each, &mut read).await?;
            return Ok(read);
        }
        let alone = self.database.is_autocommit();
        let mut done = self.read(sql, parameters.clone(), &mut each, &mut read).await;
        let again = |error: &BackendError| error.was_refused() || (sql.only_reads() && error.is_on_the_way());
        if alone && read.is_empty() && done.as_ref().is_err_and(again) {
            self.renew().await;
            done = self.read(sql, parameters, &mut each, &mut read).await;
        }
        self.lost |= done.as_ref().is_err_and(BackendError::is_on_the_way);
        done.map(|()| read)
    }

    async fn read<T>(
        &mut self,
        sql: Sql,
        parameters: Vec<Value>,
        each: &mut impl FnMut(&DbRow) -> BackendResult<T>,
        read: &mut Vec<T>,
    ) -> BackendResult<()> {
        let counters = Arc::clone(&self.counters);
        let running = self.prepared(sql).await?;
        let mut rows = running.0.query(Params::Positional(parameters)).await?;
        while let Some(row) = rows.next().await? {
            read.push(each(&row)?);
        }
        counters.rows_read.add(read.len() as u64);
        Ok(())
    }

    /// Forgets the stream: the next statement begins another.
    async fn renew(&mut self) {
        self.database.reset().await;
        self.counters.streams_renewed.increment();
    }

    /// Checks that the other side answers. A remote stream is reset first, for it may be forgotten: one round trip in
    /// any case.
    pub async fn ping(&mut self) -> BackendResult<()> {
        if self.remote {
            self.database.reset().await;
            self.execute(Sql::Ping, vec![]).await.map(drop)
        } else {
            self.query(Sql::Ping, vec![], |_| Ok(())).await.map(drop)
        }
    }

    /// Undoes the transaction, if one is open.
    pub async fn roll_back(&mut self) -> BackendResult<()> {
        // The server undoes a transaction whose stream it forgets; a lost connection is not used again.
        if !self.lost && !self.database.is_autocommit() {
            self.execute(Sql::Rollback, vec![]).await?;
        }
        Ok(())
    }
}

impl Drop for RunningStatement<'_> {
    fn drop(&mut self) {
        self.0.reset();
    }
}
