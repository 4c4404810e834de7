//! A stand-in for divan 0.1: its public interface, written from its documentation.
//!
//! It is the root of another crate with the same modules as the stand-in for criterion (`lib.rs`), so a bench that is
//! built with it is a worker of the same protocol. The attributes are in `divan/macros`.
//!
//! - [`Bencher`], [`Divan`], [`counter`] and the attributes are divan's. What only changes how long divan measures,
//!   what it computes and what it prints is accepted, and has no effect.
//! - `entry` has the list of the benchmarks, with the names and options that they get from their groups.
//!
//! A benchmark has one thread. Where divan would give it more, it is listed as skipped.
//!
//! Left out on purpose: regular expressions (`skip_regex` skips nothing), and the counts of divan's allocator.

// As in `lib.rs`.
#![cfg_attr(not(clippy), allow(warnings))]
#![cfg_attr(clippy, deny(missing_docs, warnings, rust_2018_idioms))]
#![cfg_attr(clippy, expect(dead_code, reason = "the shared modules have parts that only criterion's benches need"))]

mod arguments;
mod chance;
mod clock;
mod few;
mod json;
mod loops;
mod placement;
mod process;
mod serve;
mod slice;
mod system;
mod valgrind;
mod worker;

#[path = "divan/expansion.rs"]
#[doc(hidden)]
pub mod __private;
#[path = "divan/allocator.rs"]
mod allocator;
#[path = "divan/bencher.rs"]
mod bencher;
#[path = "divan/configuration.rs"]
mod configuration;
#[path = "divan/counter.rs"]
pub mod counter;
#[path = "divan/entry.rs"]
mod entry;
#[path = "divan/options.rs"]
mod options;

pub use std::hint::black_box;

pub use macros::{bench, bench_group};

pub use crate::allocator::AllocProfiler;
pub use crate::bencher::Bencher;
pub use crate::configuration::Divan;

/// What benches import together.
pub mod prelude {
    pub use crate::{bench, bench_group, black_box, black_box_drop, AllocProfiler, Bencher, Divan};
}

/// This crate's place in a program.
pub(crate) const REPLACED: &str = "divan";

/// The main function of a bench.
pub fn main() {
    Divan::from_args().main();
}

/// Drops a value that the optimizer must not know.
#[inline]
pub fn black_box_drop<T>(value: T) {
    drop(black_box(value));
}
