//! `assay baseline`: the accepted numbers, and the reasons for accepting them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use baselines::exit_code::Exit;
use baselines::history::{self, CommitRecord, History};
use baselines::{Run, baseline};
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use harness::foreign::Parts;
use harness::session::odd_runs::odd_runs;
use harness::session::rulebook::Rulebook;
use harness::session::runs;
use harness::workspace;

use super::{Cli, Command};

/// List, show and accept stored baselines
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// List the baselines, with their reasons
    List(FolderArgs),
    /// Show the numbers of a baseline
    Show(ShowArgs),
    /// Accept a run as the baseline of its environment
    Accept(AcceptArgs),
}

/// The folder of baselines.
#[derive(Debug, Args)]
pub struct FolderArgs {
    /// The folder of accepted baselines [default: baselines/stored]
    #[arg(long, value_name = "FOLDER")]
    baselines: Option<PathBuf>,
}

/// `assay baseline show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Part of the baseline's name [default: the first baseline]
    name: Option<String>,

    #[command(flatten)]
    folder: FolderArgs,
}

/// `assay baseline accept`.
#[derive(Debug, Args)]
pub struct AcceptArgs {
    /// The run: a path, a name in target/assay/runs, or `latest`
    #[arg(default_value = "latest")]
    run: String,

    /// The reason for accepting these numbers
    #[arg(long)]
    reason: String,

    /// Accept a run of a tree with uncommitted changes
    #[arg(long)]
    dirty: bool,

    /// Accept a run that is like no other of the stored history
    #[arg(long)]
    odd: bool,

    /// Accept a run without some benchmarks of the stored baseline, and remove them from it
    #[arg(long)]
    replace: bool,

    #[command(flatten)]
    folder: FolderArgs,
}

impl FolderArgs {
    fn path(&self) -> PathBuf {
        self.baselines.clone().unwrap_or_else(workspace::stored_baselines)
    }
}

impl BaselineCommand {
    /// Runs the subcommand.
    pub fn execute(&self) -> Result<Exit> {
        match self {
            BaselineCommand::List(folder) => list(folder),
            BaselineCommand::Show(show) => show.execute(),
            BaselineCommand::Accept(accept) => accept.execute(),
        }
    }
}

fn list(folder: &FolderArgs) -> Result<Exit> {
    let path = folder.path();
    let baselines = baseline::list(&path)?;
    if baselines.is_empty() {
        eprintln!("there is no baseline in {}: run `assay baseline accept --reason \"..\"`", path.display());
        return Ok(Exit::Nothing);
    }
    for (path, run) in baselines {
        let environment = &run.header.environment;
        println!("{}", path.display());
        let source = match run.header.is_foreign() {
            true => run.header.command.clone(),
            false => format!("commit {} on {}", environment.commit, environment.cpu_model),
        };
        println!("  {} measurements of {source}", run.measurements.len());
        if let Some(accepted) = &run.header.accepted {
            println!("  accepted {}: {}", accepted.at, accepted.reason);
        }
    }
    Ok(Exit::Ok)
}

impl ShowArgs {
    fn execute(&self) -> Result<Exit> {
        let path = self.folder.path();
        let wanted = self.name.as_deref().unwrap_or("");
        match baseline::list(&path)?.into_iter().find(|(path, _)| path.to_string_lossy().contains(wanted)) {
            Some((_, run)) => {
                print!("{}", reports::render(&reports::Report::new(run), reports::Format::Text)?);
                Ok(Exit::Ok)
            }
            None => {
                eprintln!("no baseline like `{wanted}` in {}: see `assay baseline list`", path.display());
                Ok(Exit::Nothing)
            }
        }
    }
}

