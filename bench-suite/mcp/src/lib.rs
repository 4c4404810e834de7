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

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rmcp::ServiceExt;
use rmcp::transport::stdio;
use tokio::signal::unix::{SignalKind, signal};

/// The time that running subcommands get to end once the client has gone.
const GRACE: Duration = Duration::from_secs(1);

/// Serves the tools of `program`, the command, for the project in `folder`, until the client closes stdin or a signal
/// asks for the end.
///
/// # Errors
/// `folder` can't be read, or the client does not speak the protocol.
pub fn serve(program: &Path, folder: &Path) -> Result<()> {
    let folder = folder.canonicalize().with_context(|| format!("can't read {}", folder.display()))?;
    let tools = tools::Tools::new(program.to_owned(), folder);
    let runtime = tokio::runtime::Runtime::new().context("can't start the runtime")?;
    let served = runtime.block_on(async {
        let told_to_end = told_to_end().context("can't wait for signals")?;
        let serving = async {
            let service = tools.serve(stdio()).await.context("the client did not begin as MCP says")?;
            service.waiting().await.context("the server failed").map(drop)
        };
        tokio::select! {
            served = serving => served,
            () = told_to_end => Ok(()),
        }
    });
    // Drops what still runs, and with it the subcommands.
    runtime.shutdown_timeout(GRACE);
    served
}

/// Ends with a signal that asks this process to end. Subcommands lead groups of their own, which no signal to this one
/// reaches, so that it must not end before it has ended them.
fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn a_signal_asks_for_the_end_and_does_not_kill() {
        let told = told_to_end().expect("handlers");
        kill_process(getpid(), Signal::TERM).expect("sent");
        told.await;
    }
}
