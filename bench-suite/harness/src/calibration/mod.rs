//! Tests the gate on known changes: one program against itself, two builds of one source, and slowdowns of known sizes.
//!
//! [`suites`] measures suites of the gate's time lane; `criterion` has criterion judge the same cases; `server` gates
//! the memory's server under load; [`rules()`] hashes what a verdict depends on. The record is
//! [`baselines::calibration`].

mod background_load;
mod criterion;
mod rules;
mod server;
pub mod suites;

pub use rules::rules;
