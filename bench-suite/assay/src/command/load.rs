//! `assay load`: the load generator, for any HTTP service; the ladder and profiles have files of their own.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result};
use baselines::exit_code::Exit;
use clap::{Args, Subcommand};
use harness::tools::loadgen;

use super::load_ladder::LadderArgs;
use super::load_profile::LoadProfileArgs;

/// Load an HTTP service, and find the highest rate at which it keeps an objective
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    disable_help_flag = true,
    after_help = "\
Everything but `ladder` and `profile` goes to the load generator: `assay load --help` lists its options.

Examples:
  assay load scenario --from-openapi openapi.json --output shop.toml
  assay load --scenario shop.toml --model partly-open --rate 50 --duration 60s --log shop.hlog
  assay load merge logs                  the interval logs of several generators as one
  assay load ladder --objective 'p99 < 50 ms' -- --scenario shop.toml
  assay load profile --server './shop {port}' -- --scenario shop.toml --rate 200 --duration 20s"
)]
pub struct LoadArgs {
    #[command(subcommand)]
    command: Option<LoadCommand>,

    /// Arguments of the load generator
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
enum LoadCommand {
    Ladder(LadderArgs),
    Profile(LoadProfileArgs),
}

impl LoadArgs {
    /// Runs the load generator, the ladder or a profile.
    pub fn execute(&self) -> Result<Exit> {
        match &self.command {
            Some(LoadCommand::Ladder(ladder)) => return ladder.execute(),
            Some(LoadCommand::Profile(profile)) => return profile.execute(),
            None => {}
        }
        let loadgen = loadgen::find()?;
        let status = Command::new(&loadgen).args(&self.arguments).status();
        Ok(loadgen::exit_of(status.with_context(|| format!("can't start {}", loadgen.display()))?))
    }
}
