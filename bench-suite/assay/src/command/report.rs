//! `assay report`: renders a stored run as a page, a comment, a table or a machine-readable record.

use std::path::PathBuf;

use anyhow::Result;
use baselines::exit_code::Exit;
use clap::Args;
use harness::session::rulebook::Rulebook;
use harness::session::{judging, runs};
use reports::Format;

use super::publish::{self, StoredVerdict};

/// Write the report of a stored run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assay report                           the latest run as a page
  assay report --format markdown         the latest run as a comment for a pull request
  assay report --against 20261121T2133   the latest run compared with another")]
pub struct ReportArgs {
    /// The run: a path, a name in target/assay/runs, or `latest`
    #[arg(default_value = "latest")]
    run: String,

    /// html, markdown, text, junit, json or github; all but html go to stdout
    #[arg(long, default_value = "html")]
    format: Format,

    /// Write to this file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Compare with this run
    #[arg(long, value_name = "RUN")]
    against: Option<String>,

    /// Accept an interrupted run, with the measurements that it has
    #[arg(long)]
    partial: bool,
}

impl ReportArgs {
    /// Renders the run.
    pub fn execute(&self) -> Result<Exit> {
        let path = runs::find(&self.run)?;
        let run = runs::read(&path, self.partial)?;
        let mut report = publish::report(&path, run)?;
        if let Some(against) = &self.against {
            let base_path = runs::find(against)?;
            let base = runs::read(&base_path, self.partial)?;
            let judgement = judging::judge(&base, &report.run, &Rulebook::of_this_tree(None)?, None);
            report.judgement = Some(judgement);
            report.side_by_side = true;
            report.against = Some(format!("run {}", base_path.display()));
        } else if let Some(stored) = StoredVerdict::of(&path)? {
            stored.attach_to(&mut report);
        }
        match (&self.output, self.format) {
            (Some(output), format) => {
                reports::write(&report, format, output)?;
                println!("{}", output.display());
            }
            (None, Format::Html) => println!("{}", publish::write(&report, &path)?.display()),
            (None, format) => print!("{}", reports::render(&report, format)?),
        }
        Ok(Exit::Ok)
    }
}
