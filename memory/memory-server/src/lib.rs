//! The memory over HTTP: routes, and serving them until told to stop.
//!
//! | route | body or query | answer |
//! |---|---|---|
//! | `POST /episodes` | [`StartEpisode`](memory::StartEpisode) | 201 [`Started`](episodes::api::Started) |
//! | `POST /episodes/{id}/steps` | [`NewStep`](memory::NewStep) | 201 [`Logged`](episodes::api::Logged) |
//! | `POST /episodes/{id}/complete` | [`Outcome`](memory::Outcome) | 200 [`Completion`](memory::Completion) |
//! | `GET /episodes/{id}` | | 200 [`Episode`](memory::Episode) |
//! | `DELETE /episodes/{id}` | | 204 |
//! | `POST /retrieve` | [`Retrieve`] | 200 [`RetrievedEpisodes`](episodes::api::RetrievedEpisodes) |
//! | `GET /patterns` | | 200 [`Patterns`](episodes::api::Patterns) |
//! | `GET /metadata` | `?key=..&value=..` | 200 [`MetadataMatches`](episodes::api::MetadataMatches) |
//! | `GET /health` | | 200 [`Healthy`](episodes::api::Healthy) |
//! | `GET /stats` | | 200 [`ServerStats`](episodes::api::ServerStats) |
//!
//! Errors answer with an [`ErrorBody`](episodes::api::ErrorBody): 400 for a malformed request, 404 for an unknown
//! episode or route, 405 for a wrong method, 409 for an episode in the wrong state, 413 for a body that is too long,
//! 415 for an encoding that the variant does not take, 500 for errors of the store. Under `wire=compressed` bodies of
//! 1 KiB and more may be gzip. `GET /health` answers 503 while the database is dead. There is no TLS. Tokens, tenants,
//! limits and metrics are the binary's. [`store_args`] are arguments of every program that opens a store.
//!
//! [`Retrieve`]: episodes::api::Retrieve

mod handlers;
mod health;
mod process;
mod refusal;
pub mod store_args;
mod wire;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use episodes::api::BODY_BYTES_MAX;
use memory::{Error, Memory, Result, Retention};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use health::check;
pub use refusal::Refusal;

/// The time that running requests get once the server was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// The routes over `memory`, for bodies of up to [`BODY_BYTES_MAX`].
///
/// Handlers may block the thread for the store's work, so they need a multi-thread runtime to stay responsive.
pub fn router(memory: Arc<Memory>) -> Router {
    router_limited(memory, BODY_BYTES_MAX)
}

/// [`router`] for bodies of at most so many bytes, which are counted when they are unpacked.
pub fn router_limited(memory: Arc<Memory>, body_bytes: usize) -> Router {
    let (wire, counters) = (memory.variant().wire, Arc::clone(memory.shared_counters()));
    let routes = Router::new()
        .route("/episodes", post(handlers::start))
        .route("/episodes/{id}", get(handlers::episode).delete(handlers::delete))
        .route("/episodes/{id}/steps", post(handlers::log_step))
        .route("/episodes/{id}/complete", post(handlers::complete))
        .route("/retrieve", post(handlers::retrieve))
        .route("/patterns", get(handlers::patterns))
        .route("/metadata", get(handlers::metadata))
        .route("/health", get(handlers::health))
        .route("/stats", get(handlers::stats))
        .fallback(handlers::unknown_route)
        .method_not_allowed_fallback(handlers::wrong_method)
        .layer(DefaultBodyLimit::max(body_bytes))
        .with_state(memory);
    wire::serve(wire, routes, &counters)
}

/// Opens the socket to serve on; port 0 takes a free one.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Deletes what the rule does not keep from each of these memories, and returns the first error after all were tried.
pub async fn retain(memories: &[Arc<Memory>], rule: &Retention) -> Result<()> {
    let mut first = Ok(());
    for memory in memories {
        first = first.and(memory.retain(rule).await.map(drop));
    }
    first
}

/// [`answer`]s with the routes of a memory, then flushes it and, also if that fails, closes it. After an error of the
/// store what was not yet durable may be lost.
pub async fn serve(listener: TcpListener, memory: Arc<Memory>, stop: impl Future<Output = ()>) -> Result<()> {
    answer(listener, router(Arc::clone(&memory)), stop).await?;
    close(&memory).await
}

/// Flushes a memory and, also if that fails, closes it. Returns the first error.
pub async fn close(memory: &Memory) -> Result<()> {
    let flushed = memory.flush().await;
    flushed.and(memory.close().await)
}

/// Answers requests until `stop` ends, then finishes running ones, for at most 5 seconds.
pub async fn answer(listener: TcpListener, routes: Router, stop: impl Future<Output = ()>) -> Result<()> {
    let (tell, told) = watch::channel(false);
    let mut wait = told.clone();
    // Answers are small: waiting for a fuller packet only adds the peer's delayed acknowledgement to the response
    // times.
    let listener = listener.tap_io(|stream| {
        // A socket that refuses the option works all the same.
        let _ = stream.set_nodelay(true);
    });
    let served = axum::serve(listener, routes).with_graceful_shutdown(async move {
        // The sender outlives the server: an error is a reason to stop as well.
        let _ = wait.wait_for(|stop| *stop).await;
    });
    let mut server = tokio::spawn(served.into_future());
    let ended = tokio::select! {
        ended = &mut server => Ok(ended),
        () = stop => {
            // The server may have ended by itself.
            let _ = tell.send(true);
            tokio::time::timeout(GRACE, &mut server).await
        }
    };
    match ended {
        Ok(ended) => {
            ended.map_err(io::Error::other).flatten().map_err(Error::io("the listening socket".as_ref(), "serve"))?
        }
        Err(_) => server.abort(),
    }
    Ok(())
}
