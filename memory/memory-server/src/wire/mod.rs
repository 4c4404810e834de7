//! Bodies over HTTP: the `wire` toggle.
//!
//! Bodies between a client and this server, in both directions, as gzip, which everybody knows. Those of a database
//! server are the store's.

mod compressed;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_ENCODING;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use memory::{Counters, WireKind};

use crate::refusal::Refusal;

/// The routes, behind the layers of the strategy.
pub(super) fn serve(kind: WireKind, routes: Router, counters: &Arc<Counters>) -> Router {
    match kind {
        WireKind::Identity => routes.layer(middleware::from_fn(plain_only)),
        WireKind::Compressed => compressed::serve(routes, counters),
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
