//! Benches of gungraun, iai-callgrind and iai, in a package that knows nothing of Assay.

use crate::support::{LIBRARY, Project, has_valgrind, slower, worse};

/// For `HARNESS`, gungraun or its older name.
const BENCH: &str = r#"use HARNESS::{library_benchmark, library_benchmark_group, main, LibraryBenchmarkConfig};

fn numbers(length: u64) -> Vec<u64> {
    (0..length).collect()
}

#[library_benchmark(setup = numbers)]
#[benches::of(10, 100)]
fn squares(numbers: Vec<u64>) -> u64 {
    summing::squares(&numbers)
}

#[library_benchmark]
#[bench::three(&[1, 3, 2])]
fn largest(numbers: &[u64]) -> u64 {
    summing::largest(numbers)
}

library_benchmark_group!(name = sums; benchmarks = squares, largest);
main!(config = LibraryBenchmarkConfig::default(); library_benchmark_groups = sums);
"#;

const IAI_BENCH: &str = "fn largest() -> u64 {\n    summing::largest(iai::black_box(&[1, 3, 2]))\n}\n\n\
    iai::main!(largest);\n";

/// It builds a configuration outside of the macros.
const OTHER_BENCH: &str = "use gungraun::prelude::*;\n\nfn configuration() -> LibraryBenchmarkConfig {\n    \
    LibraryBenchmarkConfig::default().env(\"A\", \"B\")\n}\n\n#[library_benchmark]\nfn nothing() {}\n\n\
    library_benchmark_group!(name = all; benchmarks = nothing);\n\
    main!(config = configuration(); library_benchmark_groups = all);\n";

const MANIFEST: &str = "[package]\nname = \"summing\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
    [dev-dependencies]\ngungraun = \"0.20\"\niai = \"0.1\"\niai-callgrind = \"0.14\"\n\n\
    [[bench]]\nname = \"new\"\nharness = false\n\n[[bench]]\nname = \"old\"\nharness = false\n\n\
    [[bench]]\nname = \"first\"\nharness = false\n\n[[bench]]\nname = \"configured\"\nharness = false\n";

/// The lock file of the package with these, none of which has to be downloaded.
fn lock(packages: &[(&str, &str)]) -> String {
    let package = |(name, version): &(&str, &str)| {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\
            source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{}\"\n\n",
            "0".repeat(64)
        )
    };
    let names: String = packages.iter().map(|(name, _)| format!(" \"{name}\",\n")).collect();
    let packages: String = packages.iter().map(package).collect();
    format!(
        "version = 4\n\n{packages}[[package]]\nname = \"summing\"\nversion = \"0.1.0\"\ndependencies = [\n{names}]\n"
    )
}

#[test]
fn gungrauns_and_iais_benches_are_one_gate() {
    if !has_valgrind() {
        return;
    }
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        ("Cargo.lock", &lock(&[("gungraun", "0.20.0"), ("iai", "0.1.1"), ("iai-callgrind", "0.14.0")])),
        ("src/lib.rs", LIBRARY),
        ("benches/new.rs", &BENCH.replace("HARNESS", "gungraun")),
        ("benches/old.rs", &BENCH.replace("HARNESS", "iai_callgrind")),
        ("benches/first.rs", IAI_BENCH),
        ("benches/configured.rs", OTHER_BENCH),
    ]);
    project.write("src/lib.rs", &slower(LIBRARY));
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--lane", "counts", "--against", "HEAD~1"]);
    assert_eq!(code, 100, "{said}{progress}");
    let worse = worse(&said);
    let expected =
        ["new::sums::squares/of_0", "new::sums::squares/of_1", "old::sums::squares/of_0", "old::sums::squares/of_1"];
    assert_eq!(worse, expected, "{said}");
    assert!(said.contains("summing::squares: costlier per call"), "{said}");
    for equal in ["new::sums::largest/three ", "old::sums::largest/three ", "largest "] {
        assert!(said.lines().any(|line| line.starts_with(equal)), "`{equal}` is not measured: {said}");
    }
    let left_out = "skipped: summing/configured: it does not compile (in configured: ";
    assert!(said.contains(left_out), "`{left_out}` is not said: {said}");
}
