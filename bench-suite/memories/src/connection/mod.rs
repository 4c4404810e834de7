//! Calls to a memory, over either protocol. An answer is a JSON value; one that is no JSON is a string.

mod http;
mod mcp;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use harness::process_group::ProcessGroup;
use serde_json::Value as Json;

use crate::adapter::{AdapterCall, CallAction};
use crate::template::{self, ByName};

use http::HttpConnection;
use mcp::McpConnection;

/// The longest time of a call.
const LONGEST_CALL: Duration = Duration::from_secs(60);

/// The way to ask a memory.
pub enum MemoryConnection {
    Http(HttpConnection),
    Mcp(McpConnection),
}

impl MemoryConnection {
    /// A connection to the service at a URL. Nothing is sent yet.
    pub fn http(url: &str) -> Result<MemoryConnection> {
        Ok(MemoryConnection::Http(HttpConnection::new(url)?))
    }

    /// A connection to a process that speaks MCP on its stdin and stdout.
    pub async fn mcp(process: &mut ProcessGroup) -> Result<MemoryConnection> {
        let connected = tokio::time::timeout(LONGEST_CALL, McpConnection::new(process)).await;
        Ok(MemoryConnection::Mcp(connected.context("it does not answer `initialize`")??))
    }

    /// The name and version that the memory tells of itself.
    pub fn says_it_is(&self) -> Option<String> {
        match self {
            MemoryConnection::Http(_) => None,
            MemoryConnection::Mcp(connection) => connection.says_it_is(),
        }
    }

    /// The answer to a call.
    pub async fn call(&self, call: &AdapterCall, values: &ByName) -> Result<Json> {
        let (name, answered) = match (self, &call.action) {
            (MemoryConnection::Mcp(connection), CallAction::Tool { name, arguments }) => {
                let arguments = template::fill_value(arguments, values)?;
                (name.clone(), tokio::time::timeout(LONGEST_CALL, connection.call(name, arguments)).await)
            }
            (MemoryConnection::Http(connection), CallAction::Request { method, path, headers, body }) => {
                let body = body.as_ref().map(|body| template::fill_value(body, values)).transpose()?;
                let filled = headers.iter().map(|(name, value)| Ok((name.as_str(), template::fill(value, values)?)));
                let headers = filled.collect::<Result<Vec<_>>>()?;
                let request =
                    connection.call(method, &template::fill_path(path, values)?, &headers, body.as_ref()).await;
                (format!("{method} {path}"), Ok(request))
            }
            // Adapters are read for one protocol.
            (_, action) => bail!("{action:?} belongs to another protocol"),
        };
        match answered {
            Ok(answer) => answer.with_context(|| format!("`{name}` failed")),
            Err(_) => bail!("`{name}` did not answer within {} s", LONGEST_CALL.as_secs()),
        }
    }
}

/// A text as JSON, or as a string.
fn json_or_text(text: String) -> Json {
    serde_json::from_str(&text).unwrap_or(Json::String(text))
}

/// The beginning of an answer, for a message.
fn beginning(text: &str) -> String {
    let shown: String = text.trim().chars().take(300).collect();
    shown.replace('\n', " ")
}
