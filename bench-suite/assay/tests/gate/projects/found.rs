//! Benches that are found although they are not where `cargo bench` looks first, and those that can't be built.

use crate::support::{CRITERION_BENCH, LIBRARY, LOCK, MANIFEST, Project, assay, has_valgrind, parts, worse};

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

/// A release changes the version of the library, which is no member of the workspace of its benches.
#[test]
fn the_benches_of_a_package_below_that_is_no_member_are_taken_and_a_release_is_no_other_program() {
    let library = "[package]\nname = \"summing\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    let benches =
        SPEED.replace("\"summing\"", "\"benches\"") + "\n[dependencies]\nsumming = { path = \"..\" }\n[workspace]\n";
    let package =
        "\n[[package]]\nname = \"benches\"\nversion = \"0.1.0\"\ndependencies = [\n \"criterion\",\n \"summing\",\n]\n";
    let lock = lock(package).replace("dependencies = [\n \"criterion\",\n]\n", "");
    let bench = CRITERION_BENCH.replace("sum::<u64>()", "sum::<u64>() * summing::squares(&[1, 2])");
    let project = Project::new(&[
        ("Cargo.toml", library),
        ("src/lib.rs", LIBRARY),
        ("bench/Cargo.toml", &benches),
        ("bench/Cargo.lock", &lock),
        ("bench/src/lib.rs", ""),
        ("bench/benches/speed.rs", &bench),
    ]);
    let (listed, progress) = listed(&project);
    assert_eq!(listed, ["benches/speed doubles"], "{progress}");
    assert!(progress.contains("Cargo.toml has no benches: those of bench/Cargo.toml are measured"), "{progress}");
    if !has_valgrind() {
        return;
    }
    let of_library = "name = \"summing\"\nversion = \"0.";
    project.write("Cargo.toml", &library.replace("0.1.0", "0.2.0"));
    project.write("bench/Cargo.lock", &lock.replace(&format!("{of_library}1"), &format!("{of_library}2")));
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

/// `cargo bench` in the root unites the features that the members ask of a library.
#[test]
fn a_bench_that_needs_a_feature_that_only_another_member_turns_on_is_built() {
    let package = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n{more}")
    };
    let locked = |name: &str, more: &str| format!("\n[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\n{more}");
    let needs_sums = locked("other", "dependencies = [\n \"sums\",\n]\n");
    let lock = lock(&(needs_sums + &locked("sums", ""))).replace(" \"criterion\",\n", " \"criterion\",\n \"sums\",\n");
    let project = Project::new(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"other\", \"speed\", \"sums\"]\nresolver = \"2\"\n"),
        ("Cargo.lock", &lock),
        (
            "other/Cargo.toml",
            &package("other", "[dependencies]\nsums = { path = \"../sums\", features = [\"squares\"] }\n"),
        ),
        ("other/src/lib.rs", ""),
        ("sums/Cargo.toml", &package("sums", "[features]\nsquares = []\n")),
        ("sums/src/lib.rs", &format!("#![cfg(feature = \"squares\")]\n{LIBRARY}")),
        ("speed/Cargo.toml", &format!("{SPEED}\n[dependencies]\nsums = {{ path = \"../sums\" }}\n")),
        ("speed/src/lib.rs", ""),
        ("speed/benches/speed.rs", &CRITERION_BENCH.replace("sum::<u64>()", "sum::<u64>() * sums::squares(&[1, 2])")),
    ]);
    let (benches, progress) = listed(&project);
    assert_eq!(benches, ["summing/speed doubles"], "{progress}");
    assert!(progress.contains("once more, with the features of the other packages"), "{progress}");
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
    let why = "skipped: summing/other: it does not compile (in other: cannot find function `gone` in crate `summing`)";
    assert!(progress.contains(why), "{progress}");
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

/// A bench that reads a file before it asks for anything of criterion.
const WORDS: &str = r#"fn main() {
    let words = std::fs::read_to_string("words.txt").expect("the words of the data set");
    criterion::Criterion::default().bench_function("words", |b| b.iter(|| words.len()));
}
"#;

#[test]
fn a_bench_that_ends_before_its_benchmarks_are_known_takes_no_other_one_with_it_and_is_not_green() {
    if !has_valgrind() {
        return;
    }
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        ("Cargo.lock", LOCK),
        ("src/lib.rs", LIBRARY),
        ("benches/sums.rs", CRITERION_BENCH),
        ("benches/other.rs", WORDS),
        ("words.txt", "one two three"),
    ]);
    assert_eq!(listed(&project).0, ["summing/other words", "summing/sums doubles"]);
    std::fs::remove_file(project.root().join("words.txt")).expect("it was there");
    let (benches, progress) = listed(&project);
    assert_eq!(benches, ["summing/sums doubles"], "{progress}");
    let why = "skipped: summing/other: it ended before it listed a benchmark (exit status: 101)";
    assert!(progress.contains(why) && progress.contains("the words of the data set"), "{progress}");
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--lane", "counts", "--against", "HEAD~1"]);
    assert_eq!(code, 3, "{said}{progress}");
    assert!(said.contains("the base has the case words, the new side does not"), "{said}{progress}");
}

