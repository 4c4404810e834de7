//! Benches of libtest, in packages that know nothing of Assay, beside those of criterion.

use crate::support::{CRITERION_BENCH, Project, has_valgrind, slower, worse};

const LIBRARY: &str = r#"#![cfg_attr(test, feature(test))]

#[cfg(test)]
extern crate test;

/// The sum of squares.
#[inline(never)]
pub fn squares(numbers: &[u64]) -> u64 {
    numbers.iter().map(|number| std::hint::black_box(number * number)).sum()
}

/// The largest.
#[inline(never)]
pub fn largest(numbers: &[u64]) -> u64 {
    numbers.iter().map(|number| std::hint::black_box(*number)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_unit_test() {
        assert_eq!(super::squares(&[1, 2]), 5);
    }

    #[bench]
    fn few_squares(b: &mut test::Bencher) {
        b.iter(|| super::squares(test::black_box(&[1, 2, 3])));
    }
}
"#;

const BENCH: &str = r#"#![feature(test)]

extern crate test;

use test::Bencher;

#[bench]
fn squares(b: &mut Bencher) {
    let numbers: Vec<u64> = (0..100).collect();
    b.iter(|| summing::squares(test::black_box(&numbers)));
}

mod others {
    #[bench]
    fn largest(b: &mut test::Bencher) {
        let numbers: Vec<u64> = (0..100).collect();
        b.bytes = 800;
        b.iter(|| summing::largest(test::black_box(&numbers)));
    }
}

#[bench]
#[ignore = "it takes an hour"]
fn long(b: &mut Bencher) {
    b.iter(|| summing::largest(&[1]));
}

#[test]
fn a_test() {
    panic!("tests are not run");
}
"#;

/// A program whose benches are in a module.
const PROGRAM: &str = "#![cfg_attr(test, feature(test))]\n\n#[cfg(test)]\nextern crate test;\n\n#[cfg(test)]\nmod zeros;\n\n\
    fn main() {}\n";

const ZEROS: &str = "#[bench]\nfn few(b: &mut test::Bencher) {\n    b.iter(|| vec![0; 10]);\n}\n";

const LIBTEST_PACKAGE: &str = "[package]\nname = \"summing\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";

const CRITERION_PACKAGE: &str = "[package]\nname = \"doubling\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
    [dev-dependencies]\ncriterion = \"0.5\"\n\n[[bench]]\nname = \"doubles\"\nharness = false\n";

const LOCK: &str = r#"version = 4

[[package]]
name = "criterion"
version = "0.5.1"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "f2b12d017a929603d80db1831cd3a24082f8137ce19c69e6447f54f5fc8d692f"

[[package]]
name = "doubling"
version = "0.1.0"
dependencies = [
 "criterion",
]

[[package]]
name = "summing"
version = "0.1.0"
"#;

#[test]
fn libtests_and_criterions_benches_are_one_gate() {
    if !has_valgrind() {
        return;
    }
    let project = Project::new(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"doubling\", \"summing\"]\nresolver = \"2\"\n"),
        ("Cargo.lock", LOCK),
        ("doubling/Cargo.toml", CRITERION_PACKAGE),
        ("doubling/src/lib.rs", ""),
        ("doubling/benches/doubles.rs", CRITERION_BENCH),
        ("summing/Cargo.toml", LIBTEST_PACKAGE),
        ("summing/src/lib.rs", LIBRARY),
        ("summing/benches/sums.rs", BENCH),
        ("summing/benches/empty.rs", "#[test]\nfn a_test() {}\n"),
        ("summing/benches/rotten.rs", "#![feature(test)]\nextern crate test;\nfn long_gone(_: test::Gone) {}\n"),
    ]);
    project.write("summing/src/lib.rs", &slower(LIBRARY));
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--lane", "counts", "--against", "HEAD~1"]);
    assert_eq!(code, 100, "{said}{progress}");
    let worse = worse(&said);
    assert_eq!(worse, ["squares", "tests::few_squares"], "{said}");
    assert!(said.contains("summing::squares: costlier per call"), "{said}");
    for equal in ["doubles ", "others::largest "] {
        assert!(said.lines().any(|line| line.starts_with(equal)), "`{equal}` is not measured: {said}");
    }
    for left_out in [
        "skipped: long: it is marked `#[ignore]`: it takes an hour",
        "skipped: summing/empty: it has no `#[bench]` function",
        "skipped: summing/rotten: it does not compile",
    ] {
        assert!(said.contains(left_out), "`{left_out}` is not said: {said}");
    }
    assert!(!said.contains("a_test") && !said.contains("a_unit_test"), "{said}");
    assert_eq!(progress.matches("the compiler is told to accept").count(), 1, "{progress}");
}

#[test]
fn without_criterion_libtests_benches_are_all() {
    let manifest = format!("{LIBTEST_PACKAGE}\n[[bench]]\nname = \"own\"\nharness = false\n");
    let project = Project::new(&[
        ("Cargo.toml", &manifest),
        ("src/lib.rs", LIBRARY),
        ("src/main.rs", PROGRAM),
        ("src/zeros.rs", ZEROS),
        ("src/bin/plain.rs", "fn main() {}\n"),
        ("benches/summing.rs", BENCH),
        ("benches/own.rs", "fn main() {}\n"),
    ]);
    let (code, said, progress) = project.assay(&["run", "--list"]);
    assert_eq!(code, 0, "{said}{progress}");
    let mut listed: Vec<String> =
        said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    listed.sort_unstable();
    let of_bench = ["summing/summing others::largest", "summing/summing squares"];
    let beside = ["summing/summing#bin zeros::few", "summing/summing#lib tests::few_squares"];
    assert_eq!(listed, [of_bench, beside].concat(), "{progress}");
    assert!(!progress.contains("summing/plain"), "nothing asks for it: {progress}");
    assert!(
        progress.contains("skipped: summing/own: no criterion, divan, gungraun, iai or bencher is in Cargo.lock"),
        "{progress}"
    );
}
