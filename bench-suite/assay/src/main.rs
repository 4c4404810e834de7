//! The `assay` command: arguments and printing. Results go to stdout, progress and warnings to stderr.

/// As in std, but a reader that goes away is no panic.
macro_rules! print {
    ($($text:tt)*) => {
        baselines::stdout::print(format_args!($($text)*))
    };
}
macro_rules! println {
    () => {
        print!("\n")
    };
    ($($text:tt)*) => {
        print!("{}\n", format_args!($($text)*))
    };
}

mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main()
}
