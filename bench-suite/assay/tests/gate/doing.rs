//! A gate says whose doing a change is: tried on a copy of the workspace.

use std::path::Path;
use std::process::Command;

use crate::planted::{copy_build, copy_workspace, edit};
use crate::support::parts;

/// The cases that run through both changes.
const FILTER: &str = "embedding";

#[test]
#[ignore = "builds both sides of a copy of the workspace twice, the second time without optimisation: minutes"]
fn a_constant_in_unchanged_code_is_your_doing() {
    if let Some(why) = harness::tools::valgrind::missing() {
        println!("skipped: {why}");
        return;
    }
    let workspace = harness::workspace::root();
    let folder = tempfile::tempdir_in(harness::workspace::target()).expect("a folder on the disk of the build");
    let copy = folder.path().join("copy");
    copy_workspace(&workspace, &copy);
    let target = copy.join("target");
    copy_build(&harness::workspace::target(), &target);
    for arguments in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "base"]] {
        git(&copy, arguments);
    }
    edit(&copy.join("memory/src/embedding.rs"), |source| {
        let planted = source.replace("DEFAULT_DIMENSIONS: usize = 256", "DEFAULT_DIMENSIONS: usize = 288");
        assert_ne!(planted, source, "the constant has another name: correct this test");
        planted
    });
    let gate = Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(["gate", FILTER, "--against", "HEAD", "--lane", "counts"])
        .current_dir(&copy)
        .env("CARGO_TARGET_DIR", &target)
        .env("NO_COLOR", "1")
        .output()
        .expect("assay starts");
    let (code, stdout, stderr) = parts(&gate);
    println!("{stdout}");
    assert_eq!(code, 100, "{stdout}{stderr}");
    assert!(stdout.contains("whose doing: your code: "), "{stdout}{stderr}");
}

fn git(folder: &Path, arguments: &[&str]) {
    let author = ["-c", "user.name=test", "-c", "user.email=test@test.invalid"];
    let done = Command::new("git").args(author).args(arguments).current_dir(folder).status().expect("git starts");
    assert!(done.success(), "git {arguments:?}");
}
