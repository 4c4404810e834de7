//! Builds of a repository: nothing stale is used, nothing is shared with another gate, and what is the same is known.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use harness::build::cargo::CargoTarget;
use harness::build::checkout::{Build, SourceCheckout};
use harness::build::files;
use harness::build::git::git;
use harness::build::layouts::{self, Layouts};
use tempfile::TempDir;

/// A program that says which source, configuration and variable it was built with.
fn source(word: &str) -> String {
    format!(
        "fn main() {{\n    println!(\"{word} {{}} {{}}\", cfg!(marked), cfg!(debug_assertions));\n}}\n#[cfg(test)]\nfn tested() {{}}\n"
    )
}

const LOCK: &str = "version = 4\n\n[[package]]\nname = \"speaking\"\nversion = \"0.1.0\"\n";

/// A repository with that program, and a place for its builds.
struct Project {
    folder: TempDir,
}

impl Project {
    fn new() -> Project {
        let project = Project { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(project.repository()).unwrap();
        let manifest = "[package]\nname = \"speaking\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[[bin]]\nname = \
            \"speaking\"\npath = \"main.rs\"\n[workspace]\n";
        project.write("Cargo.toml", manifest);
        project.write("main.rs", &source("first"));
        project.write(".gitignore", "Cargo.lock\ntarget\n");
        project.write("Cargo.lock", LOCK);
        git(&project.repository(), &["init", "--quiet"]).unwrap();
        project.commit();
        project
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("outside/repository")
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.repository().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn commit(&self) {
        git(&self.repository(), &["add", "--all"]).unwrap();
        let who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
        git(&self.repository(), &[&who[..], &["commit", "--quiet", "-m", "x"]].concat()).unwrap();
    }

    fn checkout(&self) -> SourceCheckout {
        checkout(self.repository(), self.folder.path().join("home"))
    }

    /// Builds the working tree in another process, as another gate would, with a variable; returns the folder.
    fn elsewhere(&self, (name, value): (&str, &str)) -> PathBuf {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "checkout::another_process", "--ignored", "--nocapture"])
            .env(REPOSITORY, self.repository())
            .env(HOME, self.folder.path().join("home"))
            .env(name, value)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let folder = text.lines().find_map(|line| line.split_once("built in ")).expect(&text).1;
        PathBuf::from(folder)
    }
}

/// The variables that name the repository and its builds to another process.
const REPOSITORY: &str = "ASSAY_TEST_REPOSITORY";
const HOME: &str = "ASSAY_TEST_HOME";

fn checkout(repository: PathBuf, home: PathBuf) -> SourceCheckout {
    let arguments = ["build", "--release"].map(str::to_owned).into();
    let target = CargoTarget {
        arguments,
        kind: "bin",
        name: "speaking".to_owned(),
        package: PathBuf::new(),
        left_out: None,
        together: vec![],
    };
    SourceCheckout { repository, home, recipe: Arc::new(target), variables: vec![], prefill_from: None }
}

/// The other process of [`Project::elsewhere`].
#[test]
#[ignore = "other tests start it"]
fn another_process() {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let (Some(repository), Some(home)) = (folder(REPOSITORY), folder(HOME)) else { return };
    let build = checkout(repository, home).working_tree().unwrap();
    println!("built in {}", build.folder.display());
}

