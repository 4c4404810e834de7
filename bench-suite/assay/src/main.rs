//! The `assay` command: arguments and printing. Results go to stdout, progress and warnings to stderr.

mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main()
}
