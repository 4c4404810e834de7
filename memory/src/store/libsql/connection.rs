//! A connection, and the statements that it keeps prepared.

use std::sync::Arc;

use ::libsql::params::Params;
use ::libsql::{Row as DbRow, Statement, Value};

use super::schema::Sql;
use super::values::Attempt;
use crate::Counters;

/// A connection with the statements that it has prepared.
pub struct Connection {
    pub(super) database: ::libsql::Connection,
    statements: [Option<Statement>; Sql::TEXTS.len()],
    counters: Arc<Counters>,
}

/// A statement in use. However its use ends, it is reset: one that is not would keep its snapshot, and take no new parameters.
struct Running<'a>(&'a Statement);

impl Connection {
    pub(super) fn new(database: ::libsql::Connection, counters: Arc<Counters>) -> Connection {
        Connection { database, statements: [const { None }; Sql::TEXTS.len()], counters }
    }

    async fn prepared(&mut self, sql: Sql) -> Attempt<Running<'_>> {
        let slot = &mut self.statements[sql as usize];
        match slot {
            Some(_) => self.counters.statements_reused.increment(),
            None => {
                *slot = Some(self.database.prepare(sql.text()).await?);
                self.counters.statements_prepared.increment();
            }
        }
        self.counters.round_trips.increment();
        Ok(Running(slot.as_ref().expect("filled above")))
    }

    /// Runs a statement that returns no rows; how many it changed.
    pub(super) async fn execute(&mut self, sql: Sql, parameters: Vec<Value>) -> Attempt<usize> {
        Ok(self.prepared(sql).await?.0.execute(Params::Positional(parameters)).await?)
    }

    /// Runs a statement that returns rows, to its end unless `each` fails.
    pub(super) async fn query<T>(
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
    pub(super) async fn roll_back(&mut self) -> Attempt<()> {
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
