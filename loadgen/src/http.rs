//! Requests to one server: keep-alive connections, no proxy, no redirects, no compression, a timeout and a bound on every answer.
//!
//! The only file that names reqwest. Left out on purpose: retries. A request that fails is an error that is counted.

use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, Method, Url, redirect};

/// The longest answer that is read, in bytes: some hundred long episodes.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// One server.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    base: String,
    timeout: Duration,
}

/// What came back: any status, the whole body.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// No answer, or not a whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAnswer {
    /// Whether the time was up.
    pub timed_out: bool,
    /// Why, on one line.
    pub reason: String,
}

impl Http {
    /// A client of the server at `url`. Nothing is sent yet.
    ///
    /// # Errors
    /// A URL that is not `http://host:port`, or one of another machine without `allow_remote`.
    pub fn new(url: &str, timeout: Duration, allow_remote: bool) -> Result<Http> {
        let parsed = Url::parse(url).with_context(|| format!("--server {url}: use http://ADDRESS:PORT"))?;
        ensure!(parsed.scheme() == "http", "--server {url}: use http://ADDRESS:PORT, memory-server has no TLS");
        ensure!(
            parsed.path() == "/" && parsed.query().is_none() && parsed.username().is_empty(),
            "--server {url}: use http://ADDRESS:PORT and nothing more"
        );
        let host = parsed.host_str().with_context(|| format!("--server {url}: use http://ADDRESS:PORT"))?;
        if !allow_remote {
            let port = parsed.port_or_known_default().unwrap_or(80);
            refuse_remote(host, port).with_context(|| format!("--server {url}"))?;
        }
        let client = Client::builder()
            .no_proxy() // a proxy from the environment would be measured with the server
            .redirect(redirect::Policy::none()) // and a redirect would lead past the loopback check
            .tcp_nodelay(true)
            .timeout(timeout)
            .connect_timeout(timeout)
            .pool_idle_timeout(None)
            .build()
            .context("setting up the HTTP client")?;
        Ok(Http { client, base: parsed.as_str().trim_end_matches('/').to_owned(), timeout })
    }

    /// The server's URL, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.send(Method::GET, path, None, self.timeout).await
    }

    /// `GET path`, with another timeout.
    pub async fn get_within(&self, path: &str, timeout: Duration) -> Result<Answer, NoAnswer> {
        self.send(Method::GET, path, None, timeout).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> Result<Answer, NoAnswer> {
        self.send(Method::POST, path, Some(body), self.timeout).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        timeout: Duration,
    ) -> Result<Answer, NoAnswer> {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).timeout(timeout);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let mut response = request.send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(NoAnswer { timed_out: false, reason: format!("an answer over {ANSWER_BYTES_MAX} bytes") });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }
}

/// The innermost cause: reqwest's own words only repeat the URL.
fn no_answer(error: reqwest::Error) -> NoAnswer {
    let timed_out = error.is_timeout();
    let mut reason = if timed_out { "timed out".to_owned() } else { error.to_string() };
    let mut cause = std::error::Error::source(&error).filter(|_| !timed_out);
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    NoAnswer { timed_out, reason }
}

fn refuse_remote(host: &str, port: u16) -> Result<()> {
    const REMEDY: &str = "only servers of this machine are loaded, unless --allow-remote is given";
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        ensure!(address.is_loopback(), "{address} is no loopback address: {REMEDY}");
        return Ok(());
    }
    // Other names are not even looked up: that would already be a request to another machine.
    if bare != "localhost" {
        bail!("{bare} is no loopback address: {REMEDY}");
    }
    let mut addresses = (bare, port).to_socket_addrs().context("looking up localhost")?;
    ensure!(addresses.all(|address| address.ip().is_loopback()), "localhost is another machine here: {REMEDY}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(url: &str, allow_remote: bool) -> Result<String, String> {
        let http = Http::new(url, Duration::from_secs(1), allow_remote);
        http.map(|http| http.base().to_owned()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn only_this_machine_unless_told() {
        assert_eq!(new("http://127.0.0.1:8080", false).as_deref(), Ok("http://127.0.0.1:8080"));
        assert_eq!(new("http://[::1]:8080/", false).as_deref(), Ok("http://[::1]:8080"));
        for remote in
            ["http://192.0.2.1:80", "http://example.invalid:80", "http://0.0.0.0:80", "http://[2001:db8::1]:80"]
        {
            assert!(new(remote, false).is_err_and(|error| error.contains("--allow-remote")), "{remote}");
            assert!(new(remote, true).is_ok(), "{remote}");
        }
    }

    #[test]
    fn only_plain_server_urls() {
        for wrong in
            ["", "127.0.0.1:80", "https://127.0.0.1", "http://127.0.0.1/path", "http://a@127.0.0.1/", "file:///x"]
        {
            assert!(new(wrong, false).is_err_and(|error| error.contains("http://ADDRESS:PORT")), "{wrong}");
        }
    }
}
