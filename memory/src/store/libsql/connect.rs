//! Opens connections to one database, and makes the tables of a new one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::libsql::Database;
use async_trait::async_trait;

use super::connection::Connection;
use super::schema::{self, Sql};
use super::values::{Attempt, Fault};
use crate::pool::Manager;
use crate::{Counters, Result};

/// How long a statement waits for another process that has the database locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections to one database.
pub struct Connector {
    pub(super) database: Database,
    pub(super) path: PathBuf,
    pub(super) synchronous: &'static str,
    pub(super) counters: Arc<Counters>,
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
        Ok(Connection::new(database, Arc::clone(&self.counters)))
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

/// Makes the tables in an empty database, or checks that they are ours and of this version. Changes nothing in a database of something else.
/// The generation it was found in, if it was there.
pub(super) async fn prepare_database(anchor: &mut Connection, path: &Path) -> Attempt<Option<Vec<u8>>> {
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
