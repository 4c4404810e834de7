//! Wire `compressed`: bodies of 1 KiB and more go as gzip, where the other side takes them so.
//!
//! tower-http compresses for the front end. flate2 decodes the answers of a database server as they come. Added here
//! are the threshold and the counting of every compressed body's bytes, before and after.

use std::io::{self, Write};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_ENCODING;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use flate2::write::GzDecoder;
use http_body_util::BodyExt;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::decompression::RequestDecompressionLayer;

use episodes::api::{WIRE_ENCODING, WIRE_THRESHOLD_BYTES};
use crate::{Counter, Counters};

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

/// Decodes a gzip body as it comes.
pub(crate) struct BodyDecoder(GzDecoder<Vec<u8>>);

impl BodyDecoder {
    pub(crate) fn new() -> BodyDecoder {
        BodyDecoder(GzDecoder::new(Vec::new()))
    }

    /// Takes the next coded bytes, and returns what can be decoded so far.
    pub(crate) fn push(&mut self, packed: &[u8]) -> io::Result<Vec<u8>> {
        self.0.write_all(packed)?;
        self.0.flush()?;
        Ok(std::mem::take(self.0.get_mut()))
    }

    /// The rest of the body, if it is neither cut off nor damaged.
    pub(crate) fn finish(&mut self) -> io::Result<Vec<u8>> {
        self.0.try_finish()?;
        Ok(std::mem::take(self.0.get_mut()))
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_body_is_unpacked_in_whatever_pieces_it_comes() {
        let plain = "a line of the answer\n".repeat(500).into_bytes();
        let packed = packed(&plain);
        for piece in [1, 7, 64, packed.len()] {
            let mut decoder = BodyDecoder::new();
            let mut unpacked = Vec::new();
            for bytes in packed.chunks(piece) {
                unpacked.extend(decoder.push(bytes).unwrap());
            }
            unpacked.extend(decoder.finish().unwrap());
            assert_eq!(unpacked, plain, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_body_that_is_cut_or_bent_is_an_error() {
        let packed = packed(b"the whole body, and nothing but the body");
        let mut decoder = BodyDecoder::new();
        assert!(decoder.push(&packed[..packed.len() - 4]).and_then(|_| decoder.finish()).is_err(), "cut");
        let mut bent = packed.clone();
        bent[packed.len() - 6] ^= 1; // of the checksum
        let mut decoder = BodyDecoder::new();
        assert!(decoder.push(&bent).and_then(|_| decoder.finish()).is_err(), "bent");
        assert!(BodyDecoder::new().push(b"{\"plain\": true}").is_err(), "never packed");
    }
}
