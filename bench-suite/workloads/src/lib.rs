//! The memory's benchmarks and the list of cases.
//!
//! - [`benchmark`] defines a benchmark; [`benchmarks`] holds them, one workload per file; [`registry`] lists them.
//! - [`cases`] lists the cases: a benchmark under a variant, with tags for the lanes that measure it.
//! - [`engagement`] detects toggles that did nothing.
//! - [`input`] loads or generates the episodes that the benchmarks work on.
//! - [`suite`] makes a [`worker::BenchmarkSuite`] of all this, for the program `assay-worker`.
//!
//! This crate is part of the measured programs. It must not depend on code that measures, judges or reports.
//!
//! Errors are [`anyhow::Result`], as no caller distinguishes them: the message names the thing, the reason and the
//! remedy.

pub mod benchmark;
pub mod benchmarks;
pub mod cases;
mod encoding;
pub mod engagement;
pub mod growth;
pub mod input;
pub mod natural;
pub mod recall;
pub mod registry;
pub mod scratch;
pub mod suite;
