//! Requests to one server, plain or over TLS: connections that are kept or not, a timeout and a size limit on every
//! answer, no proxy, no redirects.
//!
//! The only file that names reqwest. Nothing is retried: a request that fails is counted as an error.

use std::io::Write;
use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use episodes::api::{WIRE_ENCODING, WIRE_THRESHOLD_BYTES};
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, Url, redirect};
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

/// The settings of a client, beside its server.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    pub timeout: Duration,
    pub remote: RemotePermission,
    pub wire: BodyEncoding,
    pub connection: ConnectionSettings,
}

/// The connections of a client.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// Connections serve one request after the other; otherwise each request has its own.
    pub is_reused: bool,
    /// Certificates in PEM of the authorities to trust, instead of the system's.
    pub authorities: Option<Vec<u8>>,
    pub authorization: Option<Authorization>,
}

/// The value of the header `authorization`, which is never printed.
#[derive(Debug, Clone)]
pub struct Authorization(HeaderValue);

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
    /// Its own timeout, instead of the client's.
    pub timeout: Option<Duration>,
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
    /// A client of the server at `url`, which is `http://host:port` or `https://host:port` and perhaps a path, of
    /// another machine only if `settings` permit it. Nothing is sent yet.
    pub fn new(url: &str, settings: HttpSettings) -> Result<HttpClient> {
        const REMEDY: &str = "use http://ADDRESS:PORT or https://ADDRESS:PORT";
        let HttpSettings { timeout, remote, wire, connection } = settings;
        let parsed = Url::parse(url).with_context(|| format!("{url}: {REMEDY}"))?;
        ensure!(
            ["http", "https"].contains(&parsed.scheme())
                && parsed.query().is_none()
                && parsed.fragment().is_none()
                && parsed.username().is_empty(),
            "{url}: {REMEDY}, and a path at most"
        );
        let host = parsed.host_str().with_context(|| format!("{url}: {REMEDY}"))?;
        let port = parsed.port_or_known_default().unwrap_or(80);
        remote.check(host, port).with_context(|| url.to_owned())?;
        let mut client = Client::builder()
            .no_proxy() // a proxy from the environment would be measured with the server
            .redirect(redirect::Policy::none()) // a redirect could leave this machine
            .gzip(wire == BodyEncoding::Compressed) // asks for compressed answers
            .tcp_nodelay(true)
            .timeout(timeout)
            .connect_timeout(timeout)
            .pool_idle_timeout(None);
        if !connection.is_reused {
            client = client.pool_max_idle_per_host(0);
        }
        if let Some(pem) = &connection.authorities {
            let certificates = Certificate::from_pem_bundle(pem).context("reading the authorities' certificates")?;
            ensure!(!certificates.is_empty(), "there is no certificate among the authorities: give them in PEM");
            client = client.tls_certs_only(certificates);
        }
        if let Some(Authorization(value)) = connection.authorization {
            client = client.default_headers(HeaderMap::from_iter([(AUTHORIZATION, value)]));
        }
        let client = client.build().context("setting up the HTTP client")?;
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
        read(self.answer(request).await?).await
    }

    /// Sends any request, and also returns the value of a header of the answer.
    pub async fn send_for(
        &self,
        request: &AnyRequest,
        header: &str,
    ) -> Result<(HttpResponse, Option<String>), RequestError> {
        let answer = self.answer(request).await?;
        let value = answer.headers().get(header).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok((read(answer).await?, value))
    }

    async fn answer(&self, request: &AnyRequest) -> Result<Response, RequestError> {
        let refused = |reason: String| RequestError { timed_out: false, reason };
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|error| refused(error.to_string()))?;
        let mut builder = self.request(method, &request.path);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        if let Some(timeout) = request.timeout {
            builder = builder.timeout(timeout);
        }
        builder.send().await.map_err(request_error)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }
}

impl ConnectionSettings {
    /// Connections that are kept, without authentication.
    pub fn plain() -> ConnectionSettings {
        ConnectionSettings { is_reused: true, authorities: None, authorization: None }
    }
}

impl Authorization {
    /// A bearer token.
    pub fn bearer(token: &str) -> Result<Authorization> {
        Authorization::new(&format!("Bearer {token}"))
    }

    /// `user:password`, as RFC 7617 sends it.
    pub fn basic(login: &str) -> Result<Authorization> {
        ensure!(login.contains(':'), "it has no `:`: write it as user:password");
        Authorization::new(&format!("Basic {}", STANDARD.encode(login)))
    }

    fn new(value: &str) -> Result<Authorization> {
        // What is wrong with it is not said with the value.
        let mut value = HeaderValue::from_str(value).ok().context("it has characters that no header may have")?;
        value.set_sensitive(true);
        Ok(Authorization(value))
    }
}

async fn send(request: RequestBuilder) -> Result<HttpResponse, RequestError> {
    read(request.send().await.map_err(request_error)?).await
}

async fn read(mut response: Response) -> Result<HttpResponse, RequestError> {
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

    fn settings(remote: RemotePermission, wire: BodyEncoding) -> HttpSettings {
        HttpSettings { timeout: Duration::from_secs(1), remote, wire, connection: ConnectionSettings::plain() }
    }

    fn new(url: &str, allow_remote: bool, hosts: &[&str]) -> Result<String, String> {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let http = HttpClient::new(url, settings(RemotePermission { allow_remote, hosts }, BodyEncoding::Identity));
        http.map(|http| http.base().to_owned()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn only_this_machine_unless_told() {
        assert_eq!(new("http://127.0.0.1:8080", false, &[]).as_deref(), Ok("http://127.0.0.1:8080"));
        assert_eq!(new("http://[::1]:8080/", false, &[]).as_deref(), Ok("http://[::1]:8080"));
        assert_eq!(new("https://localhost/api", false, &[]).as_deref(), Ok("https://localhost/api"));
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
            let here = settings(RemotePermission::default(), wire);
            let http = HttpClient::new("http://127.0.0.1:1", here).expect("a loopback address");
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
    fn an_authorization_is_never_printed() {
        let Authorization(bearer) = Authorization::bearer("s3cret").expect("a header");
        assert_eq!(bearer.to_str().expect("text"), "Bearer s3cret");
        assert!(!format!("{:?}", Authorization(bearer)).contains("s3cret"));
        // RFC 7617, section 2.
        let Authorization(basic) = Authorization::basic("Aladdin:open sesame").expect("a header");
        assert_eq!(basic.to_str().expect("text"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(Authorization::basic("Aladdin").is_err_and(|error| error.to_string().contains("user:password")));
        assert!(Authorization::bearer("a\nb").is_err_and(|error| !error.to_string().contains("a\n")));
    }

    #[test]
    fn only_plain_server_urls() {
        for wrong in
            ["", "127.0.0.1:80", "ftp://127.0.0.1", "http://127.0.0.1/?a=b", "http://a@127.0.0.1/", "file:///x"]
        {
            assert!(new(wrong, false, &[]).is_err_and(|error| error.contains("http://ADDRESS:PORT")), "{wrong}");
        }
    }
}
