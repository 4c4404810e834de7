//! Ways to fool a gate with records and policies: none of them ends with 0.

use super::support::like_the_memory;
use std::fs;
use std::path::Path;

use baselines::record::Acceptance;
use baselines::{Durability, InvalidEntry, Measurement, Run, Sample};

use crate::base::git;
use crate::support::{assay, parts, run};

/// The exit code and the output of a command.
fn told(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let (code, stdout, stderr) = parts(&assay(folder, arguments));
    (code, format!("{stdout}{stderr}"))
}

/// Compares two runs.
fn compare(folder: &Path, base: &Run, new: &Run) -> (i32, String) {
    base.write(&folder.join("base.jsonl")).expect("writes");
    new.write(&folder.join("new.jsonl")).expect("writes");
    told(folder, &["compare", "base.jsonl", "new.jsonl"])
}

/// Accepts a run as the only baseline.
fn accept(folder: &Path, base: &Run) {
    base.write(&folder.join("base.jsonl")).expect("writes");
    let accept = ["baseline", "accept", "base.jsonl", "--reason", "first", "--baselines", "stored"];
    assert_eq!(parts(&assay(folder, &accept)).0, 0);
}

/// Gates a run by the accepted baseline.
fn gate(folder: &Path, new: &Run, more: &[&str]) -> (i32, String) {
    new.write(&folder.join("new.jsonl")).expect("writes");
    told(folder, &[&["gate", "--run", "new.jsonl", "--baselines", "stored"], more].concat())
}

/// Otherwise, what it no longer has would only be new to the next gate.
#[test]
fn a_partial_run_replaces_no_baseline_unasked() {
    let folder = tempfile::tempdir().expect("a folder");
    accept(folder.path(), &run(&[("retrieve/100", 1000.0), ("step/log", 1000.0)]));
    run(&[("step/log", 1000.0)]).write(&folder.path().join("part.jsonl")).expect("writes");
    let part = ["baseline", "accept", "part.jsonl", "--reason", "quick", "--baselines", "stored"];
    let (code, output) = told(folder.path(), &part);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("the run does not have retrieve/100") && output.contains("--replace"), "{output}");
    let slower = run(&[("retrieve/100", 10_000.0), ("step/log", 1000.0)]);
    assert_eq!(gate(folder.path(), &slower, &[]).0, 100, "the baseline is the one of before");
    let (code, output) = told(folder.path(), &[&part[..], &["--replace"]].concat());
    assert_eq!(code, 0, "{output}");
}

#[test]
fn a_redefined_benchmark_is_not_switched_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut base = run(&[("retrieve/100", 1000.0), ("step/log", 1000.0)]);
    base.measurements[0].counters.insert("rows_read".into(), 5);
    base.measurements[0].counters.insert("threads".into(), 1);
    base.measurements[0].input = Some("generated#long".into());
    accept(folder.path(), &base);
    let slower = |change: fn(&mut Measurement)| {
        let mut new = run(&[("retrieve/100", 10_000.0), ("step/log", 1000.0)]);
        new.measurements[0].counters.insert("rows_read".into(), 5);
        new.measurements[0].counters.insert("threads".into(), 1);
        new.measurements[0].input = Some("generated#long".into());
        change(&mut new.measurements[0]);
        new
    };
    let operations = slower(|measurement| measurement.operations += 1);
    let durability = slower(|measurement| measurement.durability = Durability::Buffered);
    let work = slower(|measurement| {
        measurement.counters.insert("rows_read".into(), 3);
    });
    let input = slower(|measurement| measurement.input = Some("generated#short".into()));
    let threads = slower(|measurement| {
        measurement.counters.insert("threads".into(), 2);
    });
    for (new, why) in [
        (operations, "taken over 1 operations in the base, 2 now"),
        (durability, "durability differs"),
        (work, "rows_read 3 in a process, the base 5"),
        (threads, "it has 2 threads, the base has one"),
        (input, "works on another input: base generated#long, here generated#short"),
    ] {
        for (code, output) in [compare(folder.path(), &base, &new), gate(folder.path(), &new, &[])] {
            assert_eq!(code, 3, "{output}");
            assert!(output.contains(why) && output.contains("[[redefinition]]"), "{output}");
        }
    }
}

#[test]
fn fewer_threads_are_not_less_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let threads = |threads: u64| {
        let mut run = run(&[("retrieve/100", 1000.0)]);
        run.measurements[0].counters.insert("threads".into(), threads);
        run
    };
    for (base, new) in [(3, 1), (2, 3)] {
        let (code, output) = compare(folder.path(), &threads(base), &threads(new));
        assert_eq!(code, 0, "{output}");
    }
}

