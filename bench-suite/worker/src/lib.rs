//! The measured process, for any program: it sets up one case, does slices of work on request, and reports their cost.
//!
//! - [`BenchmarkSuite`] is what a program supplies: its cases and their setup. [`Prepared`] is a case that is set up.
//! - [`program`] turns a suite into a worker: [`protocol`] defines the commands and answers, [`serve`] answers them.
//! - [`mod@slice`] runs the work under the clocks, [`scheduling`] tells waiting from running, [`heap`] counts
//!   allocations.
//! - [`alignment`], [`pin`] and [`cpu`] keep placement from changing a measurement; [`valgrind`] talks to valgrind.
//!
//! This crate does not know the memory or the measuring process. Keep it small: every measured program contains it.

pub mod alignment;
pub mod cpu;
pub mod heap;
pub mod pin;
pub mod program;
pub mod protocol;
pub mod scheduling;
pub mod serve;
pub mod slice;
mod suite;
pub mod valgrind;

pub use suite::{BenchmarkSuite, CaseSetup, Prepared};
