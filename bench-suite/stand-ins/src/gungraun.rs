//! A stand-in for gungraun, and for iai-callgrind, as it was called before 0.17: the public interface of its macros,
//! written from its documentation.
//!
//! It is the root of another crate with the same modules as the stand-in for criterion (`lib.rs`), so a bench that is
//! built with it is a worker of the same protocol. The macros are in `macros`.
//!
//! Gungraun calls a function once, in a process that has done nothing else. Here an operation is a call, of many.
//!
//! Left out on purpose: the builders of configurations. Their names are there to be imported, and the macros leave out
//! what is built of them. So are commands (`#[binary_benchmark]`), files of inputs, and requests to valgrind.

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

#[path = "gungraun/group.rs"]
#[doc(hidden)]
pub mod __private;

pub use std::hint::black_box;

pub use macros::{binary_benchmark, binary_benchmark_group, library_benchmark, library_benchmark_group, main};

/// What benches import together.
pub mod prelude {
    pub use crate::{
        binary_benchmark, binary_benchmark_group, library_benchmark, library_benchmark_group, main,
        BinaryBenchmarkConfig, Command, LibraryBenchmarkConfig,
    };
}

/// This crate's place in a program.
pub(crate) const REPLACED: &str = "gungraun";

macro_rules! names {
    ($($name:ident)*) => {
        $(
            /// A name to be imported.
            #[derive(Debug)]
            pub struct $name;
        )*
    };
}

names!(
    Arg Bbv Bench BenchmarkId BinaryBenchmark BinaryBenchmarkConfig BinaryBenchmarkGroup Cachegrind CachegrindMetric
    CachegrindMetrics Callgrind CallgrindMetrics Command Delay DelayKind Dhat DhatMetric DhatMetrics Direction Drd
    EntryPoint ErrorMetric EventKind ExitWith Fixtures FlamegraphConfig FlamegraphKind Helgrind LibraryBenchmarkConfig
    Limit Massif Memcheck OutputFormat Perf PerfMetric PerfRunMode Pipe RegressionConfig Run Sandbox SanitizeOutput
    Stdin Stdio Tool Unit ValgrindTool
);
