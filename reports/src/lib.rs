//! How Assay says it: one model, one exporter a file.
//!
//! - [`Report`]: a run, what a gate made of it, and the profiles beside it. Everything below renders it.
//! - [`html`]: a page that needs nothing but a browser; [`markdown`]: a comment on a change; [`text`]: a terminal; [`json`]: another program;
//!   [`junit`]: CI systems; [`github`]: annotations of a workflow.
//! - [`ledger`]: what was claimed of optimisations beside what was measured, in its own formats.
//! - [`headline`]: the verdict in words, and how sure one may be of it. [`ranking`]: what a reader must see first. [`cause`]: why a count moved.
//!   [`repeatability`]: which counts came out the same again. [`names`], [`numbers`]: cases and values as people read them.
//! - [`tables`]: a run as rows and columns. [`figures`]: which charts a report has. [`chart`] draws them with plotters, [`flamegraph`] with inferno; [`palette`] colours both.
//!
//! This crate judges nothing and measures nothing: a verdict that is not in the model is not in a report either.

pub mod cause;
pub mod chart;
mod error;
pub mod figures;
pub mod flamegraph;
pub mod github;
pub mod headline;
pub mod html;
pub mod json;
pub mod junit;
pub mod ledger;
pub mod markdown;
pub mod names;
pub mod numbers;
pub mod palette;
pub mod ranking;
pub mod repeatability;
mod scale;
pub mod tables;
pub mod text;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use baselines::gate::Judgement;
use baselines::{Case, Run};

pub use error::{Error, Result};

/// All that a report says.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was measured.
    pub run: Run,
    /// What the gate made of it; nothing where nothing was compared.
    pub judgement: Option<Judgement>,
    /// What it was compared with, as in `baseline baselines/stored/x.jsonl` or `revision 4bf5022`.
    pub against: Option<String>,
    /// Where the cost of some cases lies, by call stack.
    pub profiles: Vec<Profile>,
    /// What else the reader must know, one sentence each.
    pub notes: Vec<String>,
}

/// The call stacks of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What was profiled.
    pub case: Case,
    /// Folded stacks: `main;outer;inner 42`, one a line, the cost last.
    pub folded: String,
    /// What the costs count, as in `instructions`.
    pub unit: String,
    /// The folded stacks of what it was compared with.
    pub base_folded: Option<String>,
}

impl Report {
    /// A report of a run alone: not judged, not profiled.
    pub fn new(run: Run) -> Report {
        Report { run, judgement: None, against: None, profiles: vec![], notes: vec![] }
    }
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A self-contained page.
    Html,
    /// A short comment in GitHub's Markdown.
    Markdown,
    /// Tables for a terminal.
    Text,
    /// JUnit XML.
    Junit,
    /// The model as JSON.
    Json,
    /// Workflow commands of GitHub Actions.
    Github,
}

impl Format {
    /// Every format, as help lists them.
    pub const ALL: [Format; 6] =
        [Format::Html, Format::Markdown, Format::Text, Format::Junit, Format::Json, Format::Github];

    /// The name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Format::Html => "html",
            Format::Markdown => "markdown",
            Format::Text => "text",
            Format::Junit => "junit",
            Format::Json => "json",
            Format::Github => "github",
        }
    }

    /// What a file of this format ends in.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Html => "html",
            Format::Markdown => "md",
            Format::Text | Format::Github => "txt",
            Format::Junit => "xml",
            Format::Json => "json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format> {
        Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| Error::UnknownFormat { name: name.to_owned() })
    }
}

/// The report in a format. The same report gives the same text, byte for byte.
///
/// # Errors
/// A chart, a flamegraph or a file format that can't be made of this report.
pub fn render(report: &Report, format: Format) -> Result<String> {
    match format {
        Format::Html => html::render(report),
        Format::Markdown => Ok(markdown::render(report)),
        Format::Text => Ok(text::render(report)),
        Format::Junit => junit::render(report),
        Format::Json => json::render(report),
        Format::Github => Ok(github::render(report)),
    }
}

/// Writes the report to a file: whole, or not at all.
///
/// # Errors
/// As [`render`], or the file can't be written; what was there stays.
pub fn write(report: &Report, format: Format, path: &Path) -> Result<()> {
    baselines::atomic::write(path, render(report, format)?.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_name_that_parses() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse::<Format>().ok(), Some(format));
        }
        let error = "pdf".parse::<Format>().expect_err("no such format").to_string();
        assert!(Format::ALL.iter().all(|format| error.contains(format.name())), "{error} names them all");
    }
}
