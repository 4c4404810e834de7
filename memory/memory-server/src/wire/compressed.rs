//! Wire `compressed`: bodies of 1 KiB and more go as gzip, where the other side takes them so.
//!
//! tower-http compresses. Added here are the threshold and the counting of every compressed body's bytes, before and
//! after.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_ENCODING;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use episodes::api::{WIRE_ENCODING, WIRE_THRESHOLD_BYTES};
use http_body_util::BodyExt;
use memory::{Counter, Counters};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::decompression::RequestDecompressionLayer;

/// Marks a request whose body came compressed, for the layers that see it decoded.
#[derive(Clone, Copy)]
struct RequestWasCompressed;

/// The bytes of an answer's body before compression.
#[derive(Clone, Copy)]
struct UncompressedBytes(u64);

/// From the inside out: counting plain bytes, coding, counting coded bytes.
pub(super) fn serve(routes: Router, counters: &Arc<Counters>) -> Router {
    let unpacking = RequestDecompressionLayer::new().gzip(true).no_br().no_deflate().no_zstd();
    let packing = CompressionLayer::new().gzip(true).no_br().no_deflate().no_zstd();
    routes
        .layer(middleware::from_fn_with_state(Arc::clone(counters), measure_plain))
        .layer(unpacking)
        .layer(packing.compress_when(SizeAbove::new(WIRE_THRESHOLD_BYTES)))
        .layer(middleware::from_fn_with_state(Arc::clone(counters), measure_packed))
}

async fn measure_plain(State(counters): State<Arc<Counters>>, mut request: Request, next: Next) -> Response {
    if request.extensions().get::<RequestWasCompressed>().is_some() {
        request = request.map(|body| counted(body, counters, |counters| &counters.wire_bytes_before));
    }
    let mut answer = next.run(request).await;
    if let Some(bytes) = answer.body().size_hint().exact() {
        answer.extensions_mut().insert(UncompressedBytes(bytes));
    }
    answer
}

async fn measure_packed(State(counters): State<Arc<Counters>>, mut request: Request, next: Next) -> Response {
    match super::encoding(&request) {
        Some(said) if said == WIRE_ENCODING.as_bytes() => {
            counters.bodies_compressed.increment();
            request.extensions_mut().insert(RequestWasCompressed);
            let counters = Arc::clone(&counters);
            request = request.map(|body| counted(body, counters, |counters| &counters.wire_bytes_after));
        }
        Some(said) => return super::refused(said, "send gzip, or send it as it is").into_response(),
        None => {}
    }
    let answer = next.run(request).await;
    match answer.extensions().get::<UncompressedBytes>() {
        Some(&UncompressedBytes(bytes)) if answer.headers().contains_key(CONTENT_ENCODING) => {
            counters.bodies_compressed.increment();
            counters.wire_bytes_before.add(bytes);
            answer.map(|body| counted(body, counters, |counters| &counters.wire_bytes_after))
        }
        _ => answer,
    }
}

/// The same body, with its bytes counted as they pass.
fn counted(body: Body, counters: Arc<Counters>, which: fn(&Counters) -> &Counter) -> Body {
    Body::new(body.map_frame(move |frame| {
        which(&counters).add(frame.data_ref().map_or(0, |data| data.len() as u64));
        frame
    }))
}
