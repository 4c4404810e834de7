//! A memory over HTTP with JSON bodies: keep-alive connections, no proxy, no redirects, nothing repeated.

use anyhow::{Context, Result, ensure};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, redirect};
use serde_json::Value as Json;

use super::{LONGEST_CALL, beginning, json_or_text};

pub struct HttpConnection {
    client: Client,
    base: String,
}

impl HttpConnection {
    pub fn new(url: &str) -> Result<HttpConnection> {
        let client = Client::builder()
            .no_proxy() // it is on this machine
            .redirect(redirect::Policy::none()) // a redirect could leave it
            .tcp_nodelay(true)
            .timeout(LONGEST_CALL)
            .build()
            .context("setting up the HTTP client")?;
        Ok(HttpConnection { client, base: url.trim_end_matches('/').to_owned() })
    }

    /// The answer to a request, which must be a success.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Option<&Json>,
    ) -> Result<Json> {
        let method: Method = method.parse().with_context(|| format!("`{method}` is no method"))?;
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let answer = request.send().await.context("no answer")?;
        let status = answer.status();
        let text = answer.text().await.context("the answer broke off")?;
        ensure!(status.is_success(), "status {}: {}", status.as_u16(), beginning(&text));
        Ok(json_or_text(text))
    }
}
