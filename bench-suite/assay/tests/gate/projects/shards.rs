//! A gate in parts, as the machines of a CI matrix measure it, and what `assay merge` makes of them.

use std::path::PathBuf;

use baselines::Run;

use crate::support::{LIBRARY, Project, has_valgrind, slower, summing};

/// The gate of the last commit, of a part or of everything.
fn gate(project: &Project, shard: Option<&str>) -> (i32, String, String) {
    let shard: Vec<&str> = shard.map(|shard| ["--shard", shard]).into_iter().flatten().collect();
    project.assay(&[&["gate", "--lane", "counts", "--against", "HEAD~1"], &shard[..]].concat())
}

/// The runs of shards, by name.
fn shards(project: &Project) -> Vec<PathBuf> {
    let runs = std::fs::read_dir(project.root().join("target/assay/runs")).expect("there are runs");
    let mut runs: Vec<PathBuf> = runs.map(|entry| entry.expect("an entry").path()).collect();
    runs.retain(|run| run.to_string_lossy().contains("-shard") && run.to_string_lossy().ends_with("of2.jsonl"));
    runs.sort_by_key(|run| run.to_string_lossy().split("-shard").last().map(str::to_owned));
    runs
}

/// The lines of verdicts, sorted.
fn verdicts(said: &str) -> Vec<String> {
    let is_verdict = |line: &&str| ["regressed ", "improved ", "equal "].iter().any(|word| line.starts_with(word));
    let mut lines: Vec<String> = said.lines().filter(is_verdict).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn the_parts_of_a_gate_are_judged_together() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    project.write("src/lib.rs", &slower(LIBRARY));
    project.commit();
    let (code, whole, progress) = gate(&project, None);
    assert_eq!(code, 100, "{whole}{progress}");
    let mut codes = Vec::new();
    for part in ["1/2", "2/2"] {
        let (code, said, progress) = gate(&project, Some(part));
        assert!(said.contains(&format!("; shard {part}: ")), "{said}{progress}");
        codes.push(code);
    }
    codes.sort_unstable();
    assert_eq!(codes, [0, 100], "one part has the slower function");
    let files = shards(&project);
    let read = |path: &PathBuf| Run::read(path, false).expect("a run");
    let [one, two] = &files[..] else { panic!("two shards: {files:?}") };
    let cases = |run: &Run| run.deltas.iter().map(|delta| delta.case.benchmark.clone()).collect::<Vec<_>>();
    let (of_one, of_two) = (cases(&read(one)), cases(&read(two)));
    assert!(!of_one.is_empty() && !of_two.is_empty() && of_one.iter().all(|case| !of_two.contains(case)));
    // Another machine has neither the project nor its runs.
    let elsewhere = Project::new(&[]);
    for (number, file) in files.iter().enumerate() {
        let text = std::fs::read_to_string(file).expect("read");
        elsewhere.write(&format!("shards/{number}/run.jsonl"), &text);
    }
    let (code, said, progress) = elsewhere.assay(&["merge", "shards"]);
    assert_eq!(code, 100, "{said}{progress}");
    assert_eq!(verdicts(&said), verdicts(&whole));
    let summary = |text: &str| text.lines().find(|line| line.contains("regressed: ")).map(str::to_owned);
    assert_eq!(summary(&said), summary(&whole), "{said}");
    assert!(said.contains("summing::squares: costlier per call"), "the function is named: {said}");
    let [one, two] = [one, two].map(|file| file.to_str().expect("text"));
    let refused = |files: &[&str], why: &str| {
        let (code, said, told) = project.assay(&[&["merge"], files].concat());
        assert!(code == 1 && said.is_empty() && told.contains(why), "{files:?}: {told}");
    };
    refused(&[one], "of 2 shards, 2 is missing");
    refused(&[one, two, one], "shard 1 of 2 is there twice");
    refused(&["nowhere"], "there is no nowhere");
    project.write("src/lib.rs", &format!("{LIBRARY}\n"));
    project.commit();
    let (_, _, progress) = gate(&project, Some("2/2"));
    let another = shards(&project).into_iter().find(|file| ![one, two].map(Some).contains(&file.to_str()));
    let another = another.unwrap_or_else(|| panic!("a third shard: {progress}"));
    refused(&[one, another.to_str().expect("text")], "give the shards of one pair of revisions");
}

#[test]
fn a_part_without_a_case_and_one_program_on_both_sides_pass() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    project.write("src/lib.rs", &slower(LIBRARY));
    project.commit();
    let (code, said, progress) = gate(&project, Some("9/9"));
    assert_eq!(code, 0, "{said}{progress}");
    assert!(said.contains("nothing to do: all cases are in other shards than 9/9"), "{said}{progress}");
    project.write("README.md", "Other words.\n");
    project.commit();
    for part in ["1/2", "2/2"] {
        assert_eq!(gate(&project, Some(part)).0, 0);
    }
    let (code, said, progress) = project.assay(&["merge", "target/assay/runs"]);
    assert_eq!(code, 1, "the folder has a shard of nine: {said}{progress}");
    let files = shards(&project);
    let [one, two] = &files[..] else { panic!("two shards: {files:?}") };
    let merge = ["merge", one.to_str().expect("text"), two.to_str().expect("text")];
    let (code, said, progress) = project.assay(&merge);
    assert_eq!(code, 0, "{said}{progress}");
    assert!(said.contains("both revisions build the same program"), "{said}{progress}");
}

/// One benchmark that takes long, and three that take none.
const UNLIKE: &str = r#"#![feature(test)]

extern crate test;

use test::{Bencher, black_box};

#[bench]
fn long(b: &mut Bencher) {
    b.iter(|| (0..summing::long()).map(black_box).sum::<u64>());
}

#[bench]
fn one(b: &mut Bencher) {
    b.iter(|| black_box(1));
}

#[bench]
fn two(b: &mut Bencher) {
    b.iter(|| black_box(2));
}

#[bench]
fn three(b: &mut Bencher) {
    b.iter(|| black_box(3));
}
"#;

#[test]
fn parts_weigh_alike_by_what_the_base_has_stored() {
    if !has_valgrind() {
        return;
    }
    let library = "/// Iterations.\npub fn long() -> u64 {\n    20_000_000\n}\n";
    let project = Project::new(&[
        ("Cargo.toml", "[package]\nname = \"summing\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
        ("src/lib.rs", library),
        ("benches/unlike.rs", UNLIKE),
    ]);
    assert_eq!(project.assay(&["run", "--lane", "counts"]).0, 0);
    assert_eq!(project.assay(&["baseline", "accept", "--reason", "first", "--dirty"]).0, 0);
    project.commit();
    project.write("src/lib.rs", &library.replace("20_000_000", "20_000_001"));
    project.commit();
    let sizes = ["1/2", "2/2"].map(|part| {
        let (code, said, progress) = gate(&project, Some(part));
        assert_eq!(code, 0, "{said}{progress}");
        ["1 of 4", "2 of 4", "3 of 4"].into_iter().find(|size| said.contains(&format!("shard {part}: {size} cases")))
    });
    assert_eq!(sizes, [Some("1 of 4"), Some("3 of 4")], "the long one has a machine for itself");
}
