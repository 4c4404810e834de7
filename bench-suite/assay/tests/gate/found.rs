//! Benches that are found although they are not where `cargo bench` looks first, and those that can't be built.

use super::project::{LOCK, MANIFEST, has_valgrind};
use super::support::{CRITERION_BENCH, LIBRARY, Project};

const WORKSPACE: &str = "[workspace]\nmembers = [\"speed\"]\n";

const BARE: &str = "[package]\nname = \"bare\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n";

/// A package with one bench of criterion.
const SPEED: &str = "[package]\nname = \"summing\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dev-dependencies]\n\
    criterion = \"0.5\"\n\n[[bench]]\nname = \"speed\"\nharness = false\n";

fn lock(more: &str) -> String {
    format!("{LOCK}{more}")
}

/// What `assay run --list` prints, in one line each, and what it says beside it.
fn listed(project: &Project) -> (Vec<String>, String) {
    let (code, said, progress) = project.assay(&["run", "--list"]);
    assert_eq!(code, 0, "{said}{progress}");
    (said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect(), progress)
}

#[test]
fn the_benches_of_members_are_taken_if_the_root_has_none() {
    let project = Project::new(&[
        ("Cargo.toml", &format!("{BARE}{WORKSPACE}")),
        ("Cargo.lock", &lock("\n[[package]]\nname = \"bare\"\nversion = \"0.1.0\"\n")),
        ("src/lib.rs", ""),
        ("speed/Cargo.toml", SPEED),
        ("speed/src/lib.rs", LIBRARY),
        ("speed/benches/speed.rs", CRITERION_BENCH),
    ]);
    let (benches, progress) = listed(&project);
    assert_eq!(benches, ["summing/speed doubles"], "{progress}");
    assert!(progress.contains("cargo builds no benches here by default: those of all members are taken"), "{progress}");
}

#[test]
fn the_benches_of_a_package_below_that_is_no_member_are_taken() {
    let project = Project::new(&[
        ("Cargo.toml", BARE),
        ("src/lib.rs", ""),
        ("bench/Cargo.toml", &format!("{SPEED}\n[workspace]\n")),
        ("bench/Cargo.lock", LOCK),
        ("bench/src/lib.rs", LIBRARY),
        ("bench/benches/speed.rs", CRITERION_BENCH),
    ]);
    let (benches, progress) = listed(&project);
    assert_eq!(benches, ["summing/speed doubles"], "{progress}");
    assert!(progress.contains("Cargo.toml has no benches: those of bench/Cargo.toml are measured"), "{progress}");
    if !has_valgrind() {
        return;
    }
    project.write("bench/README.md", "Benches.\n");
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--against", "HEAD~1"]);
    assert_eq!(code, 0, "{said}{progress}");
    assert!(said.contains("both revisions build the same program"), "{said}{progress}");
}

#[test]
fn features_that_leave_all_benches_out_are_turned_on() {
    let manifest = format!("{SPEED}required-features = [\"extra\"]\n\n[features]\nextra = []\n");
    let project = Project::new(&[
        ("Cargo.toml", &manifest),
        ("Cargo.lock", LOCK),
        ("src/lib.rs", LIBRARY),
        ("benches/speed.rs", CRITERION_BENCH),
    ]);
    let (benches, progress) = listed(&project);
    assert_eq!(benches, ["summing/speed doubles"], "{progress}");
    assert!(progress.contains("as by `--features summing/extra`"), "{progress}");
}

#[test]
fn a_bench_that_does_not_compile_takes_no_other_one_with_it_and_is_not_green() {
    if !has_valgrind() {
        return;
    }
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        ("Cargo.lock", LOCK),
        ("src/lib.rs", LIBRARY),
        ("benches/sums.rs", CRITERION_BENCH),
        ("benches/other.rs", "fn main() {\n    summing::gone();\n}\n"),
    ]);
    let (benches, progress) = listed(&project);
    assert_eq!(benches, ["summing/sums doubles"], "{progress}");
    assert!(progress.contains("skipped: summing/other: it does not compile"), "{progress}");
    // The change breaks the other one.
    project.write("benches/sums.rs", &CRITERION_BENCH.replace("doubles\"", "doubled\""));
    project.write("benches/other.rs", &CRITERION_BENCH.replace("doubles\"", "other\""));
    project.commit();
    project.write("benches/sums.rs", "fn main() {\n    summing::gone();\n}\n");
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--lane", "counts", "--against", "HEAD~1"]);
    assert_eq!(code, 3, "{said}{progress}");
    assert!(said.contains("summing/sums: it does not compile"), "{said}{progress}");
}

/// The bench of a project whose criterion comes from a git repository that can't be reached.
#[test]
fn a_criterion_of_a_git_repository_is_replaced_and_not_asked_for() {
    let git = "git+https://example.invalid/criterion?rev=0123456789abcdef0123456789abcdef01234567\
        #0123456789abcdef0123456789abcdef01234567";
    let source = "registry+https://github.com/rust-lang/crates.io-index";
    let lock: String = LOCK
        .replace(source, git)
        .lines()
        .filter(|line| !line.starts_with("checksum"))
        .fold(String::new(), |text, line| text + line + "\n");
    let of_git = "criterion = { git = \"https://example.invalid/criterion\", \
        rev = \"0123456789abcdef0123456789abcdef01234567\" }";
    let project = Project::new(&[
        ("Cargo.toml", &SPEED.replace("criterion = \"0.5\"", of_git)),
        ("Cargo.lock", &lock),
        ("src/lib.rs", LIBRARY),
        ("benches/speed.rs", CRITERION_BENCH),
    ]);
    let (benches, progress) = listed(&project);
    assert_eq!(benches, ["summing/speed doubles"], "{progress}");
}

#[test]
fn a_project_whose_toolchain_is_not_installed_is_built_with_the_default_one() {
    let project = Project::new(&[
        ("Cargo.toml", SPEED),
        ("Cargo.lock", LOCK),
        ("rust-toolchain", "no-such-toolchain\n"),
        ("src/lib.rs", LIBRARY),
        ("benches/speed.rs", CRITERION_BENCH),
    ]);
    let (code, said, progress) = project.assay(&["run", "--list"]);
    if !progress.contains("not installed") {
        return println!("skipped: there is no rustup here");
    }
    assert_eq!(code, 0, "{said}{progress}");
    assert!(said.contains("doubles"), "{said}{progress}");
    assert!(progress.contains("both sides are built with"), "{progress}");
}
