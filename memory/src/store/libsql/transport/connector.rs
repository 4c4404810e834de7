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

/// The longest silence of a server, before an answer and within it: as long as a caller waits for a connection. A
/// transaction that others wait for is ended by sqld after 5 seconds.
const SILENCE: Duration = Duration::from_secs(30);

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
    silence: Duration,
}

/// A connector for the database at a URL. Nothing is sent yet.
pub fn remote(remote: &Remote, wire: WireKind, counters: Arc<Counters>) -> Result<Connector> {
    let dialer = match remote.scheme()? {
        "http" => Dialer::plain(Arc::clone(&counters)),
        _ => Dialer::tls(Arc::clone(&counters))?,
    };
    let server = RemoteServer { remote: remote.clone(), dialer, asked_for: asked_for(wire), silence: SILENCE };
    Ok(Connector { location: Location::Server(server), path: PathBuf::from(&remote.url), pragmas: None, counters })
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
        let proxy = UpstreamProxy::new(self.dialer.clone(), self.asked_for, self.silence, Arc::clone(counters));
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Instant;

    use tokio::time::timeout;

    use super::*;
    use crate::store::libsql::schema::Sql;

    const SHORT: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(10);

    /// The URL of a server that answers the first bytes of each connection with these, and then says no more.
    fn silent_after(said: &'static str) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for client in listener.incoming() {
                let mut client = client.unwrap();
                if client.read(&mut [0; 4096]).is_ok_and(|bytes| bytes > 0) {
                    client.write_all(said.as_bytes()).unwrap();
                }
                open.push(client);
            }
        });
        url
    }

    #[tokio::test]
    async fn a_server_that_falls_silent_is_an_error_and_its_connection_is_not_lent_again() {
        for said in ["", "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"baton\":"] {
            let server = Remote { url: silent_after(said), token: String::new() };
            let mut connector = remote(&server, WireKind::Identity, Arc::default()).unwrap();
            let Location::Server(server) = &mut connector.location else { panic!("it is a server") };
            server.silence = SHORT;
            let mut connection = connector.connect().await.unwrap();
            let began = Instant::now();
            let pinged = timeout(LONGEST, connection.ping()).await.expect("no waiting for ever");
            assert!(pinged.is_err() && connection.lost && began.elapsed() >= SHORT, "{said}");
            assert!(connector.recycle(&mut connection).await.is_err(), "{said}");
            let read = timeout(LONGEST, connection.query(Sql::SelectGeneration, vec![], |_| Ok(()))).await;
            let error = read.expect("no waiting for ever").unwrap_err().to_string();
            assert!(began.elapsed() >= 3 * SHORT, "a read is asked for once more");
            assert_eq!(error.contains("no answer after 500 ms"), said.is_empty(), "{error}");
        }
    }
}
