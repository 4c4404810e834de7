//! The client of a scenario: of an HTTP service, or of an MCP server.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Scenario;
use super::target::TargetKind;
use crate::arguments::Arguments;
use crate::send::http::{AnyRequest, HttpClient, HttpResponse, RequestError};
use crate::send::mcp::McpClient;
use crate::send::stdio::StdioServer;

/// A client of either kind of server.
#[derive(Debug)]
pub enum ScenarioClient {
    Http(HttpClient),
    Mcp(McpClient),
}

/// A request with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilledRequest {
    Http(AnyRequest),
    /// The arguments are JSON.
    Tool {
        tool: String,
        arguments: String,
    },
}

impl ScenarioClient {
    /// The client that a scenario and the command line ask for. A server over stdio starts here; nothing is sent yet.
    pub fn new(scenario: &Scenario, arguments: &Arguments) -> Result<ScenarioClient> {
        if let TargetKind::McpOverStdio(command) = &scenario.target.kind {
            ensure!(arguments.server.is_none(), "the scenario starts its server: leave --server out");
            let server = StdioServer::start(command, arguments.timeout)?;
            return Ok(ScenarioClient::Mcp(McpClient::over_stdio(server)));
        }
        let url = arguments.server.as_ref().or(scenario.base_url.as_ref()).context("--server is missing")?;
        let connection = scenario.target.connection(|name| std::env::var(name).ok())?;
        let http = HttpClient::new(url, arguments.http(connection))?;
        Ok(match &scenario.target.kind {
            TargetKind::McpOverHttp(path) => ScenarioClient::Mcp(McpClient::over_http(http, path)),
            _ => ScenarioClient::Http(http),
        })
    }

    /// Makes ready for requests.
    pub async fn connect(&self) -> Result<()> {
        match self {
            ScenarioClient::Http(_) => Ok(()),
            ScenarioClient::Mcp(mcp) => mcp.connect().await,
        }
    }

    /// The server, as messages name it.
    pub fn target(&self) -> &str {
        match self {
            ScenarioClient::Http(http) => http.base(),
            ScenarioClient::Mcp(mcp) => mcp.target(),
        }
    }

    /// Any answer shows that the server is there.
    pub async fn probe(&self, timeout: Duration) -> Result<(), RequestError> {
        match self {
            ScenarioClient::Http(http) => http.get_within("/", timeout).await.map(drop),
            ScenarioClient::Mcp(mcp) => mcp.ping(timeout).await,
        }
    }

    /// Sends a request of the kind that this client has.
    pub async fn send(&self, request: &FilledRequest) -> Result<HttpResponse, RequestError> {
        match (self, request) {
            (ScenarioClient::Http(http), FilledRequest::Http(request)) => http.send(request).await,
            (ScenarioClient::Mcp(mcp), FilledRequest::Tool { tool, arguments }) => mcp.call(tool, arguments).await,
            _ => unreachable!("reading the scenario has shown that its requests are of its server's kind"),
        }
    }
}
