//! A base that can't be built or does not exist is an error that names it, and never green; one that builds the program
//! that the tree builds leaves nothing to measure.

use super::support::like_the_memory;
use std::path::Path;
use std::process::{Command, Output};

pub fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("it works");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A workspace without dependencies whose only program is not Rust.
fn broken_workspace(folder: &Path) {
    let manifest = "[package]\nname = \"broken\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[[bin]]\nname = \
        \"assay-worker\"\npath = \"main.rs\"\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).expect("written");
    std::fs::write(folder.join("Cargo.lock"), "version = 4\n[[package]]\nname = \"broken\"\nversion = \"0.1.0\"\n")
        .expect("it works");
    std::fs::write(folder.join("main.rs"), "this is no program\n").expect("written");
    like_the_memory(folder);
    git(folder, &["init", "--quiet"]);
    git(folder, &["add", "."]);
    git(folder, &["commit", "--quiet", "-m", "broken"]);
}

fn gate(folder: &Path, against: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(["gate", "--lane", "time", "--against", against])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("ASSAY_CACHE", folder.join("cache"))
        .output()
        .expect("assay starts")
}

#[test]
fn a_base_that_does_not_build_is_an_error() {
    let folder = tempfile::tempdir().expect("it works");
    broken_workspace(folder.path());
    std::fs::write(folder.path().join("main.rs"), "fn main() {}\n").expect("written");
    let output = gate(folder.path(), "HEAD");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("does not build: choose another revision"), "{message}");
    assert!(output.stdout.is_empty(), "a verdict was printed");
}

#[test]
fn a_base_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().expect("it works");
    broken_workspace(folder.path());
    for against in ["nowhere", "--output=x", ""] {
        let output = Command::new(env!("CARGO_BIN_EXE_assay"))
            .args(["gate", "--lane", "time", &format!("--against={against}")])
            .current_dir(folder.path())
            .env("CARGO_TARGET_DIR", folder.path().join("target"))
            .env("ASSAY_CACHE", folder.path().join("cache"))
            .output()
            .expect("it works");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{against}: {message}");
        assert!(message.contains("there is no revision"), "{against}: {message}");
    }
    let output = gate(tempfile::tempdir().expect("it works").path(), "HEAD");
    assert_eq!(output.status.code(), Some(1), "no repository");
}

/// A worker without cases, on a CPU without features, above a test.
const WORKER: &str = "fn main() {
    if std::env::args().nth(1).as_deref() != Some(\"--list\") {
        println!(\"[]\");
    }
}
#[cfg(test)]
";

/// A workspace with the measured packages, whose worker has no cases; on a branch that left `main`.
fn small_workspace(folder: &Path) {
    let write = |file: &str, text: &str| {
        std::fs::create_dir_all(folder.join(file).parent().expect("a parent")).expect("made");
        std::fs::write(folder.join(file), text).expect("written");
    };
    let mut lock = "version = 4\n".to_owned();
    for package in ["memory", "workloads"] {
        let manifest = format!("[package]\nname = \"{package}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        write(&format!("{package}/Cargo.toml"), &manifest);
        write(&format!("{package}/src/lib.rs"), "");
        lock.push_str(&format!("\n[[package]]\nname = \"{package}\"\nversion = \"0.1.0\"\n"));
    }
    write("workloads/src/bin/assay-worker.rs", &format!("{WORKER}fn tested() {{}}\n"));
    write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"memory\", \"workloads\"]\n");
    write("Cargo.lock", &lock);
    write(".gitignore", "target\ncache\n");
    like_the_memory(folder);
    git(folder, &["init", "--quiet"]);
    git(folder, &["add", "."]);
    git(folder, &["commit", "--quiet", "-m", "small"]);
    git(folder, &["checkout", "--quiet", "-b", "topic"]);
    git(folder, &["checkout", "--quiet", "main"]);
    write("workloads/src/bin/assay-worker.rs", "fn main() {\n    println!(\"main went on\");\n}\n");
    git(folder, &["commit", "--quiet", "--all", "-m", "later"]);
    git(folder, &["checkout", "--quiet", "topic"]);
}

#[test]
fn documents_and_tests_pass_without_a_measurement() {
    let folder = tempfile::tempdir().expect("it works");
    small_workspace(folder.path());
    std::fs::write(folder.path().join("README.md"), "words").expect("written");
    let worker = folder.path().join("workloads/src/bin/assay-worker.rs");
    std::fs::write(&worker, format!("{WORKER}fn tested() {{\n    main();\n}}\n")).expect("written");
    let output = gate(folder.path(), "main");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}{told}");
    assert!(said.contains("passed: both revisions build the same program, so nothing was measured"), "{said}");
    assert!(said.contains("(merge base of HEAD and main)"), "{said}");
    assert!(said.contains("`memory-server` and `loadgen` are not in it"), "{said}");
    let page = said.lines().find_map(|line| line.strip_prefix("report: ")).expect("a report");
    let junit = std::fs::read_to_string(Path::new(page).with_extension("xml")).expect("written");
    assert!(junit.contains("failures=\"0\"") && junit.contains("errors=\"0\""), "{junit}");
    let run = said.lines().find_map(|line| line.strip_prefix("run:    ")).expect("a run");
    let record = std::fs::read_to_string(run).expect("written");
    assert!(record.contains("{\"record\":\"same\",\"what\":\"program\"}"), "{record}");
}

#[test]
fn a_tree_is_not_compared_with_itself() {
    let folder = tempfile::tempdir().expect("it works");
    small_workspace(folder.path());
    git(folder.path(), &["checkout", "--quiet", "main"]);
    for against in ["main", "HEAD", "topic"] {
        let output = gate(folder.path(), against);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let compared = against == "topic";
        assert_eq!(output.status.code() == Some(4), !compared, "{against}: {told}");
        assert_eq!(told.contains("nothing was compared") && told.contains("`--against HEAD~1`"), !compared, "{told}");
    }
    std::fs::write(folder.path().join("README.md"), "words").expect("written");
    let output = gate(folder.path(), "main");
    assert_ne!(output.status.code(), Some(4), "the tree is not HEAD: {}", String::from_utf8_lossy(&output.stderr));
}