#[test]
fn a_filter_hides_no_deletion_and_says_what_it_leaves_out() {
    let folder = tempfile::tempdir().expect("a folder");
    accept(folder.path(), &run(&[("retrieve/100", 9.0), ("retrieve/1000", 9.0), ("step/log", 9.0)]));
    let (code, output) = gate(folder.path(), &run(&[("retrieve/100", 9.0)]), &["retrieve"]);
    assert_eq!(code, 3, "{output}");
    assert!(output.contains("retrieve/1000"), "{output}");
    let (code, output) = gate(folder.path(), &run(&[("retrieve/100", 9.0), ("retrieve/1000", 9.0)]), &["retrieve"]);
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("2 of 3 cases: filter `retrieve`"), "{output}");
}

#[test]
fn a_cost_of_some_repetitions_is_not_hidden_by_the_median() {
    let folder = tempfile::tempdir().expect("a folder");
    let repeated = |values: &[f64]| {
        let mut run = run(&[("retrieve/100", 1000.0)]);
        run.measurements[0].sample = Sample::new(values.to_vec()).expect("finite");
        run
    };
    let base = repeated(&[1000.0, 1001.0, 1000.0]);
    let (code, output) = compare(folder.path(), &base, &repeated(&[1000.0, 9000.0, 1000.0]));
    assert_eq!(code, 3, "{output}");
    assert!(output.contains("the worst repetition is not"), "{output}");
    assert_eq!(compare(folder.path(), &base, &repeated(&[1000.0, 1002.0, 1000.0])).0, 0, "within the limit");
    assert_eq!(compare(folder.path(), &repeated(&[1000.0, 9000.0, 1000.0]), &base).0, 0, "no worse than before");
}

#[test]
fn a_run_that_nobody_accepted_is_no_baseline() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("stored")).expect("a folder");
    run(&[("retrieve/100", 2000.0)]).write(&folder.path().join("stored/copied.jsonl")).expect("writes");
    let (code, output) = gate(folder.path(), &run(&[("retrieve/100", 1000.0)]), &[]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("nobody accepted it") && output.contains("assay baseline accept"), "{output}");
}

#[test]
fn a_quantity_that_nothing_can_have_is_refused_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    accept(folder.path(), &run(&[("retrieve/100", 1000.0)]));
    for absurd in [-1.0, 1e17] {
        let (code, output) = gate(folder.path(), &run(&[("retrieve/100", absurd)]), &[]);
        assert_eq!(code, 1, "{output}");
        assert!(output.contains("new.jsonl:2: ") && output.contains("no quantity is negative"), "{output}");
    }
}

#[test]
fn a_limit_that_limits_nothing_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    run(&[("retrieve/100", 1000.0)]).write(&folder.path().join("run.jsonl")).expect("writes");
    for limit in ["relative = 1e300", "relative = 11", "absolute = 1e12"] {
        let policy = format!("schema = 1\n[[rule]]\nmetric = \"instructions\"\n{limit}\naction = \"block\"\n");
        fs::write(folder.path().join("policy.toml"), policy).expect("writes");
        let compare = ["compare", "run.jsonl", "run.jsonl", "--policy", "policy.toml"];
        let (code, output) = told(folder.path(), &compare);
        assert_eq!(code, 1, "{output}");
        assert!(output.contains("as more limits nothing"), "{output}");
    }
}

#[test]
fn a_base_that_can_not_be_believed_is_not_green() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut base = run(&[("retrieve/100", 1000.0)]);
    base.invalid.push(InvalidEntry { what: "step/log".into(), why: "wrong answer".into() });
    let (code, output) = compare(folder.path(), &base, &run(&[("retrieve/100", 1000.0)]));
    assert_eq!(code, 3, "{output}");
    assert!(output.contains("the base: step/log: wrong answer"), "{output}");
}

#[test]
fn swapped_sides_are_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "--quiet"]);
    let mut sides = ["older", "newer"].map(|message| {
        git(folder.path(), &["commit", "--quiet", "--allow-empty", "-m", message]);
        let mut side = run(&[("retrieve/100", 1000.0)]);
        side.header.environment.commit = harness::build::git::resolve(folder.path(), "HEAD").expect("a commit");
        side
    });
    let (_, output) = compare(folder.path(), &sides[0], &sides[1]);
    assert!(!output.contains("swapped"), "{output}");
    sides.reverse();
    let (_, output) = compare(folder.path(), &sides[0], &sides[1]);
    assert!(output.contains("the sides may be swapped"), "{output}");
}

