//! HTTP errors: the status that each error of the memory becomes, and the JSON body that all of them share.
//!
//! The client gets the whole chain of causes. Nothing is logged.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use episodes::api::ErrorBody;
use memory::Error;

/// An HTTP answer that is not a success.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    error: String,
    header: Option<(HeaderName, &'static str)>,
}

impl Refusal {
    pub(crate) fn malformed(error: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, error)
    }

    /// The answer of that status, with the problem and the remedy.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Refusal {
        Refusal { status, error: error.into(), header: None }
    }

    /// With one more header.
    pub fn with(self, name: HeaderName, value: &'static str) -> Refusal {
        Refusal { header: Some((name, value)), ..self }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let status = match &error {
            Error::UnknownEpisode { .. } => StatusCode::NOT_FOUND,
            Error::EpisodeExists { .. } | Error::StepExists { .. } | Error::EpisodeCompleted { .. } => {
                StatusCode::CONFLICT
            }
            Error::MalformedId(_) => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal::new(status, causes(&error))
    }
}

/// An error with its causes on one line; the last one is the store's.
pub(crate) fn causes(error: &Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<String>>().join(": ")
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(ErrorBody { error: self.error })).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use memory::EpisodeId;

    use super::*;

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
        assert_eq!(status("x".parse::<EpisodeId>().unwrap_err().into()), 400);
        assert_eq!(status(Error::Closed), 500);
    }
}
