//! One handler a route.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, Path, Query as UrlQuery, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use episodes::api::{
    BODY_BYTES_MAX, Healthy, LIMIT_MAX, Logged, MetadataMatches, MetadataQuery, Patterns, Retrieve, RetrievedEpisode,
    RetrievedEpisodes, ServerStats, Started,
};
use memory::{
    Completion, Episode, EpisodeId, Error, Memory, NewStep, Outcome, Query, Retrieved, StartEpisode, TaskContext,
};
use serde::de::DeserializeOwned;

use crate::process;
use crate::refusal::Refusal;

/// The most tags of a context, which are compared with those of every episode: as many as over MCP.
const TAGS_MAX: usize = 64;

type Answer<T> = Result<Json<T>, Refusal>;
type Created<T> = Result<(StatusCode, Json<T>), Refusal>;
type Shared = State<Arc<Memory>>;

pub(super) async fn start(State(memory): Shared, JsonBody(start): JsonBody<StartEpisode>) -> Created<Started> {
    few_tags(Some(&start.context))?;
    let id = memory.start_episode(start).await?;
    Ok((StatusCode::CREATED, Json(Started { id })))
}

pub(super) async fn log_step(
    State(memory): Shared,
    Path(id): Path<String>,
    JsonBody(step): JsonBody<NewStep>,
) -> Created<Logged> {
    let number = memory.log_step(parse(&id)?, step).await?;
    Ok((StatusCode::CREATED, Json(Logged { number })))
}

pub(super) async fn complete(
    State(memory): Shared,
    Path(id): Path<String>,
    JsonBody(outcome): JsonBody<Outcome>,
) -> Answer<Completion> {
    Ok(Json(memory.complete_episode(parse(&id)?, outcome).await?))
}

pub(super) async fn episode(State(memory): Shared, Path(id): Path<String>) -> Result<Response, Refusal> {
    let id = parse(&id)?;
    match memory.get_episode(id).await? {
        Some(episode) => Ok(Json(&*episode).into_response()),
        None => Err(Error::UnknownEpisode { id }.into()),
    }
}

pub(super) async fn delete(State(memory): Shared, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    memory.delete_episode(parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn retrieve(
    State(memory): Shared,
    JsonBody(retrieve): JsonBody<Retrieve>,
) -> Answer<RetrievedEpisodes> {
    let Retrieve { text, context, limit, steps } = retrieve;
    if limit > LIMIT_MAX {
        return Err(Refusal::malformed(format!("limit {limit} is too large: ask for {LIMIT_MAX} at the most")));
    }
    few_tags(context.as_ref())?;
    let found = memory.retrieve(&Query { text, context, limit }).await?;
    Ok(Json(RetrievedEpisodes { results: found.into_iter().map(|found| describe(found, steps)).collect() }))
}

fn few_tags(context: Option<&TaskContext>) -> Result<(), Refusal> {
    match context.map_or(0, |context| context.tags.len()) {
        0..=TAGS_MAX => Ok(()),
        many => Err(Refusal::malformed(format!("{many} tags are too many: send {TAGS_MAX} at the most"))),
    }
}

fn describe(found: Retrieved, with_steps: bool) -> RetrievedEpisode {
    let Retrieved { score, similarity, context_match, episode, .. } = found;
    let step_count = episode.steps.len();
    // If the cache or the store holds the episode as well, its parts are copied.
    let (head, steps) = match Arc::try_unwrap(episode) {
        Ok(Episode { head, steps }) => (head, if with_steps { steps } else { Vec::new() }),
        Err(shared) => (shared.head.clone(), if with_steps { shared.steps.clone() } else { Vec::new() }),
    };
    RetrievedEpisode { score, similarity, context_match, head, step_count, steps }
}

pub(super) async fn patterns(State(memory): Shared) -> Answer<Patterns> {
    Ok(Json(Patterns { patterns: memory.patterns().await? }))
}

pub(super) async fn metadata(
    State(memory): Shared,
    query: Result<UrlQuery<MetadataQuery>, QueryRejection>,
) -> Answer<MetadataMatches> {
    let UrlQuery(MetadataQuery { key, value }) = query
        .map_err(|rejection| Refusal::malformed(format!("{}: use /metadata?key=..&value=..", rejection.body_text())))?;
    Ok(Json(MetadataMatches { ids: memory.query_by_metadata(&key, &value).await? }))
}

pub(super) async fn health(State(memory): Shared) -> (StatusCode, Json<Healthy>) {
    let health = super::health::check(&memory).await;
    (if health.database.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(health))
}

pub(super) async fn stats(State(memory): Shared) -> Answer<ServerStats> {
    let stats = memory.stats().await?;
    Ok(Json(ServerStats {
        variant: memory.variant().to_string(),
        episodes: stats.episodes,
        steps: stats.steps,
        patterns: stats.patterns,
        stored_bytes: stats.stored_bytes,
        counters: memory.counters().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        process: process::stats(),
    }))
}

pub(super) async fn unknown_route(uri: Uri) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("no route {}: see /health, /stats, /episodes, /retrieve", uri.path()))
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} does not take {method}", uri.path()))
}

fn parse(id: &str) -> Result<EpisodeId, Refusal> {
    Ok(id.parse::<EpisodeId>().map_err(Error::from)?)
}

/// A request's JSON body. The content type is ignored: whatever is not such JSON is refused with its place.
pub(super) struct JsonBody<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<JsonBody<T>, Refusal> {
        // A body that announces too many bytes is refused unread; one that does not say is cut off while it is read.
        let length =
            request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > BODY_BYTES_MAX) {
            let error = format!("the body is over {BODY_BYTES_MAX} bytes: log less at a time");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Refusal::new(rejection.status(), rejection.body_text()))?;
        serde_json::from_slice(&bytes)
            .map(JsonBody)
            .map_err(|error| Refusal::malformed(format!("the body is not what this route takes: {error}")))
    }
}
