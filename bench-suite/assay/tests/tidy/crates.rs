//! The crates: their allowed dependencies, and the crates that measured programs must not contain.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::Tree;
use crate::source::production;

/// The folders of the crates, and the crates that each may use.
pub const CRATES: &[(&str, &str)] = &[
    ("stats", ""),
    ("baselines", "stats"),
    ("memory", "episodes workspace-hack"),
    ("memory/episodes", "workspace-hack"),
    ("memory/memory-mcp", "episodes memory memory-server"),
    ("memory/memory-server", "episodes memory"),
    ("reports", "baselines stats"),
    ("scripts/workspace-hack", ""),
    ("loadgen", "baselines episodes"),
    ("bench-suite", "workloads worker"),
    ("bench-suite/bench-counts", "workloads worker"),
    ("bench-suite/worker", ""),
    ("bench-suite/corpus", "episodes"),
    ("bench-suite/workloads", "episodes memory corpus worker"),
    ("bench-suite/testbed", "worker workloads episodes memory"),
    ("bench-suite/cache-sim", "memory"),
    ("bench-suite/harness", "worker workloads corpus testbed episodes memory baselines stats"),
    ("bench-suite/claims", "harness cache-sim testbed workloads worker memory baselines stats"),
    ("bench-suite/mcp", "baselines reports"),
    ("bench-suite/memories", "harness corpus memory stats"),
    (
        "bench-suite/assay",
        "claims mcp memories harness cache-sim testbed workloads corpus worker episodes memory baselines reports",
    ),
];

/// More crates that only the tests of a crate may use.
const OF_TESTS: &[(&str, &str)] =
    &[("loadgen", "memory memory-server"), ("bench-suite/corpus", "memory"), ("bench-suite/testbed", "memory-server")];

/// Packages outside of the workspace: the stand-ins are built within other projects, from their text alone.
pub const STANDALONE: &[&str] = &[
    "bench-suite/stand-ins",
    "bench-suite/stand-ins/bencher",
    "bench-suite/stand-ins/divan",
    "bench-suite/stand-ins/gungraun",
    "bench-suite/stand-ins/iai",
    "bench-suite/stand-ins/iai-callgrind",
    "bench-suite/stand-ins/macros",
    "bench-suite/stand-ins/trial",
];

/// Libraries that only these files or folders may name, by a part of their paths.
const FOREIGN: &[(&str, &[&str])] = &[
    ("goose", &["loadgen/src/attack.rs"]),
    ("reqwest", &["loadgen/src/send/http.rs", "memories/src/connection/http.rs"]),
    ("inferno", &["reports/src/flamegraph.rs"]),
    ("plotters", &["reports/src/charts/lines.rs"]),
    ("libsql", &["memory/src/store/libsql/"]),
    ("redb", &["memory/src/store/redb/"]),
    ("moka", &["/w_tiny_lfu.rs"]),
    ("quick_cache", &["/s3_fifo.rs"]),
    ("rmcp", &["mcp/src/", "memories/src/connection/mcp.rs"]),
    ("opentelemetry", &["memory-server/src/bin/memory-server/otlp.rs"]),
    ("augurs", &["memory-mcp/src/analysis/", "harness/src/session/odd_runs.rs"]),
];

/// Measured crates, and the crates that must not be compiled into them.
const MEASURED: &[&str] = &["bench-suite", "bench-suite/bench-counts", "bench-suite/workloads", "bench-suite/worker"];
const NOT_MEASURED: &str = "baselines reports harness claims assay mcp memories memory-mcp toml moka quick_cache tar indicatif plotters rmcp augurs";

/// Manifests name only allowed crates, and foreign libraries only where they are used.
pub fn dependencies(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in tree {
        // Nothing depends on what fuzzes, which is a workspace by itself.
        let Some(folder) = path.strip_suffix("/Cargo.toml").filter(|folder| *folder != "fuzz") else { continue };
        if STANDALONE.contains(&folder) {
            let is_beside = |it: &Dependency| {
                it.path.as_deref().is_some_and(|path| STANDALONE.iter().any(|folder| last(folder) == last(path)))
            };
            let needed = read(text).into_iter().filter(|it| !it.is_optional && !is_beside(it));
            wrong.extend(needed.map(|it| format!("{path}: make `{}` optional: it is built everywhere", it.package)));
            continue;
        }
        let Some((_, allowed)) = CRATES.iter().find(|(listed, _)| *listed == folder) else {
            wrong.push(format!("{path}: `{folder}` is not in the table of crates"));
            continue;
        };
        let is_here = |homes: &[&str]| {
            tree.keys().any(|file| file.starts_with(folder) && homes.iter().any(|home| file.contains(home)))
        };
        for Dependency { package, table, .. } in read(text) {
            let is_of_tests = table == "dev-dependencies"
                && OF_TESTS.iter().any(|(user, used)| *user == folder && listed(used, &package));
            let is_allowed = is_of_tests || listed(allowed, &package);
            if folder_of(&package).is_some() && !is_allowed && is_complete(tree, folder) {
                wrong.push(format!("{path}: it must not depend on `{package}`"));
            }
            let foreign = FOREIGN.iter().find(|(library, _)| *library == package);
            wrong.extend(
                foreign
                    .filter(|(_, homes)| !is_here(homes))
                    .map(|(_, homes)| format!("{path}: `{package}` belongs to {}", homes.join(" and "))),
            );
        }
        let manifest: Table = text.parse().unwrap_or_default();
        if manifest.get("lints").is_none_or(|lints| lints.get("workspace").is_none()) {
            wrong.push(format!("{path}: add `[lints] workspace = true`"));
        }
    }
    wrong
}

