//! How bodies go over HTTP: the `wire` toggle, one strategy a file.
//!
//! Two ways carry bodies: the one between a client and our own server, in both directions, and the one from a database's server to us
//! ([`crate::store::libsql`]). Both are compressed by gzip, because it is what everybody on them speaks. Left out on purpose: what goes *to* a
//! database's server. An sqld of 2025 answers a compressed request with 400, so that a request can only be made smaller before it is
//! a statement's parameter (toggle `compression`).

mod compressed;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_ENCODING;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

pub(crate) use compressed::BodyDecoder;

use crate::api::WIRE_ENCODING;
use crate::refusal::Refusal;
use crate::{Counters, WireKind};

/// The routes, behind what reads and writes bodies as the strategy has them.
pub(crate) fn serve(kind: WireKind, routes: Router, counters: &Arc<Counters>) -> Router {
    match kind {
        WireKind::Identity => routes.layer(middleware::from_fn(plain_only)),
        WireKind::Compressed => compressed::serve(routes, counters),
    }
}

/// The encoding that a database's server is asked for, if any.
pub(crate) fn asked_for(kind: WireKind) -> Option<&'static str> {
    match kind {
        WireKind::Identity => None,
        WireKind::Compressed => Some(WIRE_ENCODING),
    }
}

/// Refuses bodies that come encoded: under `wire=identity` nobody here reads them.
async fn plain_only(request: Request, next: Next) -> Response {
    match encoding(&request) {
        Some(said) => refused(said, "send it as it is, or start the server with wire=compressed").into_response(),
        None => next.run(request).await,
    }
}

/// The encoding that a request's body says it has; none for one that is as it is.
fn encoding(request: &Request) -> Option<&[u8]> {
    let said = request.headers().get(CONTENT_ENCODING)?.as_bytes();
    (said != b"identity").then_some(said)
}

/// The answer to a body in an encoding that the strategy does not take.
fn refused(said: &[u8], remedy: &str) -> Refusal {
    let error = format!("a body in the encoding `{}`: {remedy}", String::from_utf8_lossy(said));
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error)
}
