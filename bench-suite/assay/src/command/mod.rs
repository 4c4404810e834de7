//! The subcommands, one per file, with [`selection`], their common arguments, and [`publish`], which prints and writes
//! a run's reports.

mod baseline;
mod calibrate;
mod cargo_args;
mod claims;
mod compare;
mod corpus;
mod doctor;
#[cfg(test)]
mod documented_commands;
mod gate;
mod growth;
mod history;
mod hits;
mod init;
mod load;
mod load_ladder;
mod load_profile;
mod mcp;
mod memories;
mod merge;
mod profile;
mod publish;
mod recall;
mod report;
mod run;
mod selection;
mod serve;
mod server_args;
mod shell;
mod trend;

use std::process::ExitCode;

use baselines::exit_code::Exit;
use clap::{CommandFactory, Parser, Subcommand};
use harness::subject::NothingToMeasure;

const AFTER_HELP: &str = "\
In a cargo package or workspace with benches (criterion, divan, gungraun, iai, bencher, libtest), start with
`cargo assay gate --against HEAD~1`: it says whether the last commit made something slower, and which function
did. `assay doctor` says what is missing for that.

In the tree of the reference memory, start with `assay run --profile quick`: it ends with the path of a report.

Exit codes:
  0    done, nothing regressed
  1    something failed: the message says what
  2    the command line can't be understood
  3    invalid or undecided: the run can't be believed, or its evidence is not enough
  4    nothing was measured, or nothing could be compared
  100  a metric that blocks got worse";

/// Measures benchmarks, compares, judges and publishes.
#[derive(Debug, Parser)]
#[command(name = "assay", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Doctor(doctor::DoctorArgs),
    Run(run::RunArgs),
    Compare(compare::CompareArgs),
    Gate(Box<gate::GateArgs>),
    Merge(merge::MergeArgs),
    Load(load::LoadArgs),
    Profile(profile::ProfileArgs),
    Report(report::ReportArgs),
    #[command(subcommand)]
    Baseline(baseline::BaselineCommand),
    #[command(subcommand)]
    History(history::HistoryCommand),
    #[command(subcommand)]
    Corpus(corpus::CorpusCommand),
    Claims(claims::ClaimsArgs),
    Recall(recall::RecallArgs),
    Growth(growth::GrowthArgs),
    Calibrate(calibrate::CalibrateArgs),
    Hits(hits::HitsArgs),
    Memories(memories::MemoriesArgs),
    Mcp(mcp::McpArgs),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
    #[command(name = harness::subject::command::SERVE, hide = true)]
    Serve(serve::ServeArgs),
    #[command(name = harness::subject::server::SERVE, hide = true)]
    ServeServer(serve::ServeServerArgs),
}

/// Runs the command in this process's arguments.
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    let result = match command {
        Command::Init(init) => init.execute(),
        Command::Doctor(doctor) => doctor.execute(),
        Command::Run(run) => run.execute(),
        Command::Compare(compare) => compare.execute(),
        Command::Gate(gate) => gate.execute(),
        Command::Merge(merge) => merge.execute(),
        Command::Load(load) => load.execute(),
        Command::Profile(profile) => profile.execute(),
        Command::Report(report) => report.execute(),
        Command::Baseline(baseline) => baseline.execute(),
        Command::History(history) => history.execute(),
        Command::Corpus(corpus) => corpus.execute(),
        Command::Claims(claims) => claims.execute(),
        Command::Recall(recall) => recall.execute(),
        Command::Growth(growth) => growth.execute(),
        Command::Calibrate(calibrate) => calibrate.execute(),
        Command::Hits(hits) => hits.execute(),
        Command::Memories(memories) => memories.execute(),
        Command::Mcp(mcp) => mcp.execute(),
        Command::Completions(completions) => completions.execute(Cli::command()),
        Command::Man(man) => man.execute(Cli::command()),
        Command::Serve(serve) => serve.execute(),
        Command::ServeServer(serve) => serve.execute(),
    };
    let exit = result.unwrap_or_else(|error| {
        eprintln!("error: {}", told(&error));
        exit_of(&error)
    });
    ExitCode::from(exit.code())
}

/// The error with its causes, each said once: some errors have their cause's words in their own.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    text
}

/// The exit code of an error: "nothing measured" for an empty run, for one without exact counts to accept, and where no
/// benchmark is listed or selected.
fn exit_of(error: &anyhow::Error) -> Exit {
    if error.is::<NothingToMeasure>() {
        return Exit::Nothing;
    }
    match error.downcast_ref::<baselines::Error>() {
        Some(baselines::Error::EmptyRun { .. } | baselines::Error::NothingExact) => Exit::Nothing,
        Some(baselines::Error::InvalidRun { .. }) => Exit::Invalid,
        _ => Exit::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_cause_is_said_once() {
        let error = anyhow::anyhow!("x is damaged").context("line 2: x is damaged").context("can't read y");
        assert_eq!(told(&error), "can't read y: line 2: x is damaged");
    }

    #[test]
    fn the_help_has_the_exit_codes_of_the_table() {
        for (exit, meaning) in Exit::TABLE {
            let line = format!("{:<4} {meaning}", exit.code());
            assert!(AFTER_HELP.contains(&line), "the help lacks `{line}`");
        }
    }
}
