//! Requests to one server: keep-alive connections, a timeout and a size limit on every answer, no proxy, no redirects.
//!
//! The only file that names reqwest. Nothing is retried: a request that fails is counted as an error.

use std::io::Write;
use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use flate2::Compression;
use flate2::write::GzEncoder;
use memory::api::{WIRE_ENCODING, WIRE_THRESHOLD_BYTES};
use reqwest::{Client, Method, RequestBuilder, Url, redirect};
use serde::Serialize;

/// The longest answer that is read, in bytes: about a hundred long episodes.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A client of one server.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client,
    base: String,
    wire: BodyEncoding,
}

/// The encoding of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BodyEncoding {
    /// As they are, both ways.
    Identity,
    /// As gzip from 1 KiB on, both ways; the server must have wire=compressed
    Compressed,
}

/// A request's encoded body, made before the request is due, so that compression delays nothing.
#[derive(Debug, Clone)]
pub struct RequestBody {
    bytes: Vec<u8>,
    is_compressed: bool,
}

/// A request of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnyRequest {
    pub method: String,
    /// From the base URL on, with its query.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
}

/// The permission to load servers of other machines: the flag, and the name of each host.
#[derive(Debug, Clone, Default)]
pub struct RemotePermission {
    pub allow_remote: bool,
    pub hosts: Vec<String>,
}

/// A whole response, of any status.
#[derive(Debug)]
pub struct HttpResponse {
    pub status: u16,
    pub body: Vec<u8>,
}

/// A request without a whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    /// It took longer than the timeout.
    pub timed_out: bool,
    /// The cause, on one line.
    pub reason: String,
}

impl HttpClient {
    /// A client of the server at `url`, which is `http://host:port` and perhaps a path, of another machine only if
    /// `remote` permits it. Nothing is sent yet.
    pub fn new(url: &str, timeout: Duration, remote: &RemotePermission, wire: BodyEncoding) -> Result<HttpClient> {
        let parsed = Url::parse(url).with_context(|| format!("{url}: use http://ADDRESS:PORT"))?;
        ensure!(parsed.scheme() == "http", "{url}: use http://ADDRESS:PORT, the load generator has no TLS");
        ensure!(
            parsed.query().is_none() && parsed.fragment().is_none() && parsed.username().is_empty(),
            "{url}: use http://ADDRESS:PORT, and a path at most"
        );
        let host = parsed.host_str().with_context(|| format!("{url}: use http://ADDRESS:PORT"))?;
        let port = parsed.port_or_known_default().unwrap_or(80);
        remote.check(host, port).with_context(|| url.to_owned())?;
        let client = Client::builder()
            .no_proxy() // a proxy from the environment would be measured with the server
            .redirect(redirect::Policy::none()) // a redirect could leave this machine
            .gzip(wire == BodyEncoding::Compressed) // asks for compressed answers
            .tcp_nodelay(true)
            .timeout(timeout)
            .connect_timeout(timeout)
            .pool_idle_timeout(None)
            .build()
            .context("setting up the HTTP client")?;
        Ok(HttpClient { client, base: parsed.as_str().trim_end_matches('/').to_owned(), wire })
    }

    /// Encodes the JSON of a body for [`HttpClient::post`].
    pub fn body(&self, content: &impl Serialize) -> Result<RequestBody> {
        self.encode(serde_json::to_vec(content).context("encoding a body")?)
    }

    fn encode(&self, plain: Vec<u8>) -> Result<RequestBody> {
        if self.wire == BodyEncoding::Identity || plain.len() < usize::from(WIRE_THRESHOLD_BYTES) {
            return Ok(RequestBody { bytes: plain, is_compressed: false });
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&plain).context("compressing a body")?;
        Ok(RequestBody { bytes: encoder.finish().context("compressing a body")?, is_compressed: true })
    }

    /// The server's URL, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub async fn get(&self, path: &str) -> Result<HttpResponse, RequestError> {
        send(self.request(Method::GET, path)).await
    }

    /// `GET path`, with another timeout.
    pub async fn get_within(&self, path: &str, timeout: Duration) -> Result<HttpResponse, RequestError> {
        send(self.request(Method::GET, path).timeout(timeout)).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &RequestBody) -> Result<HttpResponse, RequestError> {
        let mut request = self.request(Method::POST, path).header("content-type", "application/json");
        if body.is_compressed {
            request = request.header("content-encoding", WIRE_ENCODING);
        }
        send(request.body(body.bytes.clone())).await
    }

    /// Sends any request.
    pub async fn send(&self, request: &AnyRequest) -> Result<HttpResponse, RequestError> {
        let refused = |reason: String| RequestError { timed_out: false, reason };
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|error| refused(error.to_string()))?;
        let mut builder = self.request(method, &request.path);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        send(builder).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }
}

