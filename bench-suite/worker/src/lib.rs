//! The measured process, whatever it measures: it sets one case up, does slices of work as it is asked to, and says
//! what they cost.
//!
//! - [`BenchmarkSuite`] is what a program brings along: its list of cases, and how each is set up. [`Prepared`] is a
//!   case that is set up.
//! - [`program`] makes a worker of a suite: [`protocol`] is the language it speaks, [`serve`] its end of a
//!   conversation.
//! - [`slice`] runs the work under the clocks, [`heap`] counts allocations.
//! - [`alignment`], [`pin`] and [`cpu`] keep a process from differing by where it lies and runs; [`valgrind`] talks to
//!   valgrind.
//!
//! This crate knows neither the memory nor the process that measures. Keep it small: it is part of every measured
//! program.

pub mod alignment;
pub mod cpu;
pub mod heap;
pub mod pin;
pub mod program;
pub mod protocol;
pub mod serve;
pub mod slice;
mod suite;
pub mod valgrind;

pub use suite::{BenchmarkSuite, CaseSetup, Prepared};
