//! `assay report`: renders a stored run as a page, a comment, a table or a machine-readable record.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baselines::calibration;
use baselines::claim::ClaimReport;
use baselines::exit_code::Exit;
use clap::Args;
use harness::session::rulebook::Rulebook;
use harness::session::{judging, runs};
use reports::splice::{self, Figures};
use reports::{Format, Report};

use super::publish::{self, StoredVerdict};

/// Write the report of a stored run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assay report                           the latest run as a page
  assay report --format markdown         the latest run as a comment for a pull request
  assay report --against 20261121T2133   the latest run compared with another
  assay report x.jsonl --splice README.md
                                         the figures of a run in a document, between `<!-- assay:variants -->` and
                                         `<!-- /assay -->`

Figures of a run: variants, lead, changes, counts, time, load, effect, single-toggles; of `compare --each-toggle` also
toggles, phase-steps, interactions. Of a claim report (JSON): claims, claims-summary, claimed-toggles, phases. Of a
calibration's record: calibration.")]
pub struct ReportArgs {
    /// The run: a path, a name in target/assay/runs, or `latest`; with --splice also a claim report or a calibration's
    /// record
    #[arg(default_value = "latest")]
    run: String,

    /// html, markdown, text, junit, json or github; all but html go to stdout
    #[arg(long, default_value = "html")]
    format: Format,

    /// Write to this file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the figures of this Markdown file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "format"])]
    splice: Option<PathBuf>,

    /// With --splice: replace only these blocks, and leave the others
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "splice")]
    blocks: Vec<String>,

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
        if let Some(document) = &self.splice {
            return self.splice(document);
        }
        let (path, report) = self.report()?;
        match (&self.output, self.format) {
            (Some(output), format) => {
                reports::write(&publish::with_raw_data(&report, &path)?, format, output)?;
                println!("{}", output.display());
            }
            (None, Format::Html) => println!("{}", publish::write(&report, &path)?.display()),
            (None, format) => print!("{}", reports::render(&report, format)?),
        }
        Ok(Exit::Ok)
    }

    /// The run with its judgement.
    fn report(&self) -> Result<(PathBuf, Report)> {
        let path = runs::find(&self.run)?;
        let run = runs::read(&path, self.partial)?;
        let mut report = publish::report(&path, run)?;
        if let Some(against) = &self.against {
            let base_path = runs::find(against)?;
            let base = runs::read(&base_path, self.partial)?;
            let judgement = judging::judge(&base, &report.run, &Rulebook::of_this_tree(None)?, None);
            report.judgement = Some(judgement);
            report.shows_all_deltas = true;
            report.against = Some(format!("run {}", base_path.display()));
        } else if let Some(stored) = StoredVerdict::of(&path)? {
            stored.attach_to(&mut report);
        }
        Ok((path, report))
    }

    /// Replaces the figures of a document, all of them or none.
    fn splice(&self, document: &Path) -> Result<Exit> {
        let text = std::fs::read_to_string(document).with_context(|| format!("can't read {}", document.display()))?;
        let name = document.display().to_string();
        let (text, filled) = match FigureSource::of(Path::new(&self.run)) {
            FigureSource::Claims => {
                let report = ClaimReport::read(Path::new(&self.run))?;
                splice::splice(&name, &text, &Figures::Claims(&report), &self.blocks)?
            }
            FigureSource::Calibration => {
                let suites = calibration::read(Path::new(&self.run))?;
                splice::splice(&name, &text, &Figures::Calibration(&suites), &self.blocks)?
            }
            FigureSource::Run => splice::splice(&name, &text, &Figures::Run(&self.report()?.1), &self.blocks)?,
        };
        baselines::atomic::write(document, text.as_bytes())?;
        println!("{name}: {filled} {} replaced", if filled == 1 { "block" } else { "blocks" });
        Ok(Exit::Ok)
    }
}

/// What a file has figures of, by the fields that it begins with.
enum FigureSource {
    Run,
    Claims,
    Calibration,
}

impl FigureSource {
    fn of(path: &Path) -> FigureSource {
        let Ok(text) = std::fs::read_to_string(path) else { return FigureSource::Run };
        let has = |text: &str, field: &str| {
            serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.get(field).is_some())
        };
        match text.lines().next() {
            Some(first) if has(first, "rules") => FigureSource::Calibration,
            _ if has(&text, "claims") => FigureSource::Claims,
            _ => FigureSource::Run,
        }
    }
}
