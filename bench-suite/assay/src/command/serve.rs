//! The workers that the gate starts for `--command` and `--server`. They are not for people.

use std::path::PathBuf;

use anyhow::Result;
use baselines::exit_code::Exit;
use clap::Args;
use harness::served::process;
use harness::served::server::{self, ServerUnderLoad};
use harness::tools::loadgen;

/// Serve a command by the worker protocol
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The command line
    line: String,

    /// As every worker is told
    #[arg(long)]
    serve: bool,

    /// Do this much more work than asked for
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    extra_work: f64,

    /// Drawn for a round: a command does not use it, as its heap is that of another process
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    shift: u64,

    /// Stay on this core
    #[arg(long, value_name = "N")]
    core: Option<usize>,
}

impl ServeArgs {
    /// Serves until the end.
    pub fn execute(&self) -> Result<Exit> {
        let Self { line, extra_work, core, serve: _, shift: _ } = self;
        process::serve(line, *extra_work, *core)?;
        Ok(Exit::Ok)
    }
}

/// Serve a server under load by the worker protocol
#[derive(Debug, Args)]
pub struct ServeServerArgs {
    /// Sessions per second
    #[arg(long)]
    rate: f64,

    /// Users of the load generator
    #[arg(long)]
    users: u64,

    /// An argument of the load generator
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    load: Vec<String>,

    /// The load generator [default: found as for `assay load`]
    #[arg(long, value_name = "FILE")]
    loadgen: Option<PathBuf>,

    #[command(flatten)]
    worker: ServeArgs,
}

impl ServeServerArgs {
    /// Serves until the end.
    pub fn execute(&self) -> Result<Exit> {
        let ServeArgs { line, extra_work, shift, .. } = &self.worker;
        let loadgen = self.loadgen.clone().map_or_else(loadgen::find, Ok)?;
        let (rate, users, arguments) = (self.rate, self.users, self.load.clone());
        let load = ServerUnderLoad { line, loadgen, rate, users, drawn: *shift, arguments };
        server::serve(&load, *extra_work)?;
        Ok(Exit::Ok)
    }
}
