//! The gate, tried on what is known: one program against itself, two builds of one source, and slowdowns of known
//! sizes.
//!
//! [`suites`] measures suites of the gate's own time lane; [`criterion`] has criterion judge the same cases; [`rules`]
//! names what a verdict depends on. The record is [`baselines::calibration`].

mod criterion;
mod rules;
pub mod suites;

pub use rules::rules;
