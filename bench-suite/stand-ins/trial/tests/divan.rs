//! Benches of divan that were built with the stand-in for divan, run as workers and by people.

mod support;

use support::{instructions, run};

const BENCHES: &str = env!("CARGO_BIN_EXE_divan");

#[test]
fn benches_are_listed_with_divans_names_and_what_is_left_out_with_the_reason() {
    let done = run(BENCHES, &["--list"], "");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let line = |(id, why): (&str, &str)| {
        let skipped = if why.is_empty() { String::new() } else { format!(r#","skipped":"{why}""#) };
        format!(r#"{{"id":"divan::{id}","benchmark":"divan::{id}","variant":"","operations":20{skipped}}}"#)
    };
    let ignored = "it is ignored: `#[ignore]` or the option `ignore`";
    let expected = [
        ("a group::deeper::ignored", ignored),
        ("a group::inherits", "it runs on 2 threads at once (`threads`)"),
        ("a group::plain", ""),
        ("all::u8::4", ""),
        ("all::u8::3", ""),
        ("all::String::4", ""),
        ("all::String::3", ""),
        ("broken_arguments", "its function panicked before all benchmarks were known: no data"),
        ("captured", ""),
        ("counter", ""),
        ("ignored", ignored),
        ("left_out", "`skip_exact` skips it"),
        ("loopless", ""),
        ("of all kinds::a", ""),
        ("of all kinds::b c", ""),
        ("on_all_cores", "it runs on all cores at once (`threads`)"),
        ("on_threads::t=1", ""),
        ("on_threads::t=4", "it runs on 4 threads at once (`threads`)"),
        ("optional::None", ""),
        ("optional::Some(8)", ""),
        ("owned::Vec<u8>::x", ""),
        ("owned::Vec<u8>::y", ""),
        ("owned::BTreeMap<u8, std::collections::hash::map::HashMap<u8, u8>>::x", ""),
        ("owned::BTreeMap<u8, std::collections::hash::map::HashMap<u8, u8>>::y", ""),
        ("panics", ""),
        ("refs", ""),
        ("returned", ""),
        ("sizes::1", ""),
        ("sizes::2", ""),
        ("values", ""),
    ];
    assert_eq!(done.answers, expected.map(line));
    assert_eq!(done.log, ["main", "arguments"]);
}

#[test]
fn a_slice_is_as_many_iterations_as_were_asked_for_and_no_other_benchmark_runs() {
    let done = run(BENCHES, &["divan::counter", "--serve", "--shift", "00016"], "slice 40\ncount 3\nend\n");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.log, ["main", "setup", "44 iterations"], "one iteration warms up");
    assert_eq!(done.answers.len(), 4);
    assert!(done.answers[0].contains(r#""protocol":3,"case":"divan::counter""#), "{}", done.answers[0]);
    assert_eq!(run(BENCHES, &["divan::counter", "--count"], "").log[2], "21 iterations");
}

#[test]
fn everything_that_is_listed_can_be_counted() {
    let listed = run(BENCHES, &["--list"], "").answers;
    let can_be = listed.iter().filter(|line| !line.contains("skipped"));
    let mut counted = 0;
    for id in
        can_be.filter_map(|line| line.split('"').nth(3)).filter(|id| !["divan::panics", "divan::loopless"].contains(id))
    {
        let done = run(BENCHES, &[id, "--count"], "");
        assert_eq!((done.code, done.answers), (Some(0), vec![r#"{"threads":1}"#.to_owned()]), "{id}: {}", done.stderr);
        counted += 1;
    }
    assert_eq!(counted, 21);
}

#[test]
fn inputs_are_made_before_the_batch_and_outputs_dropped_after_it() {
    let log = |id: &str| run(BENCHES, &[id, "--serve"], "slice 11\nend\n").log;
    let batch = |first: u32, number: u32| {
        let inputs = first..first + number;
        let made = inputs.clone().map(|input| format!("input {input}"));
        made.chain(inputs.map(|input| format!("uses {input}"))).chain((0..number).map(|_| "dropped".to_owned()))
    };
    let of_values = batch(1, 1).chain((0..5).flat_map(|pair| batch(2 + 2 * pair, 2))).chain(batch(12, 1));
    assert_eq!(log("divan::values")[1..], of_values.collect::<Vec<_>>());
    let many = run(BENCHES, &["divan::values", "--serve"], "slice 2600\nend\n").log;
    let first_batch = many[4..].iter().take_while(|line| line.starts_with("input ")).count();
    assert_eq!(first_batch, 256, "not more at once");
    let of_refs = |number| [vec!["borrows 1"; number], vec!["dropped"; number]].concat();
    let all = [of_refs(1), [of_refs(2), of_refs(2), of_refs(2), of_refs(2), of_refs(2)].concat(), of_refs(1)].concat();
    assert_eq!(log("divan::refs")[1..], all);
    let returned = run(BENCHES, &["divan::returned", "--serve"], "slice 2\nend\n").log;
    assert_eq!(returned[1..], ["made", "dropped", "made", "dropped", "made", "dropped"]);
}

#[test]
fn a_functions_arguments_are_made_once_and_only_for_it() {
    let owned = run(BENCHES, &["divan::owned::Vec<u8>::y", "--serve"], "slice 1\nend\n");
    assert_eq!((owned.code, &owned.log[..]), (Some(0), &["main", "arguments", "y"].map(str::to_owned)[..]));
    assert_eq!(run(BENCHES, &["divan::counter", "--count"], "").log.len(), 3);
}

#[test]
fn what_goes_wrong_is_answered() {
    for (id, why) in [
        ("divan::panics", "not today"),
        ("divan::loopless", "its function called no loop of the bencher"),
        ("divan::ignored", "it is ignored"),
        ("divan::on_threads::t=4", "it runs on 4 threads at once"),
        ("divan::broken_arguments", "no benchmark is named `divan::broken_arguments`"),
    ] {
        let done = run(BENCHES, &[id, "--serve"], "");
        let last = done.answers.last().expect("an answer");
        assert!(last.starts_with(r#"{"answer":"failed","why":""#) && last.contains(why), "{id}: {last}");
        assert_eq!(done.code, Some(1), "{id}");
    }
}

#[test]
fn people_get_each_benchmark_once() {
    let done = run(BENCHES, &["--bench", "--sample-count", "5", "sizes"], "");
    assert_eq!(done.answers, ["divan::sizes::1: ran", "divan::sizes::2: ran"]);
    assert!(done.stderr.contains("stand-in for divan"), "{}", done.stderr);
    let all = run(BENCHES, &["--bench"], "");
    assert!(
        all.stderr.ends_with("error: failed: divan::broken_arguments, divan::loopless, divan::panics\n"),
        "{}",
        all.stderr
    );
    assert!(!all.log.contains(&"ignored".to_owned()));
}

#[test]
fn counts_are_those_of_the_iterations_alone() {
    let count = |operations, padding| instructions(BENCHES, "divan::captured", operations, padding);
    let Some(of_100) = count(100, 0) else { return eprintln!("skipped: no valgrind") };
    assert_eq!(count(100, 1237), Some(of_100), "the environment changes nothing");
    let of_200 = count(200, 0).expect("counted");
    assert!((100..1000).contains(&(of_200 - of_100)), "{of_100} for 100 operations, {of_200} for 200");
}
