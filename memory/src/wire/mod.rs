//! Bodies over HTTP: the `wire` toggle.
//!
//! Bodies go between a client and this server, in both directions, and from a database server to this process
//! ([`crate::store`]). Both use gzip, which everybody on them knows. Requests *to* a database server are never
//! compressed: an sqld of 2025 answers them with 400, so a request gets smaller only by smaller parameters (toggle
//! `compression`).

mod compressed;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_ENCODING;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

pub(crate) use compressed::BodyDecoder;

use episodes::api::WIRE_ENCODING;
use crate::refusal::Refusal;
use crate::{Counters, WireKind};

/// The routes, behind the layers of the strategy.
pub(crate) fn serve(kind: WireKind, routes: Router, counters: &Arc<Counters>) -> Router {
    match kind {
        WireKind::Identity => routes.layer(middleware::from_fn(plain_only)),
        WireKind::Compressed => compressed::serve(routes, counters),
    }
}

/// The encoding to ask a database server for.
pub(crate) fn asked_for(kind: WireKind) -> Option<&'static str> {
    match kind {
        WireKind::Identity => None,
        WireKind::Compressed => Some(WIRE_ENCODING),
    }
}

/// Wire `identity`, the naive strategy: bodies go as they are, and encoded ones are refused, because nobody here
/// decodes them.
async fn plain_only(request: Request, next: Next) -> Response {
    match encoding(&request) {
        Some(said) => refused(said, "send it as it is, or start the server with wire=compressed").into_response(),
        None => next.run(request).await,
    }
}

/// The encoding that a request's body says it has; none for a plain one.
fn encoding(request: &Request) -> Option<&[u8]> {
    let said = request.headers().get(CONTENT_ENCODING)?.as_bytes();
    (said != b"identity").then_some(said)
}

/// The answer to a body in an unknown encoding.
fn refused(said: &[u8], remedy: &str) -> Refusal {
    let error = format!("a body in the encoding `{}`: {remedy}", String::from_utf8_lossy(said));
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error)
}
