//! A stand-in for libtest: a target with `#[bench]` functions that is linked with this crate is a worker.
//!
//! `rustc --test` writes a main function and a constant for each test and benchmark. They name the items below, of the
//! crate `test`, and `--extern noprelude:test=..` says where that crate is. So a project's benches are workers without
//! a change to them, as with the stand-in for criterion, which this crate shares its modules with.
//!
//! Left out on purpose: tests, which are not run, and everything of libtest that no generated code and no `#[bench]`
//! function names.
//!
//! Source: `rustc --test -Zunpretty=expanded` of Rust 1.95, and its library `test`.

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

use std::process::{ExitCode, Termination};

use crate::arguments::Mode;
use crate::process::Process;

pub use std::hint::black_box;

pub use crate::plain_bencher::Bencher;
pub use crate::ShouldPanic::*;
pub use crate::TestFn::*;
pub use crate::TestName::*;

/// This crate's place in a program.
pub(crate) const REPLACED: &str = "libtest";

/// A test or a benchmark.
#[derive(Debug)]
pub struct TestDescAndFn {
    /// Its description.
    pub desc: TestDesc,
    /// Its function.
    pub testfn: TestFn,
}

/// The description of a test or a benchmark. Only the name and what is ignored have an effect here.
#[derive(Debug)]
pub struct TestDesc {
    /// The name, with the modules that it is in.
    pub name: TestName,
    /// It has the attribute `#[ignore]`.
    pub ignore: bool,
    /// The reason that the attribute gives.
    pub ignore_message: Option<&'static str>,
    /// Its file.
    pub source_file: &'static str,
    /// The place in the file.
    pub start_line: usize,
    /// The place in the file.
    pub start_col: usize,
    /// The place in the file.
    pub end_line: usize,
    /// The place in the file.
    pub end_col: usize,
    /// It must panic.
    pub should_panic: ShouldPanic,
    /// An example that must not compile.
    pub compile_fail: bool,
    /// An example that is only compiled.
    pub no_run: bool,
    /// Where it is.
    pub test_type: TestType,
}

/// A function: the result is an error where it returned one.
#[derive(Debug, Clone, Copy)]
pub enum TestFn {
    /// A test.
    StaticTestFn(fn() -> Result<(), String>),
    /// A benchmark.
    StaticBenchFn(fn(&mut Bencher) -> Result<(), String>),
}

/// A name.
#[derive(Debug, Clone, Copy)]
pub enum TestName {
    /// Written by the compiler.
    StaticTestName(&'static str),
}

/// If a function must panic.
#[derive(Debug, Clone, Copy)]
pub enum ShouldPanic {
    /// It must not.
    No,
    /// It must.
    Yes,
    /// It must, and say this.
    YesWithMessage(&'static str),
}

/// The place of a test.
#[derive(Debug, Clone, Copy)]
pub enum TestType {
    /// Beside what it tests.
    UnitTest,
    /// In a target for tests.
    IntegrationTest,
    /// In a document.
    DocTest,
    /// Anywhere.
    Unknown,
}

/// Makes a result of what a function returned.
pub fn assert_test_result<T: Termination>(result: T) -> Result<(), String> {
    match result.report() == ExitCode::SUCCESS {
        true => Ok(()),
        false => Err("it returned an error".to_owned()),
    }
}

/// The main function: comes past all benchmarks, in the order of their names as libtest does.
pub fn test_main_static(tests: &[&TestDescAndFn]) {
    let mut benches: Vec<_> = tests
        .iter()
        .filter_map(|test| match test.testfn {
            StaticBenchFn(function) => Some((&test.desc, function)),
            StaticTestFn(_) => None,
        })
        .collect();
    let name = |desc: &TestDesc| match desc.name {
        StaticTestName(name) => name,
    };
    benches.sort_by_key(|(desc, _)| name(desc));
    worker::main(|| {
        for (desc, function) in benches {
            if desc.ignore && Process::get().arguments.mode == Mode::Once {
                continue;
            }
            worker::visit(name(desc).to_owned(), refusal(desc), &mut |id| {
                let mut bencher = Bencher::new(id);
                if let Err(why) = function(&mut bencher) {
                    std::panic::resume_unwind(Box::new(why));
                }
                bencher.is_done()
            });
        }
    });
}

/// The same where a panic ends the process.
pub fn test_main_static_abort(tests: &[&TestDescAndFn]) {
    test_main_static(tests);
}

/// The reason why a benchmark is not measured.
fn refusal(desc: &TestDesc) -> Option<String> {
    let because = desc.ignore_message.map_or(String::new(), |why| format!(": {why}"));
    desc.ignore.then(|| format!("it is marked `#[ignore]`{because}"))
}
