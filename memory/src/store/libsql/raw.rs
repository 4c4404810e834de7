//! libSQL without a store: one table, one connection, three prepared statements ([`crate::store::raw`]).

use std::path::{Path, PathBuf};

use ::libsql::params::Params;
use ::libsql::{Builder, Connection, Statement, Value};
use async_trait::async_trait;

use super::pragmas;
use super::values::{BackendResult, number};
use crate::store::blocking_future;
use crate::store::raw::{RawEngine, RawRow};
use crate::{Durability, Result};

const TABLE: &str = "CREATE TABLE steps (episode INTEGER NOT NULL, number INTEGER NOT NULL, value BLOB NOT NULL, \
    PRIMARY KEY (episode, number))";

/// A libSQL file with one table, as the store has it.
pub struct RawLibsql {
    connection: Connection,
    begin: Statement,
    insert: Statement,
    commit: Statement,
    path: PathBuf,
}

impl RawLibsql {
    pub(in crate::store) async fn open(path: &Path, durability: Durability) -> Result<RawLibsql> {
        let open = async || -> BackendResult<RawLibsql> {
            let connection = Builder::new_local(path).build().await?.connect()?;
            connection.execute_batch("PRAGMA journal_mode = WAL").await?;
            connection.execute_batch(pragmas(durability)).await?;
            connection.execute_batch(TABLE).await?;
            Ok(RawLibsql {
                begin: connection.prepare("BEGIN IMMEDIATE").await?,
                insert: connection.prepare("INSERT INTO steps (episode, number, value) VALUES (?1, ?2, ?3)").await?,
                commit: connection.prepare("COMMIT").await?,
                connection,
                path: path.to_owned(),
            })
        };
        blocking_future(open()).await.map_err(|error| error.at(path, "creating"))
    }

    async fn insert(&self, rows: &[RawRow]) -> BackendResult<()> {
        run(&self.begin, vec![]).await?;
        for RawRow { id, number, value } in rows {
            let parameters =
                vec![Value::Integer(id.0 as i64), Value::Integer((*number).into()), Value::Blob(value.clone())];
            run(&self.insert, parameters).await?;
        }
        run(&self.commit, vec![]).await
    }
}

async fn run(statement: &Statement, parameters: Vec<Value>) -> BackendResult<()> {
    let done = statement.execute(Params::Positional(parameters)).await;
    statement.reset();
    Ok(done.map(drop)?)
}

#[async_trait]
impl RawEngine for RawLibsql {
    async fn commit(&mut self, rows: &[RawRow]) -> Result<()> {
        blocking_future(self.insert(rows)).await.map_err(|error| error.at(&self.path, "committing"))
    }

    async fn count(&mut self) -> Result<u64> {
        let counted = number(&self.connection, "SELECT count(*) FROM steps", ()).await;
        Ok(counted.map_err(|error| error.at(&self.path, "counting"))?.unsigned_abs())
    }
}
