//! A base that can't be built or does not exist is an error that names it, and never green.

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
