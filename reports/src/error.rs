//! The errors of making a report.

use crate::Format;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A chart that can't be drawn, with the drawing library's reason.
    #[error("can't draw the chart: {0}")]
    Chart(String),
    /// Stacks that can't be drawn, and their fault.
    #[error("can't draw the flamegraph: {0}")]
    Flamegraph(String),
    /// A report that the file format can't hold.
    #[error("can't write the report as {format}: {reason}")]
    Encode {
        /// The format.
        format: Format,
        /// The encoder's reason.
        reason: String,
    },
    /// A document whose blocks can't be filled.
    #[error("{name}: {reason}")]
    Splice {
        /// The document.
        name: String,
        /// The line, the fault and the remedy.
        reason: String,
    },
    /// A format that only shows regressions.
    #[error("a claim report is not written as {0}: take html, markdown, text or json")]
    NoClaims(Format),
    /// A file that can't be written, or a statistic that can't be computed.
    #[error(transparent)]
    Baselines(#[from] baselines::Error),
}