fn says(program: &Path) -> String {
    let output = Command::new(program).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn another_gate_on_the_same_project_changes_nothing_of_this_one() {
    let project = Project::new();
    project.write("main.rs", &source("slower"));
    project.write("data.txt", "of the first gate");
    let first = project.checkout().working_tree().unwrap();
    // The second gate starts on another working tree while the first one measures.
    project.write("main.rs", &source("first"));
    project.write("data.txt", "of the second gate");
    let second = project.elsewhere(("UNUSED", ""));
    assert_ne!(first.folder, second);
    assert_eq!(says(first.program()), "slower false false");
    assert_eq!(says(&second.join("0/program")), "first false false");
    assert_eq!(std::fs::read_to_string(first.tree.join("data.txt")).unwrap(), "of the first gate");
    // The first one links its layouts only now.
    let Ok(relink) = first.programs[0].layouts.clone() else { return };
    let placed = Layouts::new(relink, project.folder.path().join("placed"), 7);
    layouts::prepare(&[(&placed, 0)]).unwrap();
    assert_eq!(says(&placed.path(0)), "slower false false");
}

#[test]
fn a_program_in_use_is_not_removed() {
    let project = Project::new();
    let first = project.checkout().working_tree().unwrap();
    for number in 0..6 {
        project.write("main.rs", &source(&format!("number{number}")));
        project.checkout().working_tree().unwrap();
    }
    assert_eq!(says(first.program()), "first false false");
    let folder = first.folder.clone();
    drop(first);
    project.write("main.rs", &source("last"));
    project.checkout().working_tree().unwrap();
    assert!(!folder.exists(), "it is the oldest, and nobody needs it");
}

#[test]
fn submodules_are_part_of_the_source() {
    let project = Project::new();
    let words = project.folder.path().join("words");
    std::fs::create_dir(&words).unwrap();
    let in_words = |arguments: &[&str]| {
        let who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
        git(&words, &[&who[..], arguments].concat()).unwrap();
    };
    std::fs::write(words.join("word"), "first").unwrap();
    in_words(&["init", "--quiet"]);
    in_words(&["add", "word"]);
    in_words(&["commit", "--quiet", "-m", "x"]);
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", words.to_str().unwrap(), "data"];
    git(&project.repository(), &add).unwrap();
    project.write("main.rs", "fn main() {\n    println!(\"{}\", include_str!(\"data/word\"));\n}\n");
    project.commit();
    let build = project.checkout().revision("HEAD").unwrap();
    assert_eq!(says(build.program()), "first");
    assert_eq!(std::fs::read_to_string(build.tree.join("data/word")).unwrap(), "first", "it may be read at run time");
    assert_eq!(says(project.checkout().working_tree().unwrap().program()), "first");
    project.write("data/word", "second");
    let refused = project.checkout().working_tree().unwrap_err().to_string();
    assert!(refused.starts_with("the submodule data is not as HEAD has it"), "{refused}");
}

#[test]
fn what_changes_a_build_changes_its_key() {
    let project = Project::new();
    let plain = project.checkout().working_tree().unwrap();
    assert_eq!(project.elsewhere(("UNUSED", "1")), plain.folder, "cached");
    for variable in [
        ("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true"),
        ("RUSTFLAGS", "--cfg marked"),
        ("CFLAGS", "-O1"),
        ("CC", "clang"),
    ] {
        assert_ne!(project.elsewhere(variable), plain.folder, "{variable:?}");
    }
    let asserting = project.elsewhere(("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true"));
    assert_eq!(says(&asserting.join("0/program")), "first false true");
}

#[test]
fn the_base_is_built_without_the_configuration_of_the_candidate() {
    let project = Project::new();
    let marked = "[build]\nrustflags = [\"--cfg\", \"marked\"]\n";
    project.write(".cargo/config.toml", marked);
    project.write("../.cargo/config.toml", "[profile.release]\ndebug-assertions = true\n");
    let (base, new) = (project.checkout().revision("HEAD").unwrap(), project.checkout().working_tree().unwrap());
    assert_eq!(says(base.program()), "first false false");
    assert_eq!(says(new.program()), "first true false", "what the change itself brings is its own");
    project.commit();
    assert_eq!(says(project.checkout().revision("HEAD").unwrap().program()), "first true false", "the base's own");
}

#[test]
fn an_ignored_lock_file_is_used_as_it_is_now() {
    let project = Project::new();
    let before = project.checkout().revision("HEAD").unwrap();
    let updated = format!("# updated\n{LOCK}");
    project.write("Cargo.lock", &updated);
    let after = project.checkout().revision("HEAD").unwrap();
    assert_ne!(before.folder, after.folder);
    let used = std::fs::read_to_string(project.folder.path().join("home/tree/Cargo.lock")).unwrap();
    assert!(used.contains("# updated"), "{used}");
}

#[test]
fn documents_and_tests_make_no_other_program() {
    let project = Project::new();
    let base = project.checkout().revision("HEAD").unwrap();
    let same = |new: &Build| files::same(base.program(), new.program()).unwrap();
    project.write("README.md", "new words");
    project.write("tests/new.rs", "#[test]\nfn works() {}\n");
    project.write("main.rs", &source("first").replace("fn tested() {}", "fn tested() {\n    println!();\n}"));
    let new = project.checkout().working_tree().unwrap();
    assert!(same(&new), "only documents and tests changed");
    let changed = project.checkout().changed_files(&base, &new).unwrap();
    assert_eq!(changed, ["README.md", "main.rs", "tests/new.rs"]);
    project.write("main.rs", &source("second"));
    assert!(!same(&project.checkout().working_tree().unwrap()), "it says another word");
}

#[test]
fn a_build_that_fails_is_not_remembered() {
    let project = Project::new();
    project.write("main.rs", "no program");
    assert!(project.checkout().working_tree().is_err());
    project.write("main.rs", &source("first"));
    assert_eq!(says(project.checkout().working_tree().unwrap().program()), "first false false");
}

#[test]
fn a_file_that_is_tracked_though_ignored_is_part_of_the_source() {
    let project = Project::new();
    project.write(".gitignore", "Cargo.lock\ntarget\n*.gen\n");
    project.write("main.rs", "fn main() {\n    println!(include_str!(\"table.gen\"));\n}\n");
    let built_with = |table: &str| {
        project.write("table.gen", table);
        git(&project.repository(), &["add", "--force", "table.gen"]).unwrap();
        says(project.checkout().working_tree().unwrap().program())
    };
    assert_eq!(built_with("quick"), "quick");
    assert_eq!(built_with("slow"), "slow");
}

#[test]
fn what_is_built_decides_if_the_tree_is_dirty() {
    let project = Project::new();
    project.write("notes.txt", "tracked");
    project.commit();
    let dirty = || project.checkout().working_tree().unwrap().dirty;
    assert!(!dirty());
    for flag in ["skip-worktree", "assume-unchanged"] {
        let update = |option: &str| git(&project.repository(), &["update-index", option, "notes.txt"]).unwrap();
        update(&format!("--{flag}"));
        assert!(!dirty(), "{flag}");
        project.write("notes.txt", "changed");
        assert!(dirty(), "{flag}");
        project.write("notes.txt", "tracked");
        update(&format!("--no-{flag}"));
    }
    project.write("../inner/file", "of another repository");
    let inner = project.repository().join("../inner");
    git(&inner, &["init", "--quiet"]).unwrap();
    git(&inner, &["add", "."]).unwrap();
    let who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    git(&inner, &[&who[..], &["commit", "--quiet", "-m", "x"]].concat()).unwrap();
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
    let url = inner.to_str().unwrap();
    git(&project.repository(), &[&add[..], &[url, "inner"]].concat()).unwrap();
    project.commit();
    assert!(!dirty());
    project.write("inner/file", "changed, and not part of a build");
    assert!(project.checkout().working_tree().is_err());
    project.write("inner/file", "of another repository");
    project.write("new.txt", "not tracked");
    assert!(dirty());
}
