//! The gate as tools of a coding agent, over the Model Context Protocol on stdin and stdout.
//!
//! Each tool starts the command itself with a subcommand, in the project's folder, and reads its JSON report: what an
//! agent is told is what the command says. Nothing is asked of a network, and nothing outside of the folder is read.
//!
//! - `Tools`: the tools, one function per tool.
//! - `input`: their arguments and limits.
//! - `child`: a subcommand with a time limit; it ends with everything that it started when the client gives up.
//! - `gate_answer`: a judged report as the agent reads it, the verdict first. `explain`: the cause of one case.

mod child;
mod explain;
mod gate_answer;
mod input;
mod tools;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rmcp::ServiceExt;
use rmcp::transport::stdio;

/// The time that running subcommands get to end once the client has gone.
const GRACE: Duration = Duration::from_secs(1);

/// Serves the tools of `program`, the command, for the project in `folder`, until the client closes stdin.
///
/// # Errors
/// `folder` can't be read, or the client does not speak the protocol.
pub fn serve(program: &Path, folder: &Path) -> Result<()> {
    let folder = folder.canonicalize().with_context(|| format!("can't read {}", folder.display()))?;
    let tools = tools::Tools::new(program.to_owned(), folder);
    let runtime = tokio::runtime::Runtime::new().context("can't start the runtime")?;
    let served = runtime.block_on(async {
        let service = tools.serve(stdio()).await.context("the client did not begin as MCP says")?;
        service.waiting().await.context("the server failed")
    });
    // Drops what still runs, and with it the subcommands.
    runtime.shutdown_timeout(GRACE);
    served.map(drop)
}
