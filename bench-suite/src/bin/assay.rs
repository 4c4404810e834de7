//! The `assay` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench_suite::command::main()
}
