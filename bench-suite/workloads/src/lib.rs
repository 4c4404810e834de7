//! The memory's benchmarks: what is measured, and the list of cases.
//!
//! - [`benchmark`] says what a benchmark is; [`benchmarks`] holds them, a workload a file; [`registry`] lists them.
//! - [`cases`] is the list of cases: a benchmark under a variant, with tags that say which lanes measure it.
//! - [`engagement`] finds out toggles that did nothing.
//! - [`input`] is what the benchmarks work on.
//! - [`suite`] is all of this as a [`worker::BenchmarkSuite`], for the program `assay-worker`.
//!
//! This crate is part of the measured programs. It may not depend on anything that measures, judges or reports.
//!
//! What can fail returns [`anyhow::Result`]: the message names the thing, the reason and the remedy, and no caller
//! decides by the kind of error.

pub mod benchmark;
pub mod benchmarks;
pub mod cases;
pub mod engagement;
pub mod input;
pub mod registry;
pub mod scratch;
pub mod suite;
