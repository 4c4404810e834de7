//! Benches that were built with the stand-in, run as workers and by people.

mod support;

use std::process::{Command, Output, Stdio};

use support::{instructions, run};

const STYLE_0_3: &str = env!("CARGO_BIN_EXE_style_0_3");
const STYLE_0_5: &str = env!("CARGO_BIN_EXE_style_0_5");
const STYLE_0_8: &str = env!("CARGO_BIN_EXE_style_0_8");
const BEHAVIOUR: &str = env!("CARGO_BIN_EXE_behaviour");
const CHANCE: &str = env!("CARGO_BIN_EXE_chance");

/// The identifiers of a listing.
fn listed(program: &str) -> Vec<String> {
    let done = run(program, &["--list"], "");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let id = |line: &String| {
        let id = line.strip_prefix(r#"{"id":""#).and_then(|rest| rest.split('"').next()).expect("an id first");
        let rest = format!(r#"{{"id":"{id}","benchmark":"{id}","variant":"","operations":20"#);
        assert!(line.starts_with(&rest) && line.ends_with('}'), "{line}");
        id.to_owned()
    };
    done.answers.iter().map(id).collect()
}

/// A line with each number as `N`.
fn without_numbers(line: &str) -> String {
    let mut text = String::new();
    for letter in line.chars() {
        match letter.is_ascii_digit() {
            true if text.ends_with('N') => {}
            true => text.push('N'),
            false => text.push(letter),
        }
    }
    text
}

#[test]
fn benches_of_all_versions_are_listed_in_their_order_with_criterions_identifiers() {
    let of_0_3 = [
        "fib 20",
        "fib/10",
        "setup",
        "large_setup",
        "large_drop",
        "custom",
        "one",
        "two/a",
        "two/b",
        "sizes/fib/1",
        "sizes/fib/2",
        "funs/x",
        "funs/y",
        "over/7",
        "over/8",
        "batched/SmallInput",
        "batched/LargeInput",
        "batched/PerIteration",
    ];
    assert_eq!(listed(STYLE_0_3), of_0_3);
    let of_0_5 = [
        "async/iter",
        "async/batched",
        "async/batched_ref",
        "async/custom",
        "async/large_drop",
        "generic/len/str",
        "generic/owned",
        "half",
        "half/custom",
    ];
    assert_eq!(listed(STYLE_0_5), of_0_5);
    assert_eq!(listed(STYLE_0_8), ["own_main/sum", "wanted"], "its filters leave two out");
}

#[test]
fn everything_that_is_listed_can_be_served_and_counted() {
    for program in [STYLE_0_3, STYLE_0_5, STYLE_0_8] {
        for id in listed(program) {
            let served = run(program, &[&id, "--serve", "--shift", "00016"], "slice 7\nend\n");
            assert_eq!((served.code, served.answers.len()), (Some(0), 3), "{id}: {}", served.stderr);
            let counted = run(program, &[&id, "--count", "--heap"], "");
            assert_eq!(
                (counted.code, counted.answers.concat().as_str()),
                (Some(0), r#"{"threads":1}"#),
                "{id}: {}",
                counted.stderr
            );
        }
    }
}

#[test]
fn a_conversation_has_the_lines_of_the_protocol() {
    let commands = "count 3\n slice 40 \nend\n";
    let done = run(BEHAVIOUR, &["counter", "--serve", "--extra-work", "0000.000"], commands);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let ready =
        r#"{"answer":"ready","protocol":3,"case":"counter","variant":"","seed":20260122,"input":"","counted":20}"#;
    assert_eq!(done.answers[0], ready);
    let cost = concat!(
        r#","cpu_ns":N,"wall_ns":N,"waiting_ns":N,"voluntary_switches":N,"involuntary_switches":N,"#,
        r#""clocks":{"cpu_ns":N,"wall_ns":N}}"#
    );
    for (answer, operations) in done.answers[1..3].iter().zip(["3", "40"]) {
        let numbers = answer.strip_prefix(&format!(r#"{{"answer":"slice","operations":{operations}"#)).expect(answer);
        assert_eq!(without_numbers(numbers).replace("null", "N"), cost);
    }
    assert_eq!(done.answers[3..], [r#"{"answer":"end","counters":{}}"#]);
}

#[test]
fn a_slice_is_as_many_iterations_as_were_asked_for_and_no_other_benchmark_runs() {
    let done = run(BEHAVIOUR, &["counter", "--serve"], "slice 40\ncount 3\nend\n");
    assert_eq!(done.log, ["setup", "44 iterations", "guard dropped"], "one iteration warms up");
    let more = run(BEHAVIOUR, &["counter", "--serve", "--extra-work", "0050.000"], "slice 40\nend\n");
    assert_eq!(more.log[1], "61 iterations");
    assert!(more.answers[1].contains(r#""operations":40,"#), "{}", more.answers[1]);
    assert_eq!(run(BEHAVIOUR, &["counter", "--count"], "").log[1], "21 iterations");
}

#[test]
fn a_name_that_is_given_twice_is_numbered_and_said() {
    let list = run(BEHAVIOUR, &["--list"], "");
    assert!(list.answers.iter().any(|line| line.starts_with(r#"{"id":"same #2","#)), "{:?}", list.answers);
    assert!(list.stderr.contains("several benchmarks are named `same`: one of them is `same #2` here"));
    for (id, noted) in [("same", "first"), ("same #2", "second")] {
        let done = run(BEHAVIOUR, &[id, "--serve"], "slice 1\nend\n");
        assert_eq!(done.log, [noted, noted, "guard dropped"]);
    }
}

#[test]
fn inputs_are_made_before_the_batch_that_uses_them() {
    let done = run(BEHAVIOUR, &["batched/order", "--serve"], "slice 4\nend\n");
    assert_eq!(done.log[1..3], ["made", "used"], "the warm-up, after the guard of the function before");
    assert_eq!(done.log[3..], ["made", "made", "used", "used", "made", "made", "used", "used"]);
}

#[test]
fn what_wraps_a_routine_is_done_around_it() {
    let done = run(BEHAVIOUR, &["batched/wrapped", "--serve"], "slice 2\nend\n");
    assert_eq!((done.code, &*done.log[0]), (Some(0), "guard dropped"), "of the function before: {}", done.stderr);
    assert_eq!(done.log[1..], [["made", "used", "kept", "guard dropped"]; 3].concat(), "one iteration warms up");
}

#[test]
fn a_time_that_the_benchmark_tells_is_the_time_of_the_slice() {
    let done = run(BEHAVIOUR, &["told", "--serve"], "slice 40\nend\n");
    assert!(done.answers[1].contains(r#""cpu_ns":280,"wall_ns":280,"waiting_ns":null,"#), "{}", done.answers[1]);
}

#[test]
#[cfg(target_os = "linux")]
fn waiting_is_seen() {
    let done = run(BEHAVIOUR, &["sleeps", "--serve"], "slice 3\nend\n");
    let switches = done.answers[1].split(r#""voluntary_switches":"#).nth(1).and_then(|rest| rest.split(',').next());
    let switches: u32 = switches.expect("the field").parse().expect("a number");
    assert!(switches >= 3, "{}", done.answers[1]);
}

#[test]
fn of_two_loops_the_first_is_measured_and_that_is_said() {
    let done = run(BEHAVIOUR, &["two loops", "--serve"], "slice 2\nend\n");
    assert_eq!(done.log[1..], ["first loop"; 3]);
    assert!(done.stderr.contains("`two loops` has several loops: only its first is measured"), "{}", done.stderr);
}

#[test]
fn what_goes_wrong_is_answered() {
    for (id, commands, why) in [
        ("panics", "", "not today"),
        ("loopless", "", "its function called no loop of the bencher"),
        ("failing", "", "no benchmark is named `failing`"),
        ("counter", "slice 0\n", "`0` is not a number of operations"),
        ("counter", "dance\n", "`dance` is not a command"),
        ("counter", "slice 1\n", "the commands ended without `end`"),
    ] {
        let done = run(BEHAVIOUR, &[id, "--serve"], commands);
        let last = done.answers.last().expect("an answer");
        assert!(last.starts_with(r#"{"answer":"failed","why":""#) && last.contains(why), "{id}: {last}");
        assert_eq!(done.code, Some(1), "{id}");
    }
    assert_eq!(run(BEHAVIOUR, &["panics", "--count"], "").code, Some(1));
    assert_eq!(run(BEHAVIOUR, &["counter", "--serve", "--set", "codec=json"], "").code, Some(2));
}

#[test]
fn a_value_of_a_measurement_of_its_own_is_no_time() {
    let done = run(STYLE_0_5, &["half/custom", "--serve"], "slice 3\nend\n");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(!done.answers[1].contains(&u64::MAX.to_string()), "{}", done.answers[1]);
}

#[test]
fn what_a_function_loses_by_a_panic_is_listed_with_the_reason() {
    let lost = run(BEHAVIOUR, &["--list"], "").answers;
    let lost: Vec<_> = lost.iter().filter(|line| line.contains("skipped")).collect();
    assert!(lost.len() == 1 && lost[0].contains(r#"all benchmarks were known: no data"#), "{lost:?}");
}

#[test]
fn people_get_each_benchmark_once() {
    let done = run(STYLE_0_5, &["--bench"], "");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!((done.answers.len(), done.answers[0].as_str()), (9, "async/iter: ran"));
    assert!(done.stderr.contains("stand-in for criterion"), "{}", done.stderr);
    let filtered = run(BEHAVIOUR, &["--bench", "--noplot", "--sample-size", "10", "count"], "");
    assert_eq!(filtered.log, ["setup", "1 iterations", "guard dropped"]);
    let names = run(STYLE_0_8, &["--list", "--format", "terse"], "");
    assert_eq!(names.answers, ["own_main/sum: benchmark", "wanted: benchmark"]);
}

#[test]
fn one_that_fails_does_not_stop_the_others() {
    let done = run(BEHAVIOUR, &[], "");
    assert_eq!(done.code, Some(1));
    assert!(done.answers.iter().any(|line| line == "last: ran"), "{:?}", done.answers);
    assert!(done.stderr.ends_with("error: failed: unwanted, panics, loopless, failing\n"), "{}", done.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn chance_is_the_same_in_every_worker_and_the_systems_for_people() {
    let noted = |arguments: &[&str], commands| {
        let done = run(CHANCE, arguments, commands);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done.log
    };
    let counted = noted(&["sources", "--count"], "");
    let names: Vec<_> = counted.iter().map(|line| line.split([' ', '[']).next().expect("a word")).collect();
    assert_eq!(names, ["early", "hasher", "another", "getrandom", "getentropy", "syscall", "dlsym", "order"]);
    assert_eq!(noted(&["sources", "--count"], ""), counted);
    assert_eq!(noted(&["sources", "--serve"], "slice 3\nend\n"), counted);
    assert_eq!(noted(&["--list"], ""), counted[..1]);
    let (one, other) = (noted(&["sources"], ""), noted(&["sources"], ""));
    for ((one, other), counted) in one.iter().zip(&other).zip(&counted) {
        assert!(one != other && one != counted, "{one}");
    }
    for pair in counted[3..7].windows(2) {
        assert_ne!(pair[0].split('[').nth(1), pair[1].split('[').nth(1), "not the same bytes again");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_printed_before_criterion_is_called_is_no_answer() {
    for arguments in [&["--list"][..], &["sources", "--serve"], &["sources", "--count"]] {
        let done = run(CHANCE, arguments, "slice 1\nend\n");
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let are_answers = done.answers.iter().all(|line| line.starts_with('{'));
        assert!(are_answers && !done.answers.is_empty(), "{:?}", done.answers);
    }
    let features = run(CHANCE, &["--cpu"], "").answers;
    assert!(features.len() == 1 && features[0].starts_with('['), "{features:?}");
    let names = run(CHANCE, &["--list", "--format", "terse"], "").answers;
    assert_eq!(names, ["sources: benchmark", "words: benchmark"]);
    assert_eq!(run(CHANCE, &["words"], "").answers, ["this is printed where answers are", "words: ran"]);
}

#[test]
#[cfg(target_os = "linux")]
fn the_seed_of_chance_is_the_environments() {
    let seeded = |seed| {
        let mut command = Command::new(CHANCE);
        command.args(["sources", "--serve"]).env("ASSAY_SEED", seed).stdin(Stdio::null());
        let Output { stdout, stderr, .. } = command.output().expect("it runs");
        (String::from_utf8(stdout).expect("UTF-8"), String::from_utf8(stderr).expect("UTF-8"))
    };
    assert!(seeded("7").0.contains(r#""variant":"","seed":7,"input":"""#), "{}", seeded("7").0);
    assert!(seeded("seven").1.contains("ASSAY_SEED is `seven`: give a number"), "{}", seeded("seven").1);
}

#[test]
fn counts_are_exact_and_leave_the_setup_out() {
    let Some(plain) = instructions(BEHAVIOUR, "batched/plain", 20, 0) else { return eprintln!("skipped: no valgrind") };
    assert_eq!(instructions(BEHAVIOUR, "batched/plain", 20, 1237), Some(plain), "the environment changes nothing");
    let one = instructions(BEHAVIOUR, "batched/plain", 1, 0).expect("counted");
    assert!(one * 18 < plain && plain < one * 21, "{one} for one operation, {plain} for 20");
    // A setup costs as much as 100 operations.
    for id in ["batched/dear_setup", "batched/dear_setup_ref", "batched/dear_wrapper"] {
        let batched = instructions(BEHAVIOUR, id, 20, 0).expect("counted");
        assert!(plain <= batched && batched < plain * 3 / 2, "{id}: {batched}, without setups {plain}");
    }
}

#[test]
fn what_a_routine_captures_stays_in_registers() {
    let of_100 = |id| Some(instructions(BEHAVIOUR, id, 200, 0)? - instructions(BEHAVIOUR, id, 100, 0)?);
    let Some(constant) = of_100("constant") else { return eprintln!("skipped: no valgrind") };
    assert_eq!(of_100("captured"), Some(constant), "as in criterion's loop, whose routine is a local variable");
}

#[test]
#[cfg(target_os = "linux")]
fn a_count_does_not_depend_on_the_hashers_keys() {
    let Some(count) = instructions(CHANCE, "words", 20, 0) else { return eprintln!("skipped: no valgrind") };
    for padding in [1, 2] {
        assert_eq!(instructions(CHANCE, "words", 20, padding), Some(count));
    }
}