/// A bench that leaves before it asks for anything of criterion, unless it finds a file.
const LEAVES: &str = r#"fn main() {
    let Ok(words) = std::fs::read_to_string("words.txt") else { return eprintln!("there are no words") };
    criterion::Criterion::default().bench_function("words", |b| b.iter(|| words.len()));
}
"#;

#[test]
fn where_the_only_bench_ends_before_its_benchmarks_are_known_nothing_is_measured_for_one_reason() {
    if !has_valgrind() {
        return;
    }
    let reasons = ["(exit status: 101): ", "(exit status: 0): there are no words: `cargo bench` shows"];
    for (bench, why) in [WORDS, LEAVES].into_iter().zip(reasons) {
        let project = Project::new(&[
            ("Cargo.toml", SPEED),
            ("Cargo.lock", LOCK),
            ("src/lib.rs", LIBRARY),
            ("benches/speed.rs", bench),
        ]);
        project.write("benches/speed.rs", &bench.replace("words.len()", "words.len() + 1"));
        project.commit();
        for arguments in [&["gate", "--against", "HEAD~1"][..], &["run"], &["profile"]] {
            let (code, said, progress) = project.assay(arguments);
            assert_eq!((code, &*said), (4, ""), "{arguments:?}: {progress}");
            let start = "error: the working tree of summing has no bench that can be measured: summing/speed: it ended \
                before it listed a benchmark ";
            let errors: Vec<&str> = progress.lines().filter(|line| line.contains("it ended before")).collect();
            assert!(errors.len() == 1 && errors[0].starts_with(&format!("{start}{why}")), "{arguments:?}: {progress}");
            assert!(!errors[0].contains("RUST_BACKTRACE"), "another remedy: {progress}");
        }
        // The change breaks it.
        project.write("words.txt", "one two three");
        project.commit();
        std::fs::remove_file(project.root().join("words.txt")).expect("it was there");
        project.write("benches/speed.rs", bench);
        project.commit();
        let (code, said, progress) = project.assay(&["gate", "--lane", "counts", "--against", "HEAD~1"]);
        assert_eq!(code, 3, "{said}{progress}");
        assert!(said.contains("the base has the case words, the new side does not"), "{said}{progress}");
    }
}

/// The gate is started in the root of the workspace.
#[test]
fn a_bench_that_reads_a_file_of_its_package_at_once_is_measured() {
    if !has_valgrind() {
        return;
    }
    let project = Project::new(&[
        ("Cargo.toml", WORKSPACE),
        ("Cargo.lock", LOCK),
        ("speed/Cargo.toml", SPEED),
        ("speed/src/lib.rs", LIBRARY),
        ("speed/benches/speed.rs", &WORDS.replace("words.len()", "words.len() + std::hint::black_box(1)")),
        ("speed/words.txt", "one two three"),
    ]);
    project.write("speed/benches/speed.rs", WORDS);
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--lane", "counts", "--against", "HEAD~1"]);
    assert_eq!(code, 0, "{said}{progress}");
    assert!(said.contains("words"), "{said}{progress}");
}

/// The second time the library is there, and nothing in the project has changed.
#[test]
fn a_bench_that_could_not_be_linked_is_tried_again() {
    if !has_valgrind() {
        return;
    }
    let libraries = tempfile::tempdir().expect("a folder");
    let script =
        format!("fn main() {{\n    println!(\"cargo:rustc-link-search={}\");\n}}\n", libraries.path().display());
    let linked = format!("#[link(name = \"later\", kind = \"static\")]\nunsafe extern \"C\" {{}}\n{CRITERION_BENCH}");
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        ("Cargo.lock", LOCK),
        ("build.rs", &script),
        ("src/lib.rs", LIBRARY),
        ("benches/sums.rs", CRITERION_BENCH),
        ("benches/other.rs", &linked),
    ]);
    let (benches, progress) = listed(&project);
    assert_eq!(benches, ["summing/sums doubles"], "{progress}");
    assert!(progress.contains("skipped: summing/other: it does not compile"), "{progress}");
    std::fs::write(libraries.path().join("liblater.a"), "!<arch>\n").expect("an empty archive");
    let (benches, progress) = listed(&project);
    assert_eq!(
        benches,
        ["summing/other doubles [bench=summing/other]", "summing/sums doubles [bench=summing/sums]"],
        "{progress}"
    );
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

