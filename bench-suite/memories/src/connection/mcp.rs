//! A memory over MCP on the stdin and stdout of its process.
//!
//! The protocol is that of rmcp, which this workspace has for its servers: it negotiates the version, answers pings and
//! tells calls apart that run at the same time. The process is ours and not rmcp's, so that it can be killed with all
//! that it started.

use std::os::fd::OwnedFd;

use anyhow::{Context, Result, bail};
use harness::process_group::ProcessGroup;
use rmcp::RoleClient;
use rmcp::model::{CallToolRequestParams, ContentBlock};
use rmcp::service::{RunningService, serve_client};
use serde_json::Value as Json;
use tokio::net::unix::pipe::{Receiver, Sender};

use super::{beginning, json_or_text};

pub struct McpConnection {
    client: RunningService<RoleClient, ()>,
}

impl McpConnection {
    /// Begins a conversation with a process whose stdin and stdout are pipes.
    pub async fn new(process: &mut ProcessGroup) -> Result<McpConnection> {
        let head = process.head();
        let (stdin, stdout) = head.stdin.take().zip(head.stdout.take()).context("its stdin and stdout are no pipes")?;
        let requests = Sender::from_owned_fd(OwnedFd::from(stdin)).context("can't write to its stdin")?;
        let answers = Receiver::from_owned_fd(OwnedFd::from(stdout)).context("can't read its stdout")?;
        let client = serve_client((), (answers, requests)).await.context("it does not begin as MCP says")?;
        Ok(McpConnection { client })
    }

    /// The server's name and version.
    pub fn says_it_is(&self) -> Option<String> {
        let info = self.client.peer_info()?;
        let server = info.server_info.as_ref()?;
        Some(format!("{} {}", server.name, server.version))
    }

    /// The answer of a tool: its structured content, or else its text.
    pub async fn call(&self, tool: &str, arguments: Json) -> Result<Json> {
        let Json::Object(arguments) = arguments else { bail!("the arguments are no table") };
        let request = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let answer = self.client.call_tool(request).await.context("no answer")?;
        let texts = answer.content.iter().filter_map(ContentBlock::as_text).map(|content| content.text.as_str());
        let text = texts.collect::<Vec<_>>().join("\n");
        if answer.is_error == Some(true) {
            bail!("{}", beginning(&text));
        }
        Ok(answer.structured_content.unwrap_or_else(|| json_or_text(text)))
    }
}
