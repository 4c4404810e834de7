//! Errors as answers: which status an error of the memory is, and one JSON body for all of them.
//!
//! Left out on purpose: logging. The client gets the whole chain of causes; the server is measured, not operated.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use crate::Error;
use crate::api::{BODY_BYTES_MAX, Failure};

/// An answer that is not a success.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: String,
}

impl Refusal {
    /// A refusal of a malformed request.
    pub(super) fn malformed(error: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, error)
    }

    /// A refusal with that status.
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Refusal {
        Refusal { status, error: error.into() }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let status = match &error {
            Error::UnknownEpisode { .. } => StatusCode::NOT_FOUND,
            Error::EpisodeExists { .. } | Error::StepExists { .. } | Error::EpisodeCompleted { .. } => {
                StatusCode::CONFLICT
            }
            Error::MalformedId { .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal::new(status, chain(&error))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(Failure { error: self.error })).into_response()
    }
}

/// An error with its causes on one line: the store's own words are in the last of them.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A request's JSON body. The content type is not asked for: whatever is no such JSON is refused with its place.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Refusal> {
        // A body that says that it is too long is not waited for; one that does not say is cut off while it is read.
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
            .map(Body)
            .map_err(|error| Refusal::malformed(format!("the body is not what this route takes: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EpisodeId;

    #[test]
    fn every_cause_is_told() {
        let source = std::io::Error::other("disk full");
        let refusal = Refusal::from(Error::store("redb", "append a step", source));
        assert_eq!(refusal.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(refusal.error, "store redb: append a step failed: disk full");
    }

    #[test]
    fn who_is_at_fault_decides_the_status() {
        let id = EpisodeId(1);
        let status = |error: Error| Refusal::from(error).status.as_u16();
        assert_eq!(status(Error::UnknownEpisode { id }), 404);
        assert_eq!(status(Error::EpisodeCompleted { id }), 409);
        assert_eq!(status(Error::EpisodeExists { id }), 409);
        assert_eq!(status(Error::MalformedId { text: "x".to_owned(), digits: 32 }), 400);
        assert_eq!(status(Error::Closed), 500);
    }
}
