//! The worker of whole processes, which the gate starts for `--command`. It is not for people.

use anyhow::Result;
use baselines::exit_code::Exit;
use clap::Args;
use harness::served::process;

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

    /// Not used: the heap is that of another process
    #[arg(long, value_name = "BYTES")]
    shift: Option<String>,

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
