//! Benches of bencher that were built with its stand-in, run as workers.

mod support;

use support::{instructions, run};

const BENCHER: &str = env!("CARGO_BIN_EXE_bencher");

#[test]
fn benches_are_listed_with_their_functions_names() {
    let done = run(BENCHER, &["--list"], "");
    let names = ["sum", "others::nothing", "no_loop"];
    assert_eq!((done.code, done.answers.len(), done.log.len()), (Some(0), names.len(), 0), "{}", done.stderr);
    for (line, name) in done.answers.iter().zip(names) {
        assert!(line.starts_with(&format!(r#"{{"id":"{name}","benchmark":"{name}""#)), "{line}");
    }
}

#[test]
fn they_are_served_and_counted_and_one_without_a_loop_says_so() {
    let done = run(BENCHER, &["sum", "--serve"], "slice 3\nend\n");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.answers.iter().any(|line| line.contains(r#""answer":"slice","operations":3"#)), "{:?}", done.answers);
    let done = run(BENCHER, &["others::nothing", "--count"], "");
    assert_eq!((done.code, done.answers), (Some(0), vec![r#"{"threads":1}"#.to_owned()]), "{}", done.stderr);
    let done = run(BENCHER, &["no_loop", "--count"], "");
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("its function called no loop of the bencher"), "{}", done.stderr);
}

#[test]
fn counts_are_those_of_the_iterations() {
    let count = |operations, padding| instructions(BENCHER, "sum", operations, padding);
    let Some(twenty) = count(20, 0) else { return eprintln!("skipped: no valgrind") };
    assert_eq!(count(20, 1237), Some(twenty), "the environment changes nothing");
    let one = count(1, 0).expect("counted");
    assert!((one * 15..one * 21).contains(&twenty), "{one} {twenty}");
}
