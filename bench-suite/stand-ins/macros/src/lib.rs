//! The macros of the stand-ins for divan, and for gungraun and iai-callgrind.
//!
//! Left out on purpose: a parser of Rust. Options and the heads of items are read token by token, so that nothing has
//! to be compiled for them but this crate.

// As in the stand-in's `lib.rs`.
#![cfg_attr(not(clippy), allow(warnings))]
#![cfg_attr(clippy, deny(missing_docs, warnings, rust_2018_idioms))]

mod divan;
mod gungraun;
mod head;
mod options;
mod tokens;

use proc_macro::TokenStream;

use tokens::{fill, text};

/// A benchmark of divan.
#[proc_macro_attribute]
pub fn bench(options: TokenStream, item: TokenStream) -> TokenStream {
    let beside = compiled(divan::bench(options, item.clone()));
    [item, beside].into_iter().collect()
}

/// A module whose benchmarks share a name and options, for divan.
#[proc_macro_attribute]
pub fn bench_group(options: TokenStream, item: TokenStream) -> TokenStream {
    let beside = compiled(divan::bench_group(options, item.clone()));
    [item, beside].into_iter().collect()
}

/// A benchmark of gungraun.
#[proc_macro_attribute]
pub fn library_benchmark(options: TokenStream, item: TokenStream) -> TokenStream {
    compiled(gungraun::library_benchmark(options, item))
}

/// A benchmark of gungraun that is a command. It is not compiled: nothing measures it.
#[proc_macro_attribute]
pub fn binary_benchmark(_: TokenStream, _: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// A group of benchmarks of gungraun.
#[proc_macro]
pub fn library_benchmark_group(input: TokenStream) -> TokenStream {
    compiled(gungraun::group(input, true))
}

/// A group of commands of gungraun.
#[proc_macro]
pub fn binary_benchmark_group(input: TokenStream) -> TokenStream {
    compiled(gungraun::group(input, false))
}

/// The main function of gungraun.
#[proc_macro]
pub fn main(input: TokenStream) -> TokenStream {
    compiled(gungraun::main(input))
}

/// What the compiler gets: an error that it prints, if there is one.
fn compiled(expanded: Result<TokenStream, String>) -> TokenStream {
    expanded.unwrap_or_else(|why| fill("::std::compile_error!(__WHY);", &[("__WHY", text(&why))]))
}
