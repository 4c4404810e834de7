//! The body of a server's answer for libsql's client: decoded, and with its end in one piece with its last bytes.
//!
//! A piece is held back until the next one or the end is there. libsql's client drops a body at the last line that it
//! needs; if the end were not there by then, hyper could not reuse the connection. A body that is dropped all the same,
//! such as one that is longer than what is buffered, is read to its end here, so that the connection to the server can
//! be reused.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Body;
use hyper::body::{Buf, Bytes, HttpBody, SizeHint};
use hyper::header::HeaderMap;
use tokio::runtime::Handle;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Sleep, sleep, timeout};

use super::Upstream;
use super::body_decoder::BodyDecoder;
use crate::Counters;

/// The most that is read of a dropped body, in bytes: beyond that, connecting anew is cheaper.
const UNWANTED_MAX: usize = 256 * 1024;

/// The longest time of reading it, for the same reason.
const UNWANTED_LONGEST: Duration = Duration::from_secs(1);

/// A body on its way from the server to libsql's client.
pub(super) struct ResponseBody {
    upstream: Option<(Body, OwnedMutexGuard<Upstream>)>, // until its end: then the connection is free
    decoder: Option<BodyDecoder>,
    held_back: Option<Bytes>,
    silence: Duration,
    silent: Option<Pin<Box<Sleep>>>, // ends with the longest silence since the last piece
    counters: Arc<Counters>,
}

impl ResponseBody {
    /// The body that comes over this connection, coded or plain.
    pub(super) fn new(
        body: Body,
        packed: bool,
        upstream: OwnedMutexGuard<Upstream>,
        silence: Duration,
        counters: Arc<Counters>,
    ) -> ResponseBody {
        counters.bodies_compressed.add(u64::from(packed));
        let upstream = (!body.is_end_stream()).then_some((body, upstream));
        let decoder = packed.then(BodyDecoder::new);
        ResponseBody { upstream, decoder, held_back: None, silence, silent: None, counters }
    }

    /// The proxy's own body, where no answer came.
    pub(super) fn no_answer(silence: Duration, counters: Arc<Counters>) -> ResponseBody {
        let held_back = Some(format!("no answer after {} ms", silence.as_millis()).into());
        ResponseBody { upstream: None, decoder: None, held_back, silence, silent: None, counters }
    }

    fn plain(&mut self, bytes: Bytes) -> io::Result<Bytes> {
        let Some(decoder) = &mut self.decoder else { return Ok(bytes) };
        self.counters.wire_bytes_after.add(bytes.len() as u64);
        let plain = decoder.push(&bytes)?;
        self.counters.wire_bytes_before.add(plain.len() as u64);
        Ok(plain.into())
    }

    fn rest(&mut self) -> io::Result<Bytes> {
        let Some(decoder) = &mut self.decoder else { return Ok(Bytes::new()) };
        let plain = decoder.finish()?;
        self.counters.wire_bytes_before.add(plain.len() as u64);
        Ok(plain.into())
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // Without a runtime nobody will send another request.
        let (Some((mut body, upstream)), Ok(runtime)) = (self.upstream.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            let reading = async {
                let mut left = UNWANTED_MAX;
                while let Some(Ok(bytes)) = body.data().await {
                    let Some(less) = left.checked_sub(bytes.len()) else { break };
                    left = less;
                }
            };
            let _read_or_not = timeout(UNWANTED_LONGEST, reading).await;
            drop(body); // at its end, or else the connection ends with it
            drop(upstream); // and only then another request may be sent
        });
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_data(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = self.get_mut();
        loop {
            let Some((body, _)) = &mut this.upstream else { return Poll::Ready(this.held_back.take().map(Ok)) };
            let Poll::Ready(next) = Pin::new(body).poll_data(context) else {
                let silence = this.silence;
                ready!(this.silent.get_or_insert_with(|| Box::pin(sleep(silence))).as_mut().poll(context));
                this.upstream = None; // the connection ends with its unread body
                return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
            };
            this.silent = None;
            let next = match next {
                Some(Ok(bytes)) => this.plain(bytes),
                Some(Err(error)) => Err(io::Error::other(error)),
                None => {
                    this.upstream = None;
                    this.rest()
                }
            };
            let next = match next {
                Ok(next) => next,
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            if next.has_remaining()
                && let Some(before) = this.held_back.replace(next)
            {
                return Poll::Ready(Some(Ok(before)));
            }
        }
    }

    fn poll_trailers(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<Option<HeaderMap>>> {
        Poll::Ready(Ok(None)) // of a database's server's answers there are none
    }

    fn is_end_stream(&self) -> bool {
        self.upstream.is_none() && self.held_back.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.upstream {
            None => SizeHint::with_exact(self.held_back.as_ref().map_or(0, |held_back| held_back.len() as u64)),
            Some(_) => SizeHint::default(),
        }
    }
}
