//! Connections to a database in a file or on a server, and the HTTP beneath those to a server.
//!
//! ```text
//! pool -> connector -> connection -> libsql's client -> upstream_proxy -> metered_tcp (and TLS) -> server
//!                                                   <- response_body  <-
//! ```

mod body_decoder;
mod connection;
mod connector;
mod metered_tcp;
mod response_body;
mod upstream_proxy;

use hyper::Body;
use hyper::client::conn::http1::SendRequest;

pub(super) use connection::Connection;
pub(super) use connector::{Connector, Location, remote};

/// The connection to the server, if one can be used again. Whoever has it locked has a request under way.
type Upstream = Option<SendRequest<Body>>;
