//! Benches of divan, in packages that know nothing of Assay, beside those of criterion.

use crate::support::{CRITERION_BENCH, LIBRARY, Project, has_valgrind, slower, worse};

/// Both packages have it, for two kinds of divan.
const BENCH: &str = r#"#![forbid(unsafe_code)]

use divan::{black_box, AllocProfiler, Bencher};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench(args = [10, 100])]
fn squares(bencher: Bencher, length: u64) {
    bencher.with_inputs(|| (0..length).collect::<Vec<_>>()).bench_refs(|numbers| summing::squares(numbers));
}

#[divan::bench]
fn largest() -> u64 {
    summing::largest(black_box(&[1, 3, 2]))
}

#[divan::bench(threads = 4)]
fn on_four_threads() {}
"#;

const PACKAGE: &str = "[package]\nname = \"summing\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
    [dev-dependencies]\ncriterion = \"0.5\"\ndivan = \"0.1.14\"\n\n\
    [[bench]]\nname = \"doubles\"\nharness = false\n\n[[bench]]\nname = \"sums\"\nharness = false\n\n\
    [[bench]]\nname = \"other\"\nharness = false\n";

const CODSPEED_PACKAGE: &str = "[package]\nname = \"watched\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
    [dev-dependencies]\nsumming = { path = \"../summing\" }\n\
    divan = { package = \"codspeed-divan-compat\", version = \"4\" }\n\n\
    [[bench]]\nname = \"watched\"\nharness = false\n";

const LOCK: &str = r#"version = 4

[[package]]
name = "codspeed-divan-compat"
version = "4.0.2"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "f2b12d017a929603d80db1831cd3a24082f8137ce19c69e6447f54f5fc8d692f"

[[package]]
name = "criterion"
version = "0.5.1"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "f2b12d017a929603d80db1831cd3a24082f8137ce19c69e6447f54f5fc8d692f"

[[package]]
name = "divan"
version = "0.1.21"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "a405457ec78b8fe08b0e32b4a3570ab5dff6dd16eb9e76a5ee0a9d9cbd898933"

[[package]]
name = "summing"
version = "0.1.0"
dependencies = [
 "criterion",
 "divan",
]

[[package]]
name = "watched"
version = "0.1.0"
dependencies = [
 "codspeed-divan-compat",
 "summing",
]
"#;

#[test]
fn divans_and_criterions_benches_are_one_gate() {
    if !has_valgrind() {
        return;
    }
    let project = Project::new(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"summing\", \"watched\"]\nresolver = \"2\"\n"),
        ("Cargo.lock", LOCK),
        ("summing/Cargo.toml", PACKAGE),
        ("summing/src/lib.rs", LIBRARY),
        ("summing/benches/doubles.rs", CRITERION_BENCH),
        ("summing/benches/sums.rs", BENCH),
        ("summing/benches/other.rs", "fn main() {}\n"),
        ("watched/Cargo.toml", CODSPEED_PACKAGE),
        ("watched/src/lib.rs", ""),
        ("watched/benches/watched.rs", BENCH),
    ]);
    project.write("summing/src/lib.rs", &slower(LIBRARY));
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--lane", "counts", "--against", "HEAD~1"]);
    assert_eq!(code, 100, "{said}{progress}");
    let worse = worse(&said);
    assert_eq!(
        worse,
        ["sums::squares::10", "sums::squares::100", "watched::squares::10", "watched::squares::100"],
        "{said}"
    );
    assert!(said.contains("summing::squares: costlier per call"), "{said}");
    for equal in ["doubles ", "sums::largest ", "watched::largest "] {
        assert!(said.lines().any(|line| line.starts_with(equal)), "`{equal}` is not measured: {said}");
    }
    for left_out in [
        "skipped: sums::on_four_threads: it runs on 4 threads at once",
        "skipped: summing/other: it has no main function of criterion, divan, gungraun, iai or bencher",
    ] {
        assert!(said.contains(left_out), "`{left_out}` is not said: {said}");
    }
}

#[test]
fn divans_benches_are_timed_too() {
    if !has_valgrind() {
        return;
    }
    let manifest =
        PACKAGE.replace("criterion = \"0.5\"\n", "").replace("[[bench]]\nname = \"doubles\"\nharness = false\n\n", "");
    let project = Project::new(&[
        ("Cargo.toml", &manifest),
        ("Cargo.lock", LOCK),
        ("src/lib.rs", LIBRARY),
        ("benches/sums.rs", BENCH),
        ("benches/other.rs", "fn main() {}\n"),
    ]);
    let (code, said, progress) = project.assay(&["run", "squares::100"]);
    assert_eq!(code, 0, "{said}{progress}");
    for metric in ["instructions", "allocations", "cpu_time"] {
        assert!(said.contains(metric), "no {metric}: {said}");
    }
}