#[test]
fn errors_that_the_base_does_not_have_are_a_regression() {
    let folder = tempfile::tempdir().expect("a folder");
    accept(folder.path(), &run(&[("retrieve/100", 1000.0)]));
    let with_errors = |errors: Vec<f64>| {
        let mut new = run(&[("retrieve/100", 1000.0)]);
        let sample = Sample::new(errors).expect("finite");
        new.measurements.push(Measurement { metric: "errors".into(), sample, ..new.measurements[0].clone() });
        new
    };
    for errors in [vec![1000.0], vec![0.0, 0.0, 1.0]] {
        let (code, output) = gate(folder.path(), &with_errors(errors), &[]);
        assert_eq!(code, 100, "{output}");
    }
    assert_eq!(gate(folder.path(), &with_errors(vec![0.0]), &[]).0, 0);
}

/// Neither costs an instruction: a block that nobody frees, and an input of the setup that is no longer freed.
#[test]
fn a_leak_is_a_regression() {
    let folder = tempfile::tempdir().expect("a folder");
    let retaining = |blocks: f64| {
        let mut run = run(&[("retrieve/100", 1000.0)]);
        let sample = Sample::new(vec![blocks]).expect("finite");
        run.measurements.push(Measurement { metric: "retained_blocks".into(), sample, ..run.measurements[0].clone() });
        run
    };
    for (base, new, expected) in [(0.0, 1.0, 100), (-1.0, 0.0, 100), (-1.0, -1.0, 0), (1.0, 0.0, 0)] {
        let (code, output) = compare(folder.path(), &retaining(base), &retaining(new));
        assert_eq!(code, expected, "{base} to {new}: {output}");
    }
}

#[test]
fn a_baseline_without_a_folder_is_nothing_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("stored")).expect("a folder");
    let (code, output) = gate(folder.path(), &run(&[("retrieve/100", 1000.0)]), &[]);
    assert_eq!(code, 4, "{output}");
    assert!(output.contains("there is no baseline in stored"), "{output}");
}

#[test]
fn without_valgrind_counts_are_not_left_out_silently() {
    let folder = tempfile::tempdir().expect("a folder");
    like_the_memory(folder.path());
    git(folder.path(), &["init", "--quiet"]);
    git(folder.path(), &["commit", "--quiet", "--allow-empty", "-m", "first"]);
    let path = std::env::var_os("PATH").expect("a path");
    let found = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|file| file.is_file());
    std::os::unix::fs::symlink(found.expect("git is installed"), folder.path().join("git")).expect("linked");
    let gate = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_assay"));
        command.args(["gate", "--against", "HEAD"]).args(more).current_dir(folder.path());
        let output = command.env("PATH", folder.path()).env("CARGO_TARGET_DIR", folder.path().join("target")).output();
        parts(&output.expect("assay starts"))
    };
    let (code, _, stderr) = gate(&[]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("exact counts can't be gated: valgrind is not installed"), "{stderr}");
    assert!(!gate(&["--lane", "time"]).2.contains("valgrind"), "times need none");
}

#[test]
fn an_accepted_redefinition_lands() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = run(&[("retrieve/100", 1000.0), ("retrieve/1000", 1000.0), ("step/log", 1000.0)]);
    let mut new = run(&[("retrieve/100", 9000.0), ("step/log", 1000.0)]);
    new.measurements[0].operations = 7;
    base.write(&folder.path().join("base.jsonl")).expect("writes");
    new.write(&folder.path().join("new.jsonl")).expect("writes");
    let rules = "schema = 1\n[[rule]]\nmetric = \"instructions\"\naction = \"block\"\n[[redefinition]]\nbenchmark = \
        \"retrieve/*\"\nreason = \"smaller stores\"\n";
    let compare = |expires: &str| {
        fs::write(folder.path().join("policy.toml"), format!("{rules}expires = \"{expires}\"\n")).expect("writes");
        told(folder.path(), &["compare", "base.jsonl", "new.jsonl", "--policy", "policy.toml"])
    };
    let (code, output) = compare("9999-12-31");
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("retrieve/* may be gone or redefined, until 9999-12-31 (smaller stores)"), "{output}");
    let (code, output) = compare("2020-01-01");
    assert_eq!(code, 3, "{output}");
    assert!(output.contains("ran out on 2020-01-01"), "{output}");
}

/// A run that was accepted.
pub fn accepted(counts: &[(&str, f64)]) -> Run {
    let mut run = run(counts);
    run.header.accepted = Some(Acceptance { reason: "first".into(), at: "2026-01-01T00:00:00Z".into() });
    run
}
