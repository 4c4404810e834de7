//! `assay mcp`: serves the gate to coding agents.

use std::path::PathBuf;

use anyhow::{Context, Result};
use baselines::exit_code::Exit;
use clap::Args;

/// Serve the gate to coding agents: the Model Context Protocol on stdin and stdout
#[derive(Debug, Args)]
#[command(after_help = "\
A client starts it in the folder of a project. Its tools are `list`, `gate`, `compare`, `explain` and `report`; each
runs the subcommand of its name and tells the verdict. Measuring has a budget of at most 30 minutes, no file outside of
the project can be named, and only cargo uses the network, for what it has not fetched yet.

Configuration of a client:
  {\"mcpServers\": {\"assay\": {\"command\": \"assay\", \"args\": [\"mcp\"]}}}")]
pub struct McpArgs {
    /// The folder of the project
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

impl McpArgs {
    /// Serves until the client goes.
    pub fn execute(&self) -> Result<Exit> {
        let program = std::env::current_exe().context("can't find this program")?;
        mcp::serve(&program, &self.folder)?;
        Ok(Exit::Ok)
    }
}
