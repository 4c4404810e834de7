//! Wire `identity`: bodies go as they are. The naive one. A body that comes encoded is refused, because nobody here reads it.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

/// A database's server is asked for nothing, and so sends everything as it is.
pub(super) const ASKED_FOR: Option<&str> = None;

pub(super) fn serve(routes: Router) -> Router {
    routes.layer(middleware::from_fn(plain_only))
}

async fn plain_only(request: Request, next: Next) -> Response {
    match super::encoding(&request) {
        Some(said) => {
            super::refused(said, "send it as it is, or start the server with wire=compressed").into_response()
        }
        None => next.run(request).await,
    }
}
