//! Everything before the routes of a memory: who asks, for which tenant, and whether there is room and time.
//!
//! | answer | reason |
//! |---|---|
//! | 400 | no tenant, a malformed one, or one where there are none |
//! | 401 | no token, or an unknown one |
//! | 403 | a token of another tenant |
//! | 405 | a wrong method |
//! | 413 | the body is too long |
//! | 503 with `Retry-After` | too many requests at a time |
//! | 504 | the request took too long; a write may have happened all the same |
//!
//! `POST /backup` may take as long as it needs. `GET /health` and `GET /ready` need no token and wait for no room: a
//! supervisor must hear of a full server.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::Limited;
use memory_server::Refusal;
use serde_json::json;
use tokio::sync::{Mutex, Semaphore};
use tower::ServiceExt;
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

use crate::metrics::{self, Metrics};
use crate::tenants::{Tenants, is_name};
use crate::tokens::Tokens;

/// The header that names the tenant.
const TENANT: &str = "x-tenant";

/// What one request may take, and all of them together.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub body_bytes: usize,
    pub requests: usize,
    pub time: Duration,
}

pub struct Front {
    tenants: Tenants,
    tokens: Option<Tokens>,
    limits: Limits,
    room: Semaphore,
    stopping: AtomicBool,
    backups: Option<PathBuf>,
    backing_up: Mutex<()>, // one at a time: each is a copy of a store
    metrics: Metrics,
}

type Answer = Result<Response, Refusal>;

impl Front {
    pub fn new(tenants: Tenants, tokens: Option<Tokens>, limits: Limits, backups: Option<PathBuf>) -> Front {
        let room = Semaphore::new(limits.requests);
        let (stopping, backing_up, metrics) = (AtomicBool::new(false), Mutex::new(()), Metrics::new());
        Front { tenants, tokens, limits, room, stopping, backups, backing_up, metrics }
    }

    pub fn tenants(&self) -> &Tenants {
        &self.tenants
    }

    /// From now on it is not ready.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// The tenant that the token is bound to, if any.
    fn bound(&self, headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        given.and_then(|token| tokens.find(token.trim())).ok_or_else(|| {
            let error = "no valid token: send `authorization: Bearer ..` with one of the server's token file";
            Refusal::new(StatusCode::UNAUTHORIZED, error).with(WWW_AUTHENTICATE, "Bearer")
        })
    }

    /// The name of the tenant who asks; empty where there are none.
    fn tenant(&self, headers: &HeaderMap) -> Result<String, Refusal> {
        let refuse = |status, error: &str| Err(Refusal::new(status, error));
        let bound = self.bound(headers)?;
        let named = headers.get(TENANT).map(|name| name.to_str().unwrap_or_default());
        if !self.tenants.are_many() {
            return match named {
                None => Ok(String::new()),
                Some(_) => refuse(StatusCode::BAD_REQUEST, "this server has no tenants: start it with --tenants"),
            };
        }
        match (bound, named) {
            (Some(bound), Some(named)) if bound != named => {
                refuse(StatusCode::FORBIDDEN, "the token belongs to another tenant: use the token of this one")
            }
            (Some(name), _) | (None, Some(name)) if is_name(name) => {
                Span::current().record("tenant", name);
                Ok(name.to_owned())
            }
            (_, Some(_)) => refuse(
                StatusCode::BAD_REQUEST,
                "x-tenant is no name of a tenant: take 1 to 64 letters, digits, - and _",
            ),
            _ => refuse(StatusCode::BAD_REQUEST, "no tenant: name it in the header x-tenant"),
        }
    }

