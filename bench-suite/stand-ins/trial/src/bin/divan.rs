//! Benches for divan, in all forms that its attributes have.

#![forbid(unsafe_code)]
#![expect(dead_code, reason = "a function without a constant is never called")]
#![expect(clippy::ptr_arg, reason = "an argument has any type")]

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use divan::counter::{BytesCount, ItemsCount};
use divan::{black_box, AllocProfiler, Bencher};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    note("main");
    divan::Divan::from_args().sample_count(3).max_time(Duration::from_secs(1)).skip_exact("divan::left_out").main();
}

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

#[divan::bench]
fn counter(bencher: Bencher) {
    note("setup");
    let iterations = Cell::new(0);
    bencher.counter(ItemsCount::new(7_u32)).bench_local(|| iterations.set(black_box(iterations.get() + 1)));
    note(&format!("{} iterations", iterations.get()));
}

#[divan::bench(sample_size = 10, min_time = 0.1, max_time = Duration::from_secs(1), skip_ext_time, bytes_count = 8_u64)]
fn captured(bencher: Bencher) {
    let captured = black_box(7_u64);
    bencher.bench(move || captured);
}

#[divan::bench]
fn returned() -> Value {
    note("made");
    Value
}

#[divan::bench(counters = [BytesCount::of::<u64>(), 5_u8])]
fn values(bencher: Bencher<'_, '_>) {
    let inputs = Cell::new(0);
    let input = || {
        inputs.set(inputs.get() + 1);
        note(&format!("input {}", inputs.get()));
        inputs.get()
    };
    bencher.with_inputs(input).count_inputs_as::<ItemsCount>().bench_local_values(|input: u32| {
        note(&format!("uses {input}"));
        Value
    });
}

#[divan::bench]
fn refs(bencher: Bencher) {
    bencher
        .with_inputs(|| vec![Value])
        .input_counter(BytesCount::of_slice)
        .bench_refs(|input| note(&format!("borrows {}", input.len())));
}

#[divan::bench(name = "of all kinds", args = ["a", "b c"])]
fn texts(text: &str) -> usize {
    black_box(text).len()
}

#[divan::bench(args = made(), types = [Vec<u8>, BTreeMap<u8, HashMap<u8, u8>>])]
fn owned<T: Default + Debug>(bencher: Bencher, argument: &Cow<'static, str>) {
    note(argument);
    bencher.bench(|| (T::default(), argument.len()));
}

fn made() -> [Cow<'static, str>; 2] {
    note("arguments");
    [Cow::from("x"), Cow::from("y".to_owned())]
}

#[divan::bench(args = [None, Some(1 << 3)])]
fn optional(number: Option<u32>) -> u32 {
    number.unwrap_or(0)
}

#[divan::bench(args = [])]
fn no_arguments(_: &'static str) {}

const SIZES: [usize; 2] = [1, 2];

#[divan::bench(consts = SIZES)]
fn sizes<const N: usize>() -> [u8; N] {
    black_box([0; N])
}

#[divan::bench(consts = [])]
fn no_sizes<const N: usize>() {}

#[divan::bench(types = [u8, std::string::String], consts = [1 << 2, { 3 }])]
fn all<T, const N: usize>(bencher: Bencher)
where
    T: Default,
{
    bencher.bench_local(|| [(); N].map(|()| T::default()));
}

#[divan::bench(threads)]
fn on_all_cores() {}

#[divan::bench(threads = [4, 1])]
fn on_threads() {}

#[divan::bench]
fn left_out() {}

#[divan::bench]
#[ignore]
fn ignored() {
    note("ignored");
}

#[divan::bench]
fn panics() {
    panic!("not today");
}

#[divan::bench]
fn loopless(_: Bencher) {}

#[divan::bench(args = Vec::<u8>::from_iter([1].iter().map(|_| panic!("no data"))))]
fn broken_arguments(_: u8) {}

#[divan::bench_group(name = "a group", threads = 2, ignore)]
mod group {
    #[divan::bench(threads = 1, ignore = false)]
    fn r#plain() {}

    #[divan::bench(ignore = false)]
    fn inherits() {}

    mod deeper {
        #[divan::bench(crate = ::divan)]
        extern "C" fn ignored() {}
    }
}
