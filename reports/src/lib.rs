//! Reports: one model, and one exporter per file.
//!
//! - [`Report`]: the model, a run with its judgement and its call stacks.
//! - [`html`]: a page for a browser; `markdown`: a comment on a change; [`text`]: tables for a terminal; `json`: for
//!   other programs, and read again; `junit`: for CI systems; `annotations`: those of a workflow on GitHub.
//! - [`splice`]: figures in documents. [`claims`]: what was promised, judged. [`calibration`]: the page, table and
//!   chart of a calibration.
//! - [`headline`]: the verdict in words. `lead`: the one sentence that everything begins with. `answers`: what readers
//!   of a red report ask. `ranking`: the order of the deltas; [`deltas`]: one in words. [`cause`]: the causes of
//!   changed counts. [`repeatability`]: repeated counts. [`history`]: the values of many commits, as text and as a
//!   site. `names`, `numbers`: cases and values as people read them.
//! - `tables`: a run as rows and columns. [`stacks`]: call stacks as functions with their sums. `costs`: the metric
//!   that charts show.
//! - [`figures`]: the choice of [`charts`]; [`toggles`] one by one, as tables for documents, too. [`flamegraph`] draws
//!   with inferno.
//!
//! This crate measures and judges nothing: it shows the verdicts of the model and no others.

mod annotations;
mod answers;
pub mod calibration;
pub mod cause;
pub mod charts;
pub mod claims;
mod costs;
pub mod deltas;
mod error;
pub mod figures;
pub mod flamegraph;
mod format;
pub mod headline;
pub mod history;
pub mod html;
mod json;
mod junit;
mod lead;
mod markdown;
mod names;
mod numbers;
mod ranking;
pub mod repeatability;
mod report;
pub mod splice;
pub mod stacks;
mod tables;
pub mod text;
pub mod toggles;

use std::path::Path;

pub use error::{Error, Result};
pub use format::Format;
pub use json::JudgedReport;
pub use report::{RawFile, Report};

/// The report in a format. The same report gives the same text, byte for byte.
pub fn render(report: &Report, format: Format) -> Result<String> {
    match format {
        Format::Html => html::render(report),
        Format::Markdown => Ok(markdown::render(report)),
        Format::Text => Ok(text::render(report)),
        Format::Junit => junit::render(report),
        Format::Json => json::render(report),
        Format::Github => Ok(annotations::render(report)),
    }
}

/// Writes the report to a file, atomically.
pub fn write(report: &Report, format: Format, path: &Path) -> Result<()> {
    Ok(baselines::atomic::write(path, render(report, format)?.as_bytes())?)
}