async fn send(request: RequestBuilder) -> Result<HttpResponse, RequestError> {
    let mut response = request.send().await.map_err(request_error)?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(request_error)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            let reason = format!("an answer over {ANSWER_BYTES_MAX} bytes");
            return Err(RequestError { timed_out: false, reason });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpResponse { status, body })
}

/// The innermost cause: reqwest's messages above it only repeat the URL.
fn request_error(error: reqwest::Error) -> RequestError {
    let timed_out = error.is_timeout();
    let mut reason = if timed_out { "timed out".to_owned() } else { error.to_string() };
    let mut cause = std::error::Error::source(&error).filter(|_| !timed_out);
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    RequestError { timed_out, reason }
}

impl RemotePermission {
    fn check(&self, host: &str, port: u16) -> Result<()> {
        const REMEDY: &str = "only servers of this machine are loaded, unless --allow-remote is given";
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if self.allow_remote && self.hosts.iter().any(|allowed| allowed == bare) {
            return Ok(());
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            ensure!(address.is_loopback() || self.allow_remote, "{address} is no loopback address: {REMEDY}");
            ensure!(address.is_loopback(), "you have not named {address}: add --allow-host {address}");
            return Ok(());
        }
        // Other names are not looked up, because that would already be a request to another machine.
        if bare != "localhost" {
            ensure!(self.allow_remote, "{bare} is no loopback address: {REMEDY}");
            bail!("you have not named {bare}: add --allow-host {bare}");
        }
        let mut addresses = (bare, port).to_socket_addrs().context("looking up localhost")?;
        ensure!(addresses.all(|address| address.ip().is_loopback()), "localhost is another machine here: {REMEDY}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(url: &str, allow_remote: bool, hosts: &[&str]) -> Result<String, String> {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let remote = RemotePermission { allow_remote, hosts };
        let http = HttpClient::new(url, Duration::from_secs(1), &remote, BodyEncoding::Identity);
        http.map(|http| http.base().to_owned()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn only_this_machine_unless_told() {
        assert_eq!(new("http://127.0.0.1:8080", false, &[]).as_deref(), Ok("http://127.0.0.1:8080"));
        assert_eq!(new("http://[::1]:8080/", false, &[]).as_deref(), Ok("http://[::1]:8080"));
        for (remote, host) in [
            ("http://192.0.2.1:80", "192.0.2.1"),
            ("http://example.invalid:80", "example.invalid"),
            ("http://0.0.0.0:80", "0.0.0.0"),
            ("http://[2001:db8::1]:80", "2001:db8::1"),
        ] {
            assert!(new(remote, false, &[host]).is_err_and(|error| error.contains("--allow-remote")), "{remote}");
            let unnamed = new(remote, true, &["other.invalid"]);
            assert!(unnamed.is_err_and(|error| error.ends_with(&format!("add --allow-host {host}"))), "{remote}");
            assert!(new(remote, true, &[host]).is_ok(), "{remote}");
        }
    }

    #[test]
    fn only_long_bodies_are_compressed_and_only_when_told() {
        let body = |wire: BodyEncoding, bytes: usize| {
            let here = RemotePermission::default();
            let http =
                HttpClient::new("http://127.0.0.1:1", Duration::from_secs(1), &here, wire).expect("a loopback address");
            let body = http.encode(vec![b'a'; bytes]).expect("compresses");
            (body.is_compressed, body.bytes.len())
        };
        let most = usize::from(WIRE_THRESHOLD_BYTES);
        assert_eq!(body(BodyEncoding::Identity, 9 * most), (false, 9 * most));
        assert_eq!(body(BodyEncoding::Compressed, most - 1), (false, most - 1));
        let (is_compressed, bytes) = body(BodyEncoding::Compressed, most);
        assert!(is_compressed && bytes < most / 4, "{bytes}");
    }

    #[test]
    fn only_plain_server_urls() {
        for wrong in
            ["", "127.0.0.1:80", "https://127.0.0.1", "http://127.0.0.1/?a=b", "http://a@127.0.0.1/", "file:///x"]
        {
            assert!(new(wrong, false, &[]).is_err_and(|error| error.contains("http://ADDRESS:PORT")), "{wrong}");
        }
    }
}
