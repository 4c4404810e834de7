//! `assay report`: a stored run as a page, a comment, a table or a record for machines.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baselines::exit::Exit;
use clap::Args;
use reports::Format;

use super::runs;
use crate::workspace;

/// Write the report of a stored run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assay report                           the latest run as a page
  assay report --format markdown         the same as a comment for a pull request
  assay report --against 20261121T2133   the latest run beside another")]
pub struct Report {
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

    /// Take a run that was cut off, as far as it goes
    #[arg(long)]
    partial: bool,
}

impl Report {
    /// Renders the run.
    ///
    /// # Errors
    /// No such run, one that can't be read, or a file that can't be written.
    pub fn execute(&self) -> Result<Exit> {
        let path = runs::find(&self.run)?;
        let run = runs::read(&path, self.partial)?;
        let mut report = runs::report(&path, run)?;
        if let Some(against) = &self.against {
            let base_path = runs::find(against)?;
            let base = runs::read(&base_path, self.partial)?;
            let judgement = super::compare::judge(&base, &report.run, &super::compare::standard_policy(None)?);
            report.judgement = Some(judgement);
            report.against = Some(format!("run {}", base_path.display()));
        } else if let Some(kept) = super::judged::Kept::of(&path)? {
            kept.tell(&mut report);
        }
        match (&self.output, self.format) {
            (Some(output), format) => {
                reports::write(&report, format, output)?;
                println!("{}", output.display());
            }
            (None, Format::Html) => println!("{}", publish(&report, &path)?.display()),
            (None, format) => print!("{}", reports::render(&report, format)?),
        }
        Ok(Exit::Ok)
    }
}

/// Writes the page and the machine-readable report of a run, and gives the page's path.
///
/// # Errors
/// A file can't be written.
pub fn publish(report: &reports::Report, run: &Path) -> Result<PathBuf> {
    let name = run.file_stem().context("a run has a name")?;
    let folder = workspace::output().join("reports").join(name);
    for format in [Format::Html, Format::Json, Format::Markdown] {
        reports::write(report, format, &folder.join(format!("index.{}", format.extension())))?;
    }
    Ok(folder.join("index.html"))
}
