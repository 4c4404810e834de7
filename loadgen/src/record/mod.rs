//! The times of requests, as they are kept and written.
//!
//! - [`tally`]: all requests of a run, in histograms.
//! - [`interval_log`]: histograms by operation and second, as a file that other tools read too.
//! - [`log_writer`]: writes that file while the run goes on.
//! - [`merge`]: adds the files of several generators.

pub mod interval_log;
pub mod log_writer;
pub mod merge;
pub mod tally;