/// Each dependency has a reason on its line.
pub fn reasons(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
        for Dependency { key, .. } in read(text).into_iter().filter(|it| !it.is_inherited && it.path.is_none()) {
            let is_explained = |line: &str| line.starts_with(&format!("{key} = ")) && line.contains(" # ");
            if !text.lines().any(is_explained) {
                wrong.push(format!("{path}: `{key}` needs a reason, as a comment on its line"));
            }
        }
    }
    wrong
}

/// Some file of a crate names each dependency, but for the one that only sets features.
pub fn unused(tree: &Tree) -> Vec<String> {
    const FEATURES: &str = "workspace-hack";
    let (sources, mut wrong) = (production(tree), Vec::new());
    for (folder, _) in CRATES.iter().filter(|(folder, _)| last(folder) != FEATURES) {
        let (path, below) = (format!("{folder}/Cargo.toml"), format!("{folder}/"));
        let own: Vec<_> = sources.iter().filter(|source| source.path.starts_with(&below)).collect();
        let is_named = |it: &Dependency| {
            let name = it.key.replace('-', "_");
            own.iter().flat_map(|source| &source.names).any(|found| found.path.first() == Some(&name))
        };
        let manifest = tree.get(&path).filter(|_| !own.is_empty()).map_or("", String::as_str);
        let needed = read(manifest).into_iter().filter(|it| it.table == "dependencies" && it.key != FEATURES);
        let unused = needed.filter(|it| !is_named(it));
        wrong.extend(
            unused.map(|it| format!("{path}: no file names `{}`: remove it, or leave it to the tests", it.key)),
        );
    }
    wrong
}

/// The measured programs contain no crate that measures or reports.
pub fn measured(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut waiting: Vec<&str> = MEASURED.iter().copied().filter(|folder| is_complete(tree, folder)).collect();
    let mut seen: BTreeSet<&str> = waiting.iter().copied().collect();
    while let Some(folder) = waiting.pop() {
        let path = format!("{folder}/Cargo.toml");
        for Dependency { package, .. } in read(&tree[&path]).into_iter().filter(|it| it.table != "dev-dependencies") {
            if listed(NOT_MEASURED, &package) {
                wrong.push(format!("{path}: `{package}` must not be compiled into what is measured"));
            } else {
                waiting.extend(folder_of(&package).filter(|next| seen.insert(next)));
            }
        }
    }
    wrong
}

/// Foreign libraries are named only in their file or folder, except in tests.
pub fn paths(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in production(tree) {
        let is_local = |name: &String| source.modules.contains(name) || source.imports.contains_key(name);
        for name in source.names.iter().filter(|name| name.path.len() > 1 && !is_local(&name.path[0])) {
            let place = format!("{}:{}", source.path, name.line);
            let is_home = |homes: &[&str]| homes.iter().any(|home| source.path.contains(home));
            let foreign = FOREIGN.iter().find(|(library, homes)| *library == name.path[0] && !is_home(homes));
            wrong.extend(
                foreign.map(|(library, homes)| format!("{place}: `{library}` belongs to {}", homes.join(" and "))),
            );
        }
    }
    wrong
}

struct Dependency {
    table: String,
    key: String,
    package: String,
    is_inherited: bool,
    path: Option<String>,
    is_optional: bool,
}

/// All dependencies of a manifest, of any kind and target. Cargo rejects a manifest that can't be parsed.
fn read(manifest: &str) -> Vec<Dependency> {
    let manifest: Table = manifest.parse().unwrap_or_default();
    let table = |key| manifest.get(key).and_then(Value::as_table);
    let targets = table("target").into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let mut dependencies = Vec::new();
    for (name, entries) in [&manifest].into_iter().chain(table("workspace")).chain(targets).flatten() {
        for (key, value) in entries.as_table().filter(|_| name.ends_with("dependencies")).into_iter().flatten() {
            let text = |field| value.get(field).and_then(Value::as_str);
            dependencies.push(Dependency {
                table: name.clone(),
                key: key.clone(),
                package: text("package").or(text("path").map(last)).unwrap_or(key).to_owned(),
                is_inherited: value.get("workspace").is_some(),
                path: text("path").map(str::to_owned),
                is_optional: value.get("optional").and_then(Value::as_bool) == Some(true),
            });
        }
    }
    dependencies
}

fn listed(words: &str, word: &str) -> bool {
    words.split(' ').any(|listed| listed == word)
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn folder_of(package: &str) -> Option<&'static str> {
    CRATES.iter().map(|(folder, _)| *folder).find(|folder| last(folder) == package)
}

/// True if all crates of a row exist.
fn is_complete(tree: &Tree, folder: &str) -> bool {
    let is_here = |folder: &str| tree.contains_key(&format!("{folder}/Cargo.toml"));
    let mut row = CRATES.iter().filter(|(listed, _)| *listed == folder).flat_map(|(_, used)| used.split_whitespace());
    is_here(folder) && row.all(|package| folder_of(package).is_some_and(is_here))
}
