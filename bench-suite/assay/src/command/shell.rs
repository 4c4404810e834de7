//! `assay completions` and `assay man`: what a shell and `man` want to know, made of the arguments themselves.

use std::io::{self, Write};

use anyhow::{Context, Result};
use baselines::exit_code::Exit;
use baselines::stdout::ignore_broken_pipe;
use clap::{Args, Command};
use clap_complete::Shell;

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assay completions bash > ~/.local/share/bash-completion/completions/assay
  assay completions zsh > \"${fpath[1]}/_assay\"
  assay completions fish > ~/.config/fish/completions/assay.fish")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Print the man page, of everything or of a subcommand
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assay man | man -l -
  assay man gate > ~/.local/share/man/man1/assay-gate.1")]
pub struct ManArgs {
    /// A subcommand
    subcommand: Option<String>,
}

impl CompletionsArgs {
    /// Prints them.
    pub fn execute(&self, mut command: Command) -> Result<Exit> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command, "assay", &mut text);
        print(&text)
    }
}

impl ManArgs {
    /// Prints it.
    pub fn execute(&self, mut command: Command) -> Result<Exit> {
        // Gives subcommands the names that they have on the command line, as in `assay-gate`.
        command.build();
        let page = match &self.subcommand {
            None => command,
            Some(name) => {
                let found = command.get_subcommands().find(|found| found.get_name() == name && !found.is_hide_set());
                found.with_context(|| format!("there is no subcommand `{name}`: `assay help` lists them"))?.clone()
            }
        };
        let mut text = Vec::new();
        let version = concat!("assay ", env!("CARGO_PKG_VERSION"));
        clap_mangen::Man::new(page).source(version).render(&mut text)?;
        print(&text)
    }
}

fn print(text: &[u8]) -> Result<Exit> {
    ignore_broken_pipe(io::stdout().write_all(text)).context("can't write to stdout")?;
    Ok(Exit::Ok)
}
