//! Benches for libtest. `tests/libtest.rs` compiles them as `cargo bench` does, with the stand-in.

#![feature(test)]

extern crate test;

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::Write;

use test::Bencher;

/// Adds a line to the log of the trial.
fn note(what: &str) {
    if let Some(path) = std::env::var_os("ASSAY_TRIAL_LOG") {
        let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the log opens");
        writeln!(file, "{what}").expect("the log takes a line");
    }
}

#[bench]
fn counter(b: &mut Bencher) {
    note("setup");
    b.bytes = 7;
    let iterations = Cell::new(0);
    b.iter(|| iterations.set(test::black_box(iterations.get() + 1)));
    note(&format!("{} iterations", iterations.get()));
}

#[bench]
fn captured(b: &mut Bencher) {
    let captured = std::hint::black_box(7_u64);
    b.iter(move || captured);
}

/// Notes that it is dropped.
struct Value;

impl Drop for Value {
    fn drop(&mut self) {
        note("dropped");
    }
}

#[bench]
fn returned(b: &mut Bencher) {
    b.iter(|| {
        note("made");
        Value
    });
}

#[bench]
#[ignore]
fn ignored(_: &mut Bencher) {
    note("ignored");
}

#[bench]
#[ignore = "it takes an hour"]
fn long(_: &mut Bencher) {
    note("ignored");
}

#[bench]
fn panics(b: &mut Bencher) {
    b.iter(|| panic!("not today"));
}

#[bench]
fn loopless(_: &mut Bencher) {}

#[test]
fn a_unit_test() {
    note("a test ran");
}

mod group {
    #[bench]
    fn fallible(b: &mut test::Bencher) -> Result<(), String> {
        b.iter(|| 1);
        Ok(())
    }

    #[bench]
    fn fails(_: &mut test::Bencher) -> Result<(), String> {
        Err("no data".to_owned())
    }

    #[test]
    #[should_panic]
    fn another() {
        panic!("it does");
    }
}
