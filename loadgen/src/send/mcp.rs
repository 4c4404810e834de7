//! A client of an MCP server (<https://modelcontextprotocol.io/specification/2025-06-18>): tools are called over
//! streamable HTTP, or over stdin and stdout.
//!
//! This is JSON-RPC over the client that is here already, not rmcp's client, so that remotes, timeouts, TLS and
//! authorization are those of every other request, and a request's time has no other task's queue in it. One session
//! serves all users. Requests of the server to its client are not answered: this one has no capabilities.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{AnyRequest, HttpClient, HttpResponse, RequestError};
use super::stdio::StdioServer;

/// The version that is asked for; the server may answer with another.
const VERSION: &str = "2025-06-18";

/// The header with the session, which a server may give.
const SESSION: &str = "mcp-session-id";

/// A client of one server.
#[derive(Debug)]
pub struct McpClient {
    transport: McpTransport,
    next: AtomicU64,
    /// The headers of the session that has begun; none over stdio.
    session: OnceLock<Vec<(String, String)>>,
}

#[derive(Debug)]
enum McpTransport {
    Http { http: HttpClient, path: String },
    Stdio(StdioServer),
}

impl McpClient {
    /// A client of the server at a path of an HTTP service.
    pub fn over_http(http: HttpClient, path: &str) -> McpClient {
        McpClient::of(McpTransport::Http { http, path: path.to_owned() })
    }

    /// A client of a server that was started for it.
    pub fn over_stdio(server: StdioServer) -> McpClient {
        McpClient::of(McpTransport::Stdio(server))
    }

    fn of(transport: McpTransport) -> McpClient {
        McpClient { transport, next: AtomicU64::new(0), session: OnceLock::new() }
    }

    /// The server, as messages name it.
    pub fn target(&self) -> &str {
        match &self.transport {
            McpTransport::Http { http, .. } => http.base(),
            McpTransport::Stdio(server) => server.program(),
        }
    }

    /// Begins the session.
    pub async fn connect(&self) -> Result<()> {
        let target = self.target();
        let client = json!({"name": "loadgen", "version": env!("CARGO_PKG_VERSION")});
        let parameters = json!({"protocolVersion": VERSION, "capabilities": {}, "clientInfo": client});
        let (answer, session) = self
            .ask("initialize", &parameters.to_string(), None)
            .await
            .map_err(|none| anyhow!("{target} does not answer: {} (is an MCP server running there?)", none.reason))?;
        ensure!(answer.status == 200, "{target} began no session: status {} (is it an MCP server?)", answer.status);
        let answer: Value = serde_json::from_slice(&answer.body).ok().context("its answer is no JSON")?;
        let began = result(answer).map_err(|why| anyhow!("{target} began no session: {why}"))?;
        let version = began["protocolVersion"].as_str().unwrap_or(VERSION);
        let version = ("mcp-protocol-version".to_owned(), version.to_owned());
        let session = session.map(|session| (SESSION.to_owned(), session));
        self.session.get_or_init(|| [version].into_iter().chain(session).collect());
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let told = match &self.transport {
            McpTransport::Http { http, path } => http.send(&self.post(path, initialized, None)).await.map(drop),
            McpTransport::Stdio(server) => server.tell(initialized),
        };
        told.map_err(|none| anyhow!("{target} does not answer: {}", none.reason))
    }

    /// Calls a tool; the body of the answer is the whole message. The arguments are JSON.
    pub async fn call(&self, tool: &str, arguments: &str) -> Result<HttpResponse, RequestError> {
        let parameters = format!(r#"{{"name":{},"arguments":{arguments}}}"#, Value::from(tool));
        self.ask("tools/call", &parameters, None).await.map(|(answer, _)| answer)
    }

    /// Any answer shows that the server is there.
    pub async fn ping(&self, timeout: Duration) -> Result<(), RequestError> {
        self.ask("ping", "{}", Some(timeout)).await.map(drop)
    }

    /// The answer to a request, and the session that it began.
    async fn ask(
        &self,
        method: &str,
        parameters: &str,
        timeout: Option<Duration>,
    ) -> Result<(HttpResponse, Option<String>), RequestError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let message = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{parameters}}}"#);
        match &self.transport {
            McpTransport::Http { http, path } => {
                let (mut answer, session) = http.send_for(&self.post(path, &message, timeout), SESSION).await?;
                if let Some(event) = event(&answer.body, id) {
                    answer.body = event;
                }
                Ok((answer, session))
            }
            McpTransport::Stdio(server) => {
                Ok((HttpResponse { status: 200, body: server.ask(id, &message, timeout).await? }, None))
            }
        }
    }

    fn post(&self, path: &str, message: &str, timeout: Option<Duration>) -> AnyRequest {
        let own = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let session = self.session.get().into_iter().flatten().cloned();
        AnyRequest {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: own.into_iter().chain(session).collect(),
            body: Some(message.to_owned()),
            timeout,
        }
    }
}

/// The answer to a request in a stream of events, which a server may send instead of one answer.
fn event(body: &[u8], id: u64) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Head {
        id: u64,
    }
    let text = std::str::from_utf8(body).ok().filter(|text| !text.trim_start().starts_with('{'))?.replace("\r\n", "\n");
    let data = |event: &str| -> String {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
    };
    let is_answer = |data: &String| serde_json::from_str(data).is_ok_and(|head: Head| head.id == id);
    text.split("\n\n").map(data).find(is_answer).map(String::into_bytes)
}

/// The result of a message, or the error that it is.
fn result(mut message: Value) -> Result<Value, String> {
    if let Some(error) = message.get("error") {
        return Err(format!("error {}: {}", error["code"], error["message"].as_str().unwrap_or_default()));
    }
    message.get_mut("result").map(Value::take).ok_or_else(|| "the answer has no result".to_owned())
}

/// The result of a tool; a tool that failed is an error.
pub fn tool_result(message: Value) -> Result<Value, String> {
    let result = result(message)?;
    if result["isError"] == true {
        return Err(format!("the tool failed: {}", result["content"][0]["text"].as_str().unwrap_or_default()));
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_among_events() {
        let stream = ": begins\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n\
                      data: {\"id\":3,\ndata: \"result\":{}}\r\n\r\ndata: {\"id\":4,\"result\":{}}\n\n";
        let found = |id| event(stream.as_bytes(), id).map(|it| String::from_utf8(it).unwrap());
        assert_eq!(found(3).as_deref(), Some("{\"id\":3,\n\"result\":{}}"));
        assert_eq!(found(4).as_deref(), Some("{\"id\":4,\"result\":{}}"));
        assert_eq!(found(5), None);
        assert_eq!(event(b"{\"id\":3}", 3), None, "one answer needs no looking");
    }
}