    /// Writes the tenant's episodes to a file in the folder of backups, which nobody but the operator names.
    async fn back_up(&self, headers: &HeaderMap) -> Answer {
        let tenant = self.tenant(headers)?;
        let Some(folder) = &self.backups else {
            let error = "this server takes no backups: start it with --backups FOLDER";
            return Err(Refusal::new(StatusCode::NOT_FOUND, error));
        };
        let wait = |error: &str| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error).with(RETRY_AFTER, "1");
        let _room = self.room.try_acquire().map_err(|_| wait("too many requests at a time: ask again in a second"))?;
        let _alone =
            self.backing_up.try_lock().map_err(|_| wait("a backup is being made: ask again when it is done"))?;
        let memory = self.tenants.get(&tenant).await?.memory;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = if tenant.is_empty() { "memory" } else { &tenant };
        let file = folder.join(format!("{name}-{}.jsonl", now.as_nanos()));
        let done = memory.backup(&file).await?;
        Ok(Json(json!({ "file": file, "episodes": done.episodes, "bytes": done.bytes })).into_response())
    }

    /// Hands a request to the routes of its tenant, if there is room and time.
    async fn hand_on(&self, request: Request) -> Answer {
        let tenant = self.tenant(request.headers())?;
        let Ok(_room) = self.room.try_acquire() else {
            let error = format!("{} requests at a time are the most: ask again", self.limits.requests);
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error).with(RETRY_AFTER, "1"));
        };
        let _in_flight = self.metrics.begin();
        let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > self.limits.body_bytes) {
            let error = format!("the body is over {} bytes: log less at a time", self.limits.body_bytes);
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error));
        }
        let limit = self.limits.body_bytes;
        let request = request.map(|body| Body::new(Limited::new(body, limit)));
        let answered = async {
            let served = self.tenants.get(&tenant).await?;
            match served.routes.oneshot(request).await {
                Ok(response) => Ok(response),
                Err(never) => match never {},
            }
        };
        tokio::time::timeout(self.limits.time, answered).await.unwrap_or_else(|_| {
            let error =
                format!("not answered within {} ms: ask for less, or raise --request-ms", self.limits.time.as_millis());
            Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, error))
        })
    }
}

/// Counts a request, and gives it its span.
async fn observe(front: &Front, operation: &'static str, span: Span, answer: impl Future<Output = Answer>) -> Response {
    let began = Instant::now();
    let response = answer.instrument(span.clone()).await.into_response();
    // With a sign: a collector would get other integers as text.
    span.record("status", i64::from(response.status().as_u16()));
    front.metrics.answered(operation, response.status(), began.elapsed());
    response
}

/// The routes of the server.
pub fn routes(front: Arc<Front>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(show_metrics))
        .route("/backup", post(back_up))
        .fallback(forward)
        .method_not_allowed_fallback(wrong_method)
        .with_state(front)
}

async fn forward(State(front): State<Arc<Front>>, request: Request) -> Response {
    let operation = metrics::operation(request.method(), request.uri().path());
    let span = info_span!("request", operation, path = request.uri().path(), tenant = Empty, status = Empty);
    observe(&front, operation, span, front.hand_on(request)).await
}

async fn back_up(State(front): State<Arc<Front>>, headers: HeaderMap) -> Response {
    let span = info_span!("request", operation = "backup", path = "/backup", tenant = Empty, status = Empty);
    observe(&front, "backup", span, front.back_up(&headers)).await
}

async fn wrong_method(State(front): State<Arc<Front>>, method: Method, uri: Uri, headers: HeaderMap) -> Refusal {
    match front.bound(&headers) {
        Ok(_) => Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} does not take {method}", uri.path())),
        Err(refusal) => refusal,
    }
}

/// The health of the one memory; of tenants the number of those whose database is dead.
async fn health(State(front): State<Arc<Front>>) -> Response {
    let mut all = front.tenants.check().await;
    let failing = all.iter().filter(|(_, health)| !health.database.ok).count();
    let status = if failing == 0 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match all.pop() {
        Some((_, health)) if !front.tenants.are_many() => (status, Json(health)).into_response(),
        last => {
            let tenants = all.len() + usize::from(last.is_some());
            (status, Json(json!({ "tenants": tenants, "failing": failing }))).into_response()
        }
    }
}

/// 200 while new work is welcome: not stopping, and every database answers.
async fn ready(State(front): State<Arc<Front>>) -> Response {
    let refuse = |error| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error).into_response();
    if front.stopping.load(Ordering::Acquire) {
        return refuse("the server is stopping: ask another one");
    }
    if !front.tenants.check().await.iter().all(|(_, health)| health.database.ok) {
        return refuse("a database does not answer: see /health");
    }
    Json(json!({ "ready": true })).into_response()
}

async fn show_metrics(State(front): State<Arc<Front>>, headers: HeaderMap) -> Response {
    match front.bound(&headers) {
        Err(refusal) => refusal.into_response(),
        Ok(Some(_)) => {
            let error = "the metrics are of all tenants: use a token without a tenant";
            Refusal::new(StatusCode::FORBIDDEN, error).into_response()
        }
        Ok(None) => {
            let text = front.metrics.text(&front.tenants.check().await).await;
            ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
        }
    }
}
