//! Benches for gungraun, in all forms that its macros have.

#![expect(dead_code, reason = "inputs from a file are not supported")]

use std::cell::Cell;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write;

use gungraun::prelude::*;
#[expect(unused_imports, reason = "configurations are not compiled")]
use gungraun::{Callgrind, EventKind};

/// Adds a line to the log of the trial.
fn note(what: &str) {
    if let Some(path) = std::env::var_os("ASSAY_TRIAL_LOG") {
        let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the log opens");
        writeln!(file, "{what}").expect("the log takes a line");
    }
}

/// Notes that it is dropped.
struct Value;

impl Drop for Value {
    fn drop(&mut self) {
        note("dropped");
    }
}

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

#[library_benchmark]
fn plain() -> u64 {
    CALLS.with(|calls| {
        calls.set(calls.get() + 1);
        calls.get()
    })
}

#[library_benchmark]
#[bench::shifted(1 << 3, 2)]
#[bench::listed(args = (black_box(3), 4), config = LibraryBenchmarkConfig::default().tool(Callgrind::default()))]
fn sum(a: u64, b: u64) -> u64 {
    a + black_box(b)
}

fn prepare(length: usize) -> Vec<Value> {
    note(&format!("prepare {length}"));
    std::iter::repeat_with(|| Value).take(length).collect()
}

fn check(found: usize) {
    note(&format!("found {found}"));
}

#[library_benchmark(setup = prepare, teardown = check)]
#[bench::one(1)]
#[benches::more(args = [2, 3])]
#[bench::other(args = (), setup = Vec::new)]
fn lengths(values: Vec<Value>) -> usize {
    note("works");
    values.len()
}

#[library_benchmark]
#[benches::pairs((1, "a"), (2, "b"))]
fn pairs(_: u64, text: &str) -> usize {
    text.len()
}

#[library_benchmark]
#[bench::tuple((1, 2))]
fn tuple((a, b): (u64, u64)) -> u64 {
    a + b
}

#[library_benchmark]
#[benches::counted(iter = 0..3)]
fn counted(number: u64) -> u64 {
    number
}

#[library_benchmark]
#[bench::two(args = ([1, 2]), consts = (2))]
#[benches::others(args = [[0; 3], [0; 4]], consts = [3, 2 + 2])]
#[benches::typed(args = [[0_u8; 5]], consts = [5])]
fn sized<const N: usize>(bytes: [u8; N]) -> usize {
    bytes.len()
}

#[library_benchmark]
#[benches::lines(file = "inputs.txt")]
fn lines(line: String) -> usize {
    line.len()
}

#[library_benchmark]
fn panics() {
    panic!("not today");
}

library_benchmark_group!(name = simple; benchmarks = plain, sum, tuple, pairs, counted);

library_benchmark_group!(
    name = others;
    config = LibraryBenchmarkConfig::default().event(EventKind::Ir);
    compare_by_id = true;
    setup = note("group setup");
    teardown = note("group teardown");
    benchmarks = lengths, sized, lines, panics
);

#[binary_benchmark]
fn command() -> Command {
    Command::new("/bin/true").arg("nothing is compiled here").build()
}

binary_benchmark_group!(name = commands, benchmarks = [command]);

main!(
    config = LibraryBenchmarkConfig::default();
    setup = note("setup");
    teardown = note("teardown");
    library_benchmark_groups = simple, others
);
