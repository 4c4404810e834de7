//! What can go wrong while a report is made.

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A format that no exporter writes.
    #[error("unknown format `{name}`: one of html, markdown, text, junit, json, github")]
    UnknownFormat {
        /// The name as written.
        name: String,
    },
    /// A chart that can't be drawn.
    #[error("can't draw the chart: {reason}")]
    Chart {
        /// What the drawing library said.
        reason: String,
    },
    /// Stacks that can't be drawn.
    #[error("can't draw the flamegraph: {reason}")]
    Flamegraph {
        /// What is wrong with the stacks.
        reason: String,
    },
    /// A report that the file format can't hold.
    #[error("can't write the report as {format}: {reason}")]
    Encode {
        /// The format.
        format: crate::Format,
        /// What the encoder said.
        reason: String,
    },
    /// A format that is about regressions.
    #[error("a ledger of claims is not written as {format}: take html, markdown, text or json")]
    NoLedger {
        /// The format.
        format: crate::Format,
    },
    /// A file that can't be written.
    #[error(transparent)]
    File(#[from] baselines::Error),
}
