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

pub mod calibration;
pub mod cause;
pub mod chart;
mod error;
pub mod figures;
pub mod flamegraph;
mod format;
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
mod report;
mod scale;
pub mod tables;
pub mod text;

use std::path::Path;

pub use error::{Error, Result};
pub use format::Format;
pub use report::{Profile, Report};

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
