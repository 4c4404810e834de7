//! Any worker and any command can be gated: a worker in Python, and a small program of a cargo package.

use std::path::Path;
use std::process::Command;

use crate::base::git;
use crate::support::{assay, parts};

/// The worker of the documentation, which sums numbers.
const WORKER: &str = include_str!("worker.py");

fn write(folder: &Path, file: &str, text: &str) {
    std::fs::create_dir_all(folder.join(file).parent().expect("a parent")).expect("made");
    std::fs::write(folder.join(file), text).expect("written");
}

fn commit(folder: &Path) {
    git(folder, &["add", "."]);
    git(folder, &["commit", "--quiet", "-m", "next"]);
}

/// A repository with these files.
fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), ".gitignore", "target\ncache\n__pycache__\nCargo.lock\n");
    files.iter().for_each(|(file, text)| write(folder.path(), file, text));
    git(folder.path(), &["init", "--quiet"]);
    commit(folder.path());
    folder
}

/// The part of the work that a change makes more of.
fn python(numbers: u32) -> String {
    format!("def work():\n    sum(range({numbers}))\n    return sum(range(1000))\n")
}

fn python_repository() -> tempfile::TempDir {
    let project = "schema = 1\nrepository = \".\"\nworker = \"python3 worker.py\"\n";
    repository(&[("assay.toml", project), ("worker.py", WORKER), ("work.py", &python(2000))])
}

fn gate_project(folder: &Path, more: &[&str]) -> (i32, String, String) {
    parts(&assay(folder, &[&["gate", "--project", "assay.toml", "--against", "HEAD"], more].concat()))
}

#[test]
fn a_worker_is_built_and_asked_on_both_sides() {
    if no_python() {
        return;
    }
    let folder = python_repository();
    let folder = folder.path();
    write(folder, "README.md", "words");
    let (code, stdout, stderr) = gate_project(folder, &[]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("both revisions build the same program"), "{stdout}");

    write(folder, "work.py", &python(3000));
    let (code, stdout, stderr) = gate_project(folder, &["--lane", "counts"]);
    assert_eq!(code, 4, "nothing can be counted: {stdout}{stderr}");
    assert!(stderr.contains("skipped: the counts lane") && stderr.contains("`counts = true`"), "{stderr}");

    let (code, stdout, stderr) = parts(&assay(folder, &["run", "--lane", "counts"]));
    assert_eq!(code, 4, "a run can't count it either: {stdout}{stderr}");
    assert!(stderr.contains("skipped: the counts lane") && stderr.contains("`counts = true`"), "{stderr}");

    write(folder, "work.py", "def work():\n    return 1\n");
    let (code, stdout, stderr) = gate_project(folder, &["--lane", "time"]);
    assert_eq!(code, 3, "fast and wrong: {stdout}{stderr}");
    assert!(stdout.contains("a wrong sum"), "{stdout}{stderr}");
}

fn no_python() -> bool {
    let missing = Command::new("python3").arg("--version").output().is_err();
    if missing {
        println!("skipped: there is no python3");
    }
    missing
}

#[test]
#[ignore = "rounds until the controls are decided: a minute where other work is going on"]
fn a_worker_in_another_language_is_gated_by_its_times() {
    if no_python() {
        return;
    }
    let folder = python_repository();
    let folder = folder.path();
    write(folder, "work.py", &python(3000));
    let (code, stdout, stderr) = gate_project(folder, &[]);
    assert_eq!(code, 100, "a third more work: {stdout}{stderr}");
    assert!(stdout.contains("regressed: cpu_time of sum"), "{stdout}");
    assert!(!stderr.contains("skipped: layouts"), "both sides run one interpreter: {stderr}");

    write(folder, "work.py", &format!("# The same work.\n{}", python(2000)));
    let (code, stdout, stderr) = gate_project(folder, &[]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("no case is slower by more than"), "{stdout}");
}

/// A program that mixes a number again and again, and takes memory.
fn tool(rounds: u32, megabytes: u32, after: &str) -> String {
    format!(
        "#[inline(never)]\nfn mix(rounds: u64) -> u64 {{\n    let mut state = 1u64;\n    for round in 0..rounds {{\n        \
        state = std::hint::black_box(state.rotate_left(7) ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15));\n    }}\n    \
        state\n}}\nfn main() {{\n    let memory = vec![1u8; {megabytes} << 20];\n    let first = \
        std::hint::black_box(&memory)[0];\n    println!(\"{{}}\", mix({rounds}) | u64::from(first));\n    {after}\n}}\n"
    )
}

const MANIFEST: &str = "[package]\nname = \"tool\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";

fn tool_repository() -> tempfile::TempDir {
    repository(&[("Cargo.toml", MANIFEST), ("src/main.rs", &tool(200_000, 8, ""))])
}

fn gate_tool(folder: &Path, more: &[&str]) -> (i32, String, String) {
    let arguments = ["gate", "--command", "target/release/tool", "--against", "HEAD"];
    parts(&assay(folder, &[&arguments[..], more].concat()))
}

#[test]
fn a_command_that_does_more_is_red_by_its_counts() {
    if let Some(why) = harness::tools::valgrind::missing() {
        println!("skipped: {why}");
        return;
    }
    let folder = tool_repository();
    let folder = folder.path();
    let gate = |more: &[&str]| gate_tool(folder, &[&["--lane", "counts"], more].concat());
    write(folder, "src/main.rs", &tool(300_000, 8, ""));
    let (code, stdout, stderr) = gate(&[]);
    assert_eq!(code, 100, "{stdout}{stderr}");
    assert!(stdout.contains("regressed: instructions of target/release/tool"), "{stdout}");
    assert!(stdout.contains("tool::mix") && stdout.contains("prints something else than in the base"), "{stdout}");

    let (code, _, stderr) = gate(&["--same-output"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("--same-output"), "{stderr}");

    write(folder, "src/main.rs", &tool(200_000, 8, "panic!(\"out of numbers\")"));
    let (code, stdout, stderr) = gate(&[]);
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stderr.contains("out of numbers") && stderr.contains("the working tree"), "{stderr}");
}

#[test]
#[ignore = "rounds until the controls are decided: a minute where other work is going on"]
fn a_command_that_takes_more_memory_is_gated_by_its_times() {
    let folder = tool_repository();
    let folder = folder.path();
    write(folder, "src/main.rs", &tool(200_000, 16, ""));
    let (code, stdout, stderr) = gate_tool(folder, &["--lane", "time"]);
    assert_eq!(code, 100, "{stdout}{stderr}");
    assert!(stdout.contains("regressed: peak_memory of target/release/tool"), "{stdout}");
    assert!(stdout.contains("(advises)") || stdout.contains("equal"), "times of another machine code: {stdout}");
    assert!(stderr.contains("skipped: layouts"), "{stderr}");
}

#[test]
fn a_command_that_is_not_there_after_the_build_is_an_error() {
    let folder = repository(&[("run.sh", "echo done\n")]);
    write(folder.path(), "run.sh", "echo done now\n");
    let gate = |command: &str| {
        parts(&assay(folder.path(), &["gate", "--command", command, "--against", "HEAD", "--build", "true"]))
    };
    let (code, _, stderr) = gate("./tool x");
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("there is no ./tool after the build") && stderr.contains("--build"), "{stderr}");
    let (code, _, stderr) = gate("sh run.sh | wc");
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("needs a shell"), "{stderr}");
}
