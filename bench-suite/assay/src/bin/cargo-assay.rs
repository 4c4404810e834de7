//! `cargo assay ..` is `assay ..`: cargo starts the program `cargo-assay`, which becomes the `assay` beside it.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let beside = std::env::current_exe().map(|own| own.with_file_name("assay"));
    let program = beside.ok().filter(|program| program.is_file()).unwrap_or_else(|| "assay".into());
    // Cargo's first argument is the subcommand.
    let mut arguments = std::env::args_os().skip(1).peekable();
    arguments.next_if(|first| first == "assay");
    let error = Command::new(&program).args(arguments).exec();
    eprintln!("error: can't start {}: {error}: install it beside `cargo-assay`", program.display());
    ExitCode::FAILURE
}
