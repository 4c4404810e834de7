//! A bench whose work can be seen from outside: it writes what it does to a file, and some of it fails.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write;
use std::time::Duration;

use criterion::{criterion_group, criterion_main, BatchSize, Criterion};

/// Notes something in the file that ASSAY_TRIAL_LOG names.
fn note(what: &str) {
    if let Some(path) = std::env::var_os("ASSAY_TRIAL_LOG") {
        let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the log opens");
        writeln!(file, "{what}").expect("the log takes a line");
    }
}

/// Notes that it is dropped.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        note("guard dropped");
    }
}

/// Work that costs about this many instructions.
#[inline(never)]
fn work(instructions: u64) -> u64 {
    (0..instructions / 4).fold(0, |sum, number| black_box(sum + number))
}

fn counted(c: &mut Criterion) {
    println!("this is printed where answers are");
    let _guard = Guard;
    c.bench_function("counter", |b| {
        note("setup");
        let iterations = Cell::new(0);
        b.iter(|| iterations.set(iterations.get() + 1));
        note(&format!("{} iterations", iterations.get()));
    });
    c.bench_function("unwanted", |_| note("unwanted"));
    c.bench_function("same", |b| b.iter(|| note("first")));
    c.bench_function("same", |b| b.iter(|| note("second")));
}

fn batched(c: &mut Criterion) {
    let mut group = c.benchmark_group("batched");
    group.bench_function("plain", |b| b.iter(|| work(1_000)));
    group.bench_function("dear_setup", |b| b.iter_batched(|| work(100_000), |_| work(1_000), BatchSize::SmallInput));
    group.bench_function("dear_setup_ref", |b| {
        b.iter_batched_ref(|| work(100_000), |_| work(1_000), BatchSize::PerIteration)
    });
    group.bench_function("order", |b| b.iter_batched(|| note("made"), |()| note("used"), BatchSize::NumBatches(2)));
    group.bench_function("wrapped", |b| {
        b.iter_with_setup_wrapper(|runner| {
            note("made");
            let used = runner.run(|| {
                note("used");
                Guard
            });
            note("kept");
            drop(used);
        });
    });
    group.bench_function("dear_wrapper", |b| {
        b.iter_with_setup_wrapper(|runner| {
            work(100_000);
            runner.run(|| work(1_000));
        });
    });
    group.finish();
}

fn tiny(c: &mut Criterion) {
    c.bench_function("constant", |b| b.iter(|| 7_u64));
    let captured = black_box(7_u64);
    c.bench_function("captured", |b| b.iter(move || captured));
}

fn failing(c: &mut Criterion) {
    c.bench_function("panics", |b| b.iter(|| panic!("not today")));
    c.bench_function("loopless", |_| {});
    c.bench_function("two loops", |b| {
        b.iter(|| note("first loop"));
        b.iter(|| note("second loop"));
    });
    c.bench_function("told", |b| b.iter_custom(|iterations| Duration::from_nanos(7 * iterations)));
    c.bench_function("sleeps", |b| b.iter(|| std::thread::sleep(Duration::from_millis(1))));
    panic!("no data");
}

fn last(c: &mut Criterion) {
    c.bench_function("last", |b| b.iter(|| 1));
}

criterion_group!(benches, counted, batched, tiny, failing, last);
criterion_main!(benches);