impl AcceptArgs {
    fn execute(&self) -> Result<Exit> {
        let run = runs::read(&runs::find(&self.run)?, false)?;
        if !self.odd {
            refuse_odd(&run)?;
        }
        let folder = self.folder.path();
        let parts = run.header.is_foreign().then(|| Parts::of(&run));
        let mut files = parts.as_ref().map_or_else(Vec::new, |parts| parts.files(&folder));
        // Of a run that has nothing to keep, `accept` says why.
        if files.is_empty() {
            files.push((baseline::path(&folder, &run.header.environment), &run));
        }
        if !self.replace {
            for (file, part) in &files {
                refuse_partial(file, part)?;
            }
        }
        let now = runs::now();
        for (file, part) in files {
            baseline::accept(&file, part, &self.reason, &now, self.dirty)?;
            println!("{}", file.display());
        }
        for skipped in &run.skipped {
            eprintln!("not kept: {}: {}", skipped.what, skipped.why);
        }
        if let Some(said) = only_some(&run) {
            eprintln!("{said}");
        }
        Ok(Exit::Ok)
    }
}

/// A sentence on a baseline that has only the cases that somebody selected; none if the command of its run selected
/// none, or is not ours.
fn only_some(run: &Run) -> Option<String> {
    let command = &run.header.command;
    let is_partial = match Cli::try_parse_from(command.split_whitespace()).map(|cli| cli.command) {
        Ok(Command::Run(run)) => run.selection.is_partial() || run.cargo.is_partial(),
        Ok(Command::Gate(gate)) => gate.is_partial(),
        Ok(_) => false,
        // A filter of several words is recorded without its quotes.
        Err(error) => error.kind() == ErrorKind::UnknownArgument,
    };
    let number = baseline::cases(run).len();
    let cases = if number == 1 { "1 case".to_owned() } else { format!("{number} cases") };
    is_partial.then(|| {
        format!(
            "this baseline has only {cases}, those of `{command}`, and judges no other: measure without a filter, and \
             accept that"
        )
    })
}

/// Refuses a run that would remove benchmarks from the stored baseline.
fn refuse_partial(file: &Path, run: &Run) -> Result<()> {
    let removed = baseline::removed_cases(file, run)
        .context("can't tell which benchmarks would be removed: --replace accepts the run in its place")?;
    if let Some(first) = removed.first() {
        bail!(
            "the run does not have {first}, one of {} of {} that would be removed: run all benchmarks, or accept it with \
             --replace",
            removed.len(),
            file.display()
        );
    }
    Ok(())
}

/// Refuses a run that is odd among those of the stored history.
fn refuse_odd(run: &Run) -> Result<()> {
    let (environment, folder) = (&run.header.environment, workspace::histories());
    let mut history = History::open(&folder, &environment.key())?;
    history.commits.retain(|known| known.commit != environment.commit);
    let (commit, date) = (environment.commit.clone(), run.header.started_at.clone());
    history.commits.push(CommitRecord::new(commit, date, history::exact(&run.measurements)));
    let own = workspace::policy();
    let policy = Rulebook::of_this_tree(own.is_file().then_some(&own))?.policy;
    match &odd_runs(&history, &policy, runs::today(), |commit| commit == environment.commit)[..] {
        [odd, ..] => bail!(
            "the run is {odd} of {}: measure again, and if the result repeats, accept it with --odd",
            History::path(&folder, &history.environment).display()
        ),
        [] => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use baselines::{CaseKey, Durability, Environment, Measurement, RunHeader, Sample};

    use super::*;

    #[test]
    fn a_baseline_of_some_cases_says_so() {
        let said = |command: &str| {
            let case = CaseKey { benchmark: "parse".to_owned(), variant: String::new() };
            let sample = Sample::new(vec![100.0]).expect("finite");
            let counted = Measurement::new(case, "instructions", sample, Durability::Memory);
            let header = RunHeader::new(command, "full", Environment::detect(1, "generated"));
            only_some(&Run { measurements: vec![counted], ..Run::new(header) })
        };
        for whole in ["assay run --lane counts", "assay gate --against HEAD~1", "gungraun: one", "assay merge shards"] {
            assert_eq!(said(whole), None, "{whole}");
        }
        for part in
            ["run parse", "run --bench sums", "run a filter", "gate --set codec=json", "gate --against x --shard 1/2"]
        {
            let expected = format!("this baseline has only 1 case, those of `assay {part}`");
            assert!(said(&format!("assay {part}")).is_some_and(|said| said.starts_with(&expected)), "{part}");
        }
    }
}
