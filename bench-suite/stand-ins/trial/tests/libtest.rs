//! Libtest benches that were linked with the stand-in for libtest, run as workers and by people.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use support::{instructions, run};

/// The program of the benches, compiled as cargo does it for `cargo bench`.
fn benches() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let trial = Path::new(env!("CARGO_MANIFEST_DIR"));
        let stand_in = folder.join("libtest.rlib");
        let of_crate = ["--crate-name=test", "--crate-type=rlib", "--edition=2021", "-O", "--cap-lints=allow"];
        rustc(&of_crate, &trial.join("../src/libtest.rs"), &stand_in);
        let program = folder.join("benches");
        let place = format!("--extern=noprelude:test={}", stand_in.display());
        let of_bench = ["--test", "--crate-name=benches", "--edition=2021", "-O", "-Zunstable-options", &place];
        rustc(&of_bench, &trial.join("libtest/benches.rs"), &program);
        program.to_str().expect("UTF-8").to_owned()
    })
}

fn rustc(arguments: &[&str], source: &Path, to: &PathBuf) {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(arguments).arg(source).arg("-o").arg(to).env("RUSTC_BOOTSTRAP", "benches");
    assert!(command.status().expect("rustc starts").success(), "{} compiles", source.display());
}

#[test]
fn benches_are_listed_by_name_and_what_is_ignored_with_the_reason() {
    let done = run(benches(), &["--list"], "");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let line = |id: &str, why: &str| format!(r#"{{"id":"{id}","benchmark":"{id}","variant":"","operations":20{why}}}"#);
    let ignored = |reason: &str| format!(r#","skipped":"it is marked `#[ignore]`{reason}""#);
    let expected = [
        line("captured", ""),
        line("counter", ""),
        line("group::fails", ""),
        line("group::fallible", ""),
        line("ignored", &ignored("")),
        line("long", &ignored(": it takes an hour")),
        line("loopless", ""),
        line("panics", ""),
        line("returned", ""),
    ];
    assert_eq!(done.answers, expected);
    assert!(done.log.is_empty(), "{:?}", done.log);
}

#[test]
fn a_slice_is_as_many_iterations_as_were_asked_for() {
    let done = run(benches(), &["counter", "--serve", "--shift", "00016"], "slice 40\ncount 3\nend\n");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.log, ["setup", "44 iterations"], "one iteration warms up, and no test runs");
    let ready =
        r#"{"answer":"ready","protocol":3,"case":"counter","variant":"","seed":20260122,"input":"","counted":20}"#;
    assert_eq!((done.answers.len(), done.answers[0].as_str()), (4, ready));
    assert_eq!(run(benches(), &["counter", "--count"], "").log[1], "21 iterations");
    assert_eq!(run(benches(), &["group::fallible", "--count"], "").answers, [r#"{"threads":1}"#]);
    let returned = run(benches(), &["returned", "--serve"], "slice 1\nend\n").log;
    assert_eq!(returned, ["made", "dropped", "made", "dropped"]);
}

#[test]
fn what_goes_wrong_is_answered() {
    for (id, why) in [
        ("panics", "not today"),
        ("loopless", "its function called no loop of the bencher"),
        ("group::fails", "it returned an error"),
        ("long", "it is marked `#[ignore]`: it takes an hour"),
        ("a_unit_test", "no benchmark is named `a_unit_test`"),
    ] {
        let done = run(benches(), &[id, "--serve"], "");
        let last = done.answers.last().expect("an answer");
        assert!(last.starts_with(r#"{"answer":"failed","why":""#) && last.contains(why), "{id}: {last}");
        assert_eq!((done.code, done.log.len()), (Some(1), 0), "{id}");
    }
}

#[test]
fn people_get_each_benchmark_once() {
    let done = run(benches(), &["--bench"], "");
    assert_eq!(done.answers, ["captured: ran", "counter: ran", "group::fallible: ran", "returned: ran"]);
    assert!(done.stderr.contains("stand-in for libtest"), "{}", done.stderr);
    assert!(done.stderr.ends_with("error: failed: group::fails, loopless, panics\n"), "{}", done.stderr);
    assert_eq!(done.log, ["setup", "1 iterations", "made", "dropped"]);
}

#[test]
fn counts_are_those_of_the_iterations_alone() {
    let count = |operations, padding| instructions(benches(), "captured", operations, padding);
    let Some(of_100) = count(100, 0) else { return eprintln!("skipped: no valgrind") };
    assert_eq!(count(100, 1237), Some(of_100), "the environment changes nothing");
    let of_200 = count(200, 0).expect("counted");
    assert!((100..1000).contains(&(of_200 - of_100)), "{of_100} for 100 operations, {of_200} for 200");
}
