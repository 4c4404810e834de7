//! A proxy to a database server: libsql's client connects to it in this process, and it passes requests on over its
//! connection.
//!
//! It does two things that libsql's client does not. Where the variant says so, it asks for compressed answers, and
//! decodes them. And it keeps a connection to the server until it breaks: the client drops an answer at its last row,
//! before the end of the body, so that its own connection can never be reused, and every query of a pooled connection
//! would pay for TCP and TLS handshakes again.
//!
//! A proxy belongs to one connection of the pool and carries one request at a time. It connects when libsql's client
//! connects, so that an unreachable server is an error while connecting, and certainly nothing was sent. It never sends
//! anything twice: only the sender of a statement may decide that.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::client::conn::http1 as client;
use hyper::client::connect::{Connected, Connection};
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use hyper::server::conn::http1 as server;
use hyper::service::{Service, service_fn};
use hyper::{Body, Request, Response, StatusCode, Uri};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::Upstream;
use super::metered_tcp::Dialer;
use super::response_body::ResponseBody;
use crate::{BoxError, Counters};

/// The bytes that one side may write before the other reads them.
const BUFFERED: usize = 64 * 1024;

/// The proxy of one connection of the pool.
#[derive(Clone)]
pub(super) struct UpstreamProxy {
    dialer: Dialer,
    asked_for: Option<&'static str>,
    silence: Duration,
    upstream: Arc<Mutex<Upstream>>,
    uri: Option<Uri>,
    counters: Arc<Counters>,
}

impl UpstreamProxy {
    /// A proxy that asks for answers in that encoding, if any, and bears so long a silence. Nothing is opened yet.
    pub(super) fn new(
        dialer: Dialer,
        asked_for: Option<&'static str>,
        silence: Duration,
        counters: Arc<Counters>,
    ) -> UpstreamProxy {
        UpstreamProxy { dialer, asked_for, silence, upstream: Arc::default(), uri: None, counters }
    }

    /// A connection that can take a request, out of its place: it is put back when it can be used again.
    async fn reach(&self, upstream: &mut Upstream) -> Result<client::SendRequest<Body>, BoxError> {
        if let Some(mut open) = upstream.take()
            && open.ready().await.is_ok()
        {
            return Ok(open);
        }
        let uri = self.uri.clone().ok_or("no server was asked for")?;
        let (sender, connection) = client::handshake(self.dialer.clone().dial(uri).await?).await?;
        tokio::spawn(connection); // ends with the sender, or with the server, which the sender then says
        Ok(sender)
    }

    /// Passes a request on. A server that is silent for too long is answered for here, and its connection is not used
    /// again.
    async fn pass(self, request: Request<Body>) -> Result<Response<ResponseBody>, BoxError> {
        if let Ok(answered) = timeout(self.silence, self.ask(request)).await {
            return answered;
        }
        let mut answer = Response::new(ResponseBody::no_answer(self.silence, self.counters));
        *answer.status_mut() = StatusCode::GATEWAY_TIMEOUT;
        Ok(answer)
    }

    async fn ask(&self, mut request: Request<Body>) -> Result<Response<ResponseBody>, BoxError> {
        let mut upstream = Arc::clone(&self.upstream).lock_owned().await;
        let mut open = self.reach(&mut upstream).await?;
        if let Some(encoding) = self.asked_for {
            request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        }
        let mut answer = pin!(open.send_request(request));
        // hyper may leave a request where nobody looks any more if its connection ends just as it is handed over. Only
        // the sender learns of that end.
        let mut response = tokio::select! {
            biased;
            answered = &mut answer => answered?,
            ended = open.ready() => match (poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await, ended) {
                (Poll::Ready(answered), _) => answered?,
                (Poll::Pending, Ok(())) => answer.await?,
                (Poll::Pending, Err(ended)) => return Err(ended.into()),
            },
        };
        *upstream = Some(open);
        let packed = self.asked_for.is_some_and(|encoding| {
            response.headers().get(CONTENT_ENCODING).is_some_and(|said| said.as_bytes() == encoding.as_bytes())
        });
        if packed {
            response.headers_mut().remove(CONTENT_ENCODING);
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        let (silence, counters) = (self.silence, Arc::clone(&self.counters));
        Ok(response.map(|body| ResponseBody::new(body, packed, upstream, silence, counters)))
    }
}

impl Service<Uri> for UpstreamProxy {
    type Response = ClientStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<ClientStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let mut proxy = self.clone();
        proxy.uri = Some(uri);
        Box::pin(async move {
            // A request under way has an open connection: libsql's client opens another of its own before it has seen
            // the end of an answer.
            if let Ok(mut upstream) = Arc::clone(&proxy.upstream).try_lock_owned() {
                *upstream = Some(timeout(proxy.silence, proxy.reach(&mut upstream)).await??);
            }
            let (client, inner) = tokio::io::duplex(BUFFERED);
            let service = service_fn(move |request| proxy.clone().pass(request));
            let serving = server::Builder::new().serve_connection(inner, service);
            tokio::spawn(serving); // ends with libsql's client, or with a failed request, which the client sees
            Ok(ClientStream(client))
        })
    }
}

/// The client's end of a connection that it takes for one to the server.
pub(super) struct ClientStream(DuplexStream);

impl Connection for ClientStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
