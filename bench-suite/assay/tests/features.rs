//! All builds of this workspace (measured programs, the command, the load generator, all tests) use the same library
//! features. Otherwise cargo would compile the libraries, and `memory` with them, once for each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use harness::build::cargo::cargo;

/// The features of each library in a build, as cargo resolves them.
fn features(packages: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = cargo()
        .args(["tree", "--offline", "--locked", "--edges=normal", "--prefix=none", "--format={p}|{f}"])
        .args(packages)
        .current_dir(root)
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut libraries: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).expect("text").lines() {
        // A library listed before is marked, and derive macros are compiled for the compiler.
        let line = line.trim_end_matches(" (*)");
        if let Some((package, features)) = line.split_once('|').filter(|_| !line.contains("(proc-macro)")) {
            libraries.entry(package.to_owned()).or_default().insert(features.to_owned());
        }
    }
    libraries
}

#[test]
fn what_is_measured_has_the_features_that_all_builds_have() {
    let measured = features(&["--package=assay-memory", "--package=assay-workloads"]);
    assert!(measured.len() > 50, "{measured:?}");
    for package in ["cargo-assay", "assay-loadgen", "bench-suite", "bench-counts", "memory-mcp"] {
        let other = features(&[&format!("--package={package}")]);
        let shared = measured.iter().filter_map(|(package, own)| Some((package, own, other.get(package)?)));
        let differ: Vec<_> = shared.filter(|(_, own, other)| !own.is_subset(other)).collect();
        assert!(differ.is_empty(), "{package}: add what is missing to scripts/workspace-hack/Cargo.toml: {differ:#?}");
    }
}

/// `scripts/bench` builds everything in one call, and `assay` all parts but itself later.
#[test]
fn a_part_of_what_scripts_bench_builds_is_not_built_again() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let script = std::fs::read_to_string(root.join("scripts/bench")).expect("a script");
    let mut words = script.split_whitespace();
    let packages = std::iter::from_fn(|| words.find(|word| *word == "--package").and_then(|_| words.next()));
    let packages: Vec<String> = packages.map(|package| format!("--package={package}")).collect();
    let whole = features(&packages.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(packages.len() > 3 && whole.len() > 100, "{packages:?}");
    for package in packages.iter().filter(|package| !package.ends_with("cargo-assay")) {
        let part = features(&[package]);
        let differ: Vec<_> = part.iter().filter(|(library, own)| !own.is_subset(&whole[*library])).collect();
        assert!(differ.is_empty(), "{package}: add what is missing to scripts/workspace-hack/Cargo.toml: {differ:#?}");
    }
}

/// A feature that is off by default costs nobody a library. With it, cargo would have to fetch some here.
#[test]
fn no_build_has_the_libraries_of_spans_to_a_collector_unasked() {
    let all = features(&["--workspace"]);
    let found: Vec<&String> = all.keys().filter(|library| library.contains("opentelemetry")).collect();
    assert!(found.is_empty() && all.len() > 100, "{found:?}");
}
