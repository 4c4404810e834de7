//! A stand-in for iai 0.1: its public interface, written from its documentation.
//!
//! It is the root of another crate with the same modules as the stand-in for criterion (`lib.rs`). Iai counts a whole
//! process for each benchmark; here it is the routine alone.
//!
//! Left out on purpose: the attribute `#[iai]`, which needs an unstable compiler.

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
mod process;
mod serve;
mod slice;
mod system;
mod valgrind;
mod worker;

pub use std::hint::black_box;

#[doc(hidden)]
pub use crate::worker::main as __main;

/// This crate's place in a program.
pub(crate) const REPLACED: &str = "iai";

/// The main function of a bench, with the functions that it measures.
#[macro_export]
macro_rules! main {
    ($($function:ident),+ $(,)*) => {
        fn main() {
            $crate::__main(|| {
                $($crate::__visit(stringify!($function), $function);)+
            });
        }
    };
}

/// Comes past a benchmark.
#[doc(hidden)]
pub fn __visit<O>(name: &str, mut routine: impl FnMut() -> O) {
    worker::visit(name.to_owned(), None, &mut |id| {
        let mut is_done = false;
        serve::run_first(id, &mut is_done, &mut loops::each(&mut routine));
        is_done
    });
}
