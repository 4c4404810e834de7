//! Counts of other tools kept in the repository.

use crate::inputs::{Ended, Inputs, gungraun};

fn accept(inputs: &Inputs, run: &str, reason: &str) -> Ended {
    inputs.assay(&["baseline", "accept", run, "--reason", reason, "--baselines", "stored"])
}

fn gate(inputs: &Inputs, run: &str) -> Ended {
    inputs.assay(&["gate", "--run", run, "--baselines", "stored"])
}

fn stored(inputs: &Inputs) -> Vec<String> {
    let files = std::fs::read_dir(inputs.at("stored")).expect("there").map(|file| file.expect("readable").file_name());
    let mut names: Vec<String> = files.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn counts_of_two_crates_are_kept_apart() {
    let inputs = Inputs::new();
    let of = |module: &str, count| gungraun(module, "p", &[("Ir", count)]);
    inputs.write("one/f/summary.json", of("one::g::f", 5000));
    inputs.write("two/f/summary.json", of("two::g::f", 90_000));
    inputs.write("worse/f/summary.json", of("one::g::f", 9000));
    inputs.write("other/f/summary.json", of("one::g::other", 9000));
    accept(&inputs, "one", "first").printed(0, &["stored/gungraun+p+one.jsonl\n"]);
    accept(&inputs, "two", "second").printed(0, &["stored/gungraun+p+two.jsonl\n"]);
    // What nobody can read is not overwritten without a word.
    let whole = std::fs::read_to_string(inputs.at("stored/gungraun+p+two.jsonl")).expect("read");
    inputs.write("stored/gungraun+p+two.jsonl", "<<<<<<< HEAD");
    accept(&inputs, "two", "third")
        .refused(1, "error: can't tell which benchmarks would be removed: --replace accepts");
    assert_eq!(std::fs::read_to_string(inputs.at("stored/gungraun+p+two.jsonl")).expect("read"), "<<<<<<< HEAD");
    inputs.write("stored/gungraun+p+two.jsonl", whole);
    gate(&inputs, "one").printed(0, &["passed: 1 compared", "note: this run has no benchmark of p/two"]);
    gate(&inputs, "two").printed(0, &["passed: 1 compared"]);
    gate(&inputs, "worse").printed(100, &["regressed: instructions of one::g::f\n"]);
    gate(&inputs, "other").printed(3, &["instructions of one::g::f [package=p] is missing"]);
    inputs.assay(&["baseline", "list", "--baselines", "stored"]).printed(0, &["gungraun: one", "first", "second"]);
}

#[test]
fn one_name_in_two_packages_has_two_baselines() {
    let inputs = Inputs::new();
    for (package, count) in [("crates/a", 5000), ("crates/b", 6000)] {
        inputs.write(&format!("both/{package}/summary.json"), gungraun("b::g::f", package, &[("Ir", count)]));
    }
    accept(&inputs, "both", "first").printed(0, &["gungraun+crates+a+b.jsonl\n", "gungraun+crates+b+b.jsonl\n"]);
    assert_eq!(stored(&inputs).len(), 2);
    gate(&inputs, "both").printed(0, &["passed: 2 compared"]);
}

#[test]
fn where_nothing_can_be_kept_or_found_it_is_said() {
    let inputs = Inputs::new();
    inputs.criterion("criterion/f/new", "f", 3.0);
    accept(&inputs, "criterion", "first").refused(4, "error: there is no exact count to keep, and a time of another");
    gate(&inputs, "criterion").refused(4, "criterion has no exact counts, so nothing of it can be gated");
    inputs.write("one/f/summary.json", gungraun("one::g::f", ".", &[("Ir", 5000)]));
    gate(&inputs, "one").refused(4, "there is no baseline of one in stored: `assay baseline accept one --baselines");
    let default = inputs.assay(&["gate", "--run", "one"]);
    default.refused(4, "there is no baseline of one in ");
    inputs.criterion("one/c/new", "c", 3.0);
    inputs.write("one/c/new/sample.json", r#"{"iters":[1.0],"times":[null]}"#);
    accept(&inputs, "one", "first").refused(3, "error: the run can't be believed, so it is no baseline: c: a time is");
}

#[test]
fn what_names_no_commit_is_not_added_to_a_history() {
    let inputs = Inputs::new();
    inputs.write("one/f/summary.json", gungraun("one::g::f", ".", &[("Ir", 5000)]));
    inputs.assay(&["history", "add", "one", "--history", "history"]).refused(1, "names no commit");
    assert!(!inputs.at("history").exists());
}
