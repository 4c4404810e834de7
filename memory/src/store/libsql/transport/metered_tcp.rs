//! TCP and, where the URL says so, TLS to a remote database, counting bytes and round trips.
//!
//! libsql makes an HTTP client for every connection, so its connections share nothing, and it counts nothing. A round
//! trip is counted when something is sent after something was received: HTTP/1.1 asks and waits.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper::client::HttpConnector;
use hyper::client::connect::{Connected, Connection};
use hyper::service::Service;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::{BoxError, Counters, Error, Result};

/// The longest time of opening a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens connections to a server, over TCP or over TLS.
#[derive(Clone)]
pub(super) enum Dialer {
    Plain(MeteredConnector),
    Tls(HttpsConnector<MeteredConnector>),
}

/// A connection to a server. It is a trait object, so that the HTTP over it is compiled once.
pub(super) type Stream = Box<dyn ReadWrite>;

/// What a connection does.
pub(super) trait ReadWrite: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ReadWrite for T {}

impl Dialer {
    pub(super) fn plain(counters: Arc<Counters>) -> Dialer {
        Dialer::Plain(MeteredConnector::new(counters))
    }

    pub(super) fn tls(counters: Arc<Counters>) -> Result<Dialer> {
        let builder = HttpsConnectorBuilder::new().with_native_roots();
        let builder = builder.map_err(|error| Error::store("libsql", "reading the system's certificates", error))?;
        let metered = MeteredConnector::new(counters);
        Ok(Dialer::Tls(builder.https_or_http().enable_http1().wrap_connector(metered)))
    }

    pub(super) async fn dial(&mut self, uri: Uri) -> std::result::Result<Stream, BoxError> {
        match self {
            Dialer::Plain(connector) => connect(connector, uri).await,
            Dialer::Tls(connector) => connect(connector, uri).await,
        }
    }
}

async fn connect<C>(connector: &mut C, uri: Uri) -> std::result::Result<Stream, BoxError>
where
    C: Service<Uri>,
    C::Response: ReadWrite + 'static,
    C::Error: Into<BoxError>,
{
    std::future::poll_fn(|context| connector.poll_ready(context)).await.map_err(Into::into)?;
    Ok(Box::new(connector.call(uri).await.map_err(Into::into)?))
}

/// Opens counted TCP connections.
#[derive(Clone)]
pub(super) struct MeteredConnector {
    tcp: HttpConnector,
    counters: Arc<Counters>,
}

/// A counted TCP connection.
pub(super) struct MeteredStream {
    tcp: TcpStream,
    asked: bool, // something was sent, and nothing received since
    counters: Arc<Counters>,
}

impl MeteredConnector {
    fn new(counters: Arc<Counters>) -> MeteredConnector {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false); // TLS is somebody else's
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        MeteredConnector { tcp, counters }
    }
}

impl Service<Uri> for MeteredConnector {
    type Response = MeteredStream;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<MeteredStream, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), Self::Error>> {
        self.tcp.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, counters) = (self.tcp.call(uri), Arc::clone(&self.counters));
        Box::pin(async move {
            let tcp = connecting.await?;
            counters.remote_connections.increment();
            counters.remote_round_trips.increment();
            Ok(MeteredStream { tcp, asked: false, counters })
        })
    }
}

impl Connection for MeteredStream {
    fn connected(&self) -> Connected {
        self.tcp.connected()
    }
}

impl MeteredStream {
    fn sent(&mut self, done: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes @ 1..)) = done {
            self.counters.bytes_sent.add(bytes as u64);
            self.counters.remote_round_trips.add(u64::from(!self.asked));
            self.asked = true;
        }
        done
    }
}

impl AsyncRead for MeteredStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.tcp).poll_read(context, buffer);
        let bytes = buffer.filled().len() - before;
        if bytes > 0 {
            self.counters.bytes_received.add(bytes as u64);
            self.asked = false;
        }
        done
    }
}

impl AsyncWrite for MeteredStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.tcp).poll_write(context, bytes);
        self.sent(done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.tcp).poll_write_vectored(context, parts);
        self.sent(done)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
