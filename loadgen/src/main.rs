//! Load test of an HTTP service: sends seeded sessions at their times and writes measurements and interval logs.
//!
//! - [`arguments`]: the command line.
//! - [`arrivals`]: the schedule of sessions and requests.
//! - [`episodes`], [`scenario`]: the workloads: those of the reference memory, and of any HTTP service.
//! - [`send`]: waiting, sending, and playing a session.
//! - [`attack`]: goose, which runs the users.
//! - [`record`], [`health`], [`report`]: times of the requests, the generator's own health, measurements and summary.
//! - [`prepared`], [`run`]: one run from start to end; [`slices`]: several with the same users; [`merge_command`]: the
//!   logs of several.

/// As in std, but a reader that goes away is no panic.
macro_rules! print {
    ($($text:tt)*) => {
        baselines::stdout::print(format_args!($($text)*))
    };
}
macro_rules! println {
    ($($text:tt)*) => {
        print!("{}\n", format_args!($($text)*))
    };
}

mod arguments;
mod arrivals;
mod attack;
mod episodes;
mod health;
mod merge_command;
mod prepared;
mod record;
mod report;
mod run;
mod scenario;
mod send;
mod slices;

use std::ffi::OsString;
use std::process::ExitCode;

use baselines::exit_code::Exit;
use clap::Parser;

use crate::merge_command::MergeArguments;
use crate::scenario::import::ImportArguments;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    // A subcommand's words come after the program's name; clap needs one name in their place.
    let of_subcommand = || words.iter().skip(1);
    let exit = match words.get(1).and_then(|word| word.to_str()) {
        Some("merge") => MergeArguments::parse_from(of_subcommand()).execute(),
        Some("scenario") => ImportArguments::parse_from(of_subcommand()).execute(),
        _ => run::run(&words),
    };
    let exit = exit.unwrap_or_else(|error| {
        eprintln!("loadgen: {error:#}");
        Exit::Error
    });
    ExitCode::from(exit.code())
}
