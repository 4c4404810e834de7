//! A stand-in for criterion: its public interface from 0.3 to 0.8, written from its documentation.
//!
//! A bench that is built with this crate in criterion's place (`--config 'patch.crates-io.criterion.path=".."'`) is a
//! worker of Assay's protocol, which FORMAT.md of Assay defines. It lists its benchmarks, does slices of one of them on
//! request, or the operations of one exact count for a profiler. Without a worker's arguments it runs each benchmark
//! once.
//!
//! - [`Criterion`], [`BenchmarkGroup`], [`Bencher`] and the macros are criterion's. What only changes how long
//!   criterion measures, what it computes and what it draws is accepted, and has no effect.
//! - `libtest.rs`, `divan.rs`, `gungraun.rs` and `iai.rs` are the roots of other crates with the same modules: the
//!   stand-ins for those.
//! - `worker` decides which benchmark runs, `serve` answers requests about it, and `slice` does the work under the
//!   clocks.
//!
//! Left out on purpose: statistics, reports, baselines, and an allocator that counts. A program has one global
//! allocator. It may be the project's own, which a library can't know, so allocations are left to valgrind.
//!
//! The crate has no dependencies, so that it builds in seconds, and measured programs contain little that isn't theirs.

// Compiled with the flags of other projects: a lint that a newer compiler adds must not fail their build under
// `-D warnings`. Our own clippy sees it as strictly as the rest.
#![cfg_attr(not(clippy), allow(warnings))]
#![cfg_attr(clippy, deny(missing_docs, warnings, rust_2018_idioms))]

mod arguments;
#[cfg(feature = "async")]
mod async_bencher;
#[cfg(feature = "async")]
pub mod async_executor;
mod bencher;
mod chance;
mod clock;
mod configuration;
mod criterion;
mod group;
mod id;
mod json;
mod loops;
mod macros;
pub mod measurement;
mod old;
mod placement;
mod process;
pub mod profiler;
mod serve;
mod slice;
mod system;
mod valgrind;
mod worker;

#[cfg(feature = "async")]
pub use crate::async_bencher::AsyncBencher;
pub use crate::bencher::{Bencher, WrapperRunner};
pub use crate::configuration::{
    AxisScale, Baseline, BatchSize, BenchmarkFilter, PlotConfiguration, PlottingBackend, SamplingMode, Throughput,
};
pub use crate::criterion::{runner, Criterion};
pub use crate::group::BenchmarkGroup;
pub use crate::id::BenchmarkId;
#[doc(hidden)]
pub use crate::old::{Benchmark, BenchmarkDefinition, Fun, ParameterizedBenchmark};
#[doc(hidden)]
pub use crate::worker::{main as __main, target as __target};

/// This crate's place in a program.
pub(crate) const REPLACED: &str = "criterion";

/// Hides from the optimizer that a value is known, or not used.
#[inline]
pub fn black_box<T>(value: T) -> T {
    std::hint::black_box(value)
}
