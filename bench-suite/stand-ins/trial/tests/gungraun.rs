//! Benches of gungraun, iai-callgrind and iai that were built with their stand-ins, run as workers and by people.

mod support;

use support::{instructions, run};

const GUNGRAUN: &str = env!("CARGO_BIN_EXE_gungraun");
const IAI_CALLGRIND: &str = env!("CARGO_BIN_EXE_iai_callgrind");
const IAI: &str = env!("CARGO_BIN_EXE_iai");

/// The benchmarks of a listing, with the reasons for what is left out.
fn listed(program: &str) -> Vec<(String, String)> {
    let done = run(program, &["--list"], "");
    assert_eq!((done.code, done.log.len()), (Some(0), 0), "{}", done.stderr);
    let field = |line: &str, name: &str| {
        let rest = line.split_once(&format!("\"{name}\":\"")).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
    };
    done.answers.iter().map(|line| (field(line, "id"), field(line, "skipped"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, why)| ((*id).to_owned(), (*why).to_owned())).collect()
}

#[test]
fn benches_are_listed_with_gungrauns_names_and_what_is_left_out_with_the_reason() {
    let of_gungraun = [
        ("gungraun::simple::plain", ""),
        ("gungraun::simple::sum/shifted", ""),
        ("gungraun::simple::sum/listed", ""),
        ("gungraun::simple::tuple/tuple", ""),
        ("gungraun::simple::pairs/pairs_0", ""),
        ("gungraun::simple::pairs/pairs_1", ""),
        ("gungraun::simple::counted/counted_0", ""),
        ("gungraun::simple::counted/counted_1", ""),
        ("gungraun::simple::counted/counted_2", ""),
        ("gungraun::others::lengths/one", ""),
        ("gungraun::others::lengths/more_0", ""),
        ("gungraun::others::lengths/more_1", ""),
        ("gungraun::others::lengths/other", ""),
        ("gungraun::others::sized/two", ""),
        ("gungraun::others::sized/others_0", ""),
        ("gungraun::others::sized/others_1", ""),
        ("gungraun::others::sized/typed_0", ""),
        ("gungraun::others::lines/lines", "it takes its inputs from a file (`file`)"),
        ("gungraun::others::panics", ""),
    ];
    assert_eq!(listed(GUNGRAUN), pairs(&of_gungraun));
    let of_iai_callgrind = [
        ("iai_callgrind::sums::sum/ten", ""),
        ("iai_callgrind::commands::command", "it is a command: `assay gate --command` measures those"),
    ];
    assert_eq!(listed(IAI_CALLGRIND), pairs(&of_iai_callgrind));
    assert_eq!(listed(IAI), pairs(&[("sum", ""), ("nothing", "")]));
}

#[test]
fn everything_that_is_listed_can_be_counted() {
    let mut counted = 0;
    for program in [GUNGRAUN, IAI_CALLGRIND, IAI] {
        for (id, _) in listed(program).into_iter().filter(|(id, why)| why.is_empty() && !id.ends_with("panics")) {
            let done = run(program, &[&id, "--count"], "");
            assert_eq!(
                (done.code, done.answers),
                (Some(0), vec![r#"{"threads":1}"#.to_owned()]),
                "{id}: {}",
                done.stderr
            );
            counted += 1;
        }
    }
    assert_eq!(counted, 20);
}

#[test]
fn setup_and_teardown_are_around_each_call() {
    let done = run(GUNGRAUN, &["gungraun::others::lengths/more_0", "--serve"], "slice 1\nend\n");
    let call = ["prepare 2", "works", "dropped", "dropped", "found 2"];
    let expected = [&["setup", "group setup"][..], &call, &call, &["group teardown", "teardown"]].concat();
    assert_eq!((done.code, done.log), (Some(0), expected.iter().map(|line| (*line).to_owned()).collect()));
}

#[test]
fn what_goes_wrong_is_answered() {
    for (id, why) in [
        ("gungraun::others::panics", "not today"),
        ("gungraun::others::lines/lines", "it takes its inputs from a file"),
        ("gungraun::gone", "no benchmark is named `gungraun::gone`"),
    ] {
        let done = run(GUNGRAUN, &[id, "--serve"], "");
        let last = done.answers.last().expect("an answer");
        assert!(last.starts_with(r#"{"answer":"failed","why":""#) && last.contains(why), "{id}: {last}");
        assert_eq!(done.code, Some(1), "{id}");
    }
}

#[test]
fn people_get_each_benchmark_once() {
    let done = run(GUNGRAUN, &["--bench", "sum/"], "");
    assert_eq!(done.answers, ["gungraun::simple::sum/shifted: ran", "gungraun::simple::sum/listed: ran"]);
    assert!(done.stderr.contains("stand-in for gungraun"), "{}", done.stderr);
    assert_eq!(run(IAI, &["--bench"], "").answers, ["sum: ran", "nothing: ran"]);
}

#[test]
fn counts_are_those_of_the_calls_alone() {
    for (program, id) in [(GUNGRAUN, "gungraun::simple::sum/listed"), (IAI, "sum")] {
        let count = |operations, padding| instructions(program, id, operations, padding);
        let Some(of_100) = count(100, 0) else { return eprintln!("skipped: no valgrind") };
        assert_eq!(count(100, 1237), Some(of_100), "the environment changes nothing");
        let of_200 = count(200, 0).expect("counted");
        assert!((100..100_000).contains(&(of_200 - of_100)), "{of_100} for 100 operations, {of_200} for 200");
    }
}
