//! Opens connections to one database, in a file or on a server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::libsql::{Builder, Database};
use async_trait::async_trait;
use episodes::api::WIRE_ENCODING;

use super::connection::Connection;
use super::metered_tcp::Dialer;
use super::upstream_proxy::UpstreamProxy;
use crate::pool::Manager;
use crate::store::Remote;
use crate::store::libsql::values::BackendError;
use crate::{Counters, Error, Result, WireKind};

/// The longest wait of a statement for another process that has the database locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections to one database.
pub struct Connector {
    pub location: Location,
    pub path: PathBuf,                 // or the URL
    pub pragmas: Option<&'static str>, // None on a server, which decides for itself
    pub counters: Arc<Counters>,
}

/// The location of a database.
pub enum Location {
    File(Database),
    Server(RemoteServer),
}

/// A database on a server, and the means to reach it.
pub struct RemoteServer {
    remote: Remote,
    dialer: Dialer,
    asked_for: Option<&'static str>,
}

/// A connector for the database at a URL. Nothing is sent yet.
pub fn remote(remote: &Remote, wire: WireKind, counters: Arc<Counters>) -> Result<Connector> {
    let dialer = match remote.scheme()? {
        "http" => Dialer::plain(Arc::clone(&counters)),
        _ => Dialer::tls(Arc::clone(&counters))?,
    };
    let location = Location::Server(RemoteServer { remote: remote.clone(), dialer, asked_for: asked_for(wire) });
    Ok(Connector { location, path: PathBuf::from(&remote.url), pragmas: None, counters })
}

/// The encoding to ask a database server for. Requests *to* it are never compressed: an sqld of 2025 answers them with
/// 400, so a request gets smaller only by smaller parameters (toggle `compression`).
fn asked_for(wire: WireKind) -> Option<&'static str> {
    match wire {
        WireKind::Identity => None,
        WireKind::Compressed => Some(WIRE_ENCODING),
    }
}

impl RemoteServer {
    /// The database behind its own proxy. Nothing is sent yet.
    async fn database(&self, counters: &Arc<Counters>) -> std::result::Result<Database, ::libsql::Error> {
        let builder = Builder::new_remote(self.remote.url.clone(), self.remote.token.clone());
        let proxy = UpstreamProxy::new(self.dialer.clone(), self.asked_for, Arc::clone(counters));
        builder.connector(proxy).build().await
    }
}

#[async_trait]
impl Manager for Connector {
    type Connection = Connection;

    async fn connect(&self) -> Result<Connection> {
        let connect = async {
            let database = match &self.location {
                Location::File(database) => database.connect()?,
                Location::Server(server) => server.database(&self.counters).await?.connect()?,
            };
            if let Some(pragmas) = self.pragmas {
                database.busy_timeout(BUSY_TIMEOUT)?; // before anything that could meet a lock
                database.execute_batch(pragmas).await?; // said anew on every connection: the file does not remember it
            }
            Ok(database)
        };
        let database =
            connect.await.map_err(|error: ::libsql::Error| BackendError::from(error).at(&self.path, "connecting"))?;
        Ok(Connection::new(database, self.pragmas.is_none(), Arc::clone(&self.counters)))
    }

    fn is_ready(&self, connection: &Connection) -> bool {
        !connection.lost && connection.database.is_autocommit()
    }

    async fn recycle(&self, connection: &mut Connection) -> Result<()> {
        if connection.lost {
            return Err(Error::store("libsql", "recycling a connection", "the connection to the server broke"));
        }
        // A caller that went away in the middle of a transaction left it open.
        connection.roll_back().await.map_err(|error| error.at(&self.path, "recycling a connection"))
    }

    async fn check(&self, connection: &mut Connection) -> Result<()> {
        connection.ping().await.map_err(|error| error.at(&self.path, "checking a connection"))
    }
}
