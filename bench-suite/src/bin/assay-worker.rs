//! The process that runs slices of one case: what profilers look at and what the time lane alternates.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use bench_suite::input::Source;
use bench_suite::runner::slice;
use bench_suite::{cases, engagement};
use clap::Parser;
use serde::Serialize;

/// Runs rounds of one case and prints what each cost, one JSON record a line.
#[derive(Debug, Parser)]
#[command(name = "assay-worker", version)]
struct Arguments {
    /// The case, as `assay run --list` names it
    case: String,

    /// How many rounds to run
    #[arg(long, default_value_t = 1)]
    rounds: u32,

    /// Operations a round [default: those of one exact count]
    #[arg(long)]
    operations: Option<u64>,

    /// Sets a toggle otherwise than the case does
    #[arg(long, value_name = "TOGGLE=STRATEGY")]
    set: Vec<String>,
}

#[derive(Serialize)]
struct Round {
    operations: u64,
    cpu_ns: u64,
    wall_ns: u64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let case = cases::find(&arguments.case, &arguments.set)?;
    let input = Source::from_environment()?.load()?;
    let (mut prepared, counted) = slice::prepare(&case, &input)?;
    let operations = arguments.operations.unwrap_or(counted);
    let mut stdout = std::io::stdout().lock();
    for _ in 0..arguments.rounds {
        let slice = slice::measure(prepared.as_mut(), operations)?;
        let round = Round { operations, cpu_ns: slice.cpu_ns, wall_ns: slice.wall_ns };
        serde_json::to_writer(&mut stdout, &round).context("can't write the round")?;
        writeln!(stdout).context("can't write the round")?;
    }
    prepared.check().context("wrong answer")?;
    engagement::check(&case, &prepared.counters())
}
