//! Opens connections to one database, in a file or on a server, and makes the tables of a new one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::libsql::{Builder, Database};
use async_trait::async_trait;
use hyper_rustls::HttpsConnector;

use super::connection::Connection;
use super::meter::{self, Meter};
use super::schema::{self, Sql};
use super::values::{Attempt, Fault};
use super::way::Way;
use crate::pool::Manager;
use crate::store::Remote;
use crate::{Counters, Error, Result, WireKind, wire};

/// How long a statement waits for another process that has the database locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections to one database.
pub struct Connector {
    pub(super) place: Place,
    pub(super) path: PathBuf,              // or the URL
    pub(super) told: Option<&'static str>, // None on a server, which decides for itself
    pub(super) counters: Arc<Counters>,
}

/// Where the database is.
pub(super) enum Place {
    File(Database),
    Server(Server),
}

/// A database on a server, and how it is reached.
pub(super) struct Server {
    remote: Remote,
    dial: Dial,
    asked_for: Option<&'static str>,
}

/// What opens connections to a server.
enum Dial {
    Plain(Meter),
    Tls(HttpsConnector<Meter>),
}

/// The database at a URL, with bodies on the way as the strategy has them. Nothing is sent yet.
pub(super) fn remote(remote: &Remote, wire: WireKind, counters: &Arc<Counters>) -> Result<Connector> {
    let dial = match remote.scheme()? {
        "http" => Dial::Plain(Meter::new(Arc::clone(counters))),
        _ => Dial::Tls(meter::with_tls(Arc::clone(counters))?),
    };
    let place = Place::Server(Server { remote: remote.clone(), dial, asked_for: wire::asked_for(wire) });
    Ok(Connector { place, path: PathBuf::from(&remote.url), told: None, counters: Arc::clone(counters) })
}

impl Server {
    /// The database, with a way there that nobody shares. Nothing is sent yet.
    async fn database(&self, counters: &Arc<Counters>) -> std::result::Result<Database, ::libsql::Error> {
        let builder = Builder::new_remote(self.remote.url.clone(), self.remote.token.clone());
        let builder = match &self.dial {
            Dial::Plain(dial) => builder.connector(Way::new(dial.clone(), self.asked_for, Arc::clone(counters))),
            Dial::Tls(dial) => builder.connector(Way::new(dial.clone(), self.asked_for, Arc::clone(counters))),
        };
        builder.build().await
    }
}

#[async_trait]
impl Manager for Connector {
    type Connection = Connection;

    async fn connect(&self) -> Result<Connection> {
        let connect = async {
            let database = match &self.place {
                Place::File(database) => database.connect()?,
                Place::Server(server) => server.database(&self.counters).await?.connect()?,
            };
            if let Some(told) = self.told {
                database.busy_timeout(BUSY_TIMEOUT)?; // before anything that could meet a lock; a server waits by itself
                database.execute_batch(told).await?; // said anew on every connection: the file does not remember it
            }
            Ok(database)
        };
        let database =
            connect.await.map_err(|error: ::libsql::Error| Fault::from(error).at(&self.path, "connecting"))?;
        Ok(Connection::new(database, self.told.is_none(), Arc::clone(&self.counters)))
    }

    async fn recycle(&self, connection: &mut Connection) -> Result<()> {
        if connection.lost {
            return Err(Error::store("libsql", "recycling a connection", "the way to the server broke"));
        }
        // A caller that went away in the middle of a transaction left it open.
        connection.roll_back().await.map_err(|fault| fault.at(&self.path, "recycling a connection"))
    }

    async fn check(&self, connection: &mut Connection) -> Result<()> {
        connection.ping().await.map_err(|fault| fault.at(&self.path, "checking a connection"))
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
    let application = match anchor.remote {
        true => schema::application_remote(number(schema::COUNT_OURS).await?),
        false => number("PRAGMA application_id").await?,
    };
    let version = number("PRAGMA user_version").await?;
    let tables = number("SELECT count(*) FROM sqlite_schema").await?;
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
