//! A stand-in for bencher 0.1, the port of libtest's benches to stable compilers: its public interface, written from
//! its documentation.
//!
//! It is the root of another crate with the same modules as the stand-in for criterion (`lib.rs`).
//!
//! Left out on purpose: groups that are put together by hand from the types of libtest, which the macros do.

// As in `lib.rs`.
#![cfg_attr(not(clippy), allow(warnings))]
#![cfg_attr(clippy, deny(missing_docs, warnings, rust_2018_idioms))]
#![cfg_attr(clippy, expect(dead_code, reason = "the shared modules have parts that only criterion's benches need"))]

mod arguments;
mod chance;
mod clock;
mod json;
mod loops;
mod placement;
mod plain_bencher;
mod process;
mod serve;
mod slice;
mod system;
mod valgrind;
mod worker;

pub use std::hint::black_box;

pub use crate::plain_bencher::Bencher;
#[doc(hidden)]
pub use crate::worker::main as __main;

/// This crate's place in a program.
pub(crate) const REPLACED: &str = "bencher";

/// A group: a function that comes past the benchmarks of these functions.
#[macro_export]
macro_rules! benchmark_group {
    ($group:ident, $($function:path),+ $(,)*) => {
        pub fn $group() {
            $($crate::__visit(stringify!($function), &mut $function);)+
        }
    };
}

/// The main function of a bench, with its groups.
#[macro_export]
macro_rules! benchmark_main {
    ($($group:path),+ $(,)*) => {
        fn main() {
            $crate::__main(|| {
                $($group();)+
            });
        }
    };
}

/// Comes past a benchmark.
#[doc(hidden)]
pub fn __visit(name: &str, function: &mut dyn FnMut(&mut Bencher)) {
    worker::visit(name.to_owned(), None, &mut |id| {
        let mut bencher = Bencher::new(id);
        function(&mut bencher);
        bencher.is_done()
    });
}
