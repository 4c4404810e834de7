//! Connections to a database in a file or on a server, and the HTTP beneath those to a server.
//!
//! ```text
//! pool -> connector -> connection -> libsql's client -> upstream_proxy -> metered_tcp (and TLS) -> server
//!                                                   <- response_body  <-
//! ```

mod connection;
mod connector;
mod metered_tcp;
mod response_body;
mod upstream_proxy;

pub(super) use connection::Connection;
pub(super) use connector::{Connector, Location, remote};