/// A bench of which one benchmark has the time in its name.
const TIMED: &str = r#"use criterion::{criterion_group, criterion_main, BenchmarkId, Criterion};

fn named(criterion: &mut Criterion) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let mut group = criterion.benchmark_group("group");
    group.bench_with_input(BenchmarkId::new("format", now), &now, |b, now| b.iter(|| *now + 1));
    group.bench_function("1234567", |b| b.iter(|| std::hint::black_box(1)));
    group.finish();
}

criterion_group!(benches, named);
criterion_main!(benches);
"#;

#[test]
fn a_benchmark_whose_name_is_another_one_in_each_run_is_left_out_with_the_reason() {
    if !has_valgrind() {
        return;
    }
    let project = Project::new(&[
        ("Cargo.toml", SPEED),
        ("Cargo.lock", LOCK),
        ("src/lib.rs", LIBRARY),
        ("benches/speed.rs", TIMED),
    ]);
    project.write("benches/speed.rs", &TIMED.replace("black_box(1)", "black_box(2)"));
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--lane", "counts", "--against", "HEAD~1"]);
    assert_eq!(code, 0, "{said}{progress}");
    assert!(said.contains("###: its name is another one in each run"), "{said}{progress}");
    assert!(said.lines().any(|line| line.starts_with("group/1234567 ")), "{said}{progress}");
}

/// A lock file that git ignores is that of the newest revision. Its criterion is not the one that an older revision
/// asks for, and nothing but a registry, here a folder, knows another one.
#[test]
fn a_lock_file_of_another_revision_is_brought_up_to_date() {
    if !has_valgrind() {
        return;
    }
    let older = SPEED.replace("\"0.5\"", "\"0.4\"");
    let package =
        |version: &str| format!("[package]\nname = \"criterion\"\nversion = \"{version}\"\nedition = \"2021\"\n");
    let sources = "[source.crates-io]\nreplace-with = \"folder\"\n[source.folder]\ndirectory = \"registry\"\n";
    let project = Project::new(&[
        (".gitignore", "target\ncache\nCargo.lock\n"),
        (".cargo/config.toml", sources),
        ("registry/old/Cargo.toml", &package("0.4.0")),
        ("registry/old/src/lib.rs", ""),
        ("registry/old/.cargo-checksum.json", "{\"files\":{}}"),
        ("registry/new/Cargo.toml", &package("0.5.1")),
        ("registry/new/src/lib.rs", ""),
        ("registry/new/.cargo-checksum.json", "{\"files\":{}}"),
        ("Cargo.toml", &older),
        ("src/lib.rs", LIBRARY),
        ("benches/speed.rs", CRITERION_BENCH),
    ]);
    let lock: String =
        LOCK.lines().filter(|line| !line.starts_with("checksum")).map(|line| format!("{line}\n")).collect();
    project.write("Cargo.lock", &lock);
    project.write("Cargo.toml", SPEED);
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--lane", "counts", "--against", "HEAD~1"]);
    assert_eq!(code, 0, "{said}{progress}");
    assert!(!progress.contains("was not used in the crate graph"), "{progress}");
}

/// Cargo and rustup look upwards from the folder in which they are called.
#[test]
fn the_settings_of_cargo_are_those_of_the_folder_of_the_manifest() {
    if !has_valgrind() {
        return;
    }
    let manifest = MANIFEST.replace("\n[[bench]]\nname = \"other\"\nharness = false\n", "");
    let library = LIBRARY.replace(
        "number * number)",
        "if cfg!(quick) { number * number } else { number * number + std::hint::black_box(1) })",
    );
    let bench = CRITERION_BENCH.replace(
        "(0..100).map(std::hint::black_box).sum::<u64>() * 2",
        "summing::squares(std::hint::black_box(&[1, 2, 3, 4]))",
    );
    let project = Project::new(&[
        ("rust/Cargo.toml", &manifest),
        ("rust/Cargo.lock", LOCK),
        ("rust/src/lib.rs", &library),
        ("rust/benches/sums.rs", &bench),
        ("rust/.cargo/config.toml", "[build]\nrustflags = [\"--cfg\", \"quick\"]\n"),
    ]);
    let folder = project.root().join("rust");
    std::fs::remove_file(folder.join(".cargo/config.toml")).expect("removed");
    project.commit();
    let (code, said, told) = parts(&assay(&folder, &["gate", "--against", "HEAD~1", "--lane", "counts"]));
    assert_eq!((code, worse(&said)), (100, vec!["doubles"]), "{said}{told}");
}
