//! Published packages are whole: each has every file that its sources include. Commands name packages that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use harness::build::cargo::cargo;
use serde_json::Value;

fn said(arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = cargo().args(arguments).arg("--offline").current_dir(root).output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The packages, as cargo describes them.
fn packages() -> Vec<Value> {
    let metadata: Value = serde_json::from_str(&said(&["metadata", "--no-deps", "--format-version=1"])).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

/// The published packages and their folders.
fn published() -> Vec<(String, PathBuf)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let folder = |package: &Value| PathBuf::from(text(&package["manifest_path"])).with_file_name("");
    let packages = packages().into_iter().filter(|it| it["publish"].is_null());
    packages.map(|it| (text(&it["name"]), folder(&it))).collect()
}

/// The files of a package, by their paths in it.
fn files(package: &str) -> BTreeSet<PathBuf> {
    said(&["package", "--list", "--allow-dirty", "--package", package]).lines().map(PathBuf::from).collect()
}

/// A path without `..`, as far as it stays within the package.
fn resolved(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut resolved, part| {
        if part != Component::ParentDir || !resolved.pop() {
            resolved.push(part);
        }
        resolved
    })
}

/// The files that a source includes by a plain path.
fn included(text: &str) -> impl Iterator<Item = &str> {
    let calls = ["include_str!(\"", "include_bytes!(\""].into_iter();
    calls.flat_map(move |call| text.split(call).skip(1)).filter_map(|rest| rest.split('"').next())
}

#[test]
fn a_package_has_what_its_sources_include() {
    let packages = published();
    assert!(packages.len() > 10 && packages.iter().any(|(name, _)| name == "cargo-assay"), "{packages:?}");
    let mut missing = Vec::new();
    for (name, folder) in packages {
        let files = files(&name);
        for source in files.iter().filter(|file| file.extension().is_some_and(|end| end == "rs")) {
            let text = fs::read_to_string(folder.join(source)).expect("a source");
            let beside = source.parent().expect("a file lies in a folder");
            let wanted = included(&text).map(|file| resolved(&beside.join(file)));
            let wanted = wanted.filter(|file| !files.contains(file));
            missing.extend(wanted.map(|file| format!("{name}: {} of {}", file.display(), source.display())));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// These are included by a macro, through links.
#[test]
fn the_package_of_the_harness_has_the_stand_ins() {
    let (files, harness) = (files("assay-harness"), Path::new(env!("CARGO_MANIFEST_DIR")).join("../harness"));
    let (mut folders, mut sources) = (vec![harness.join("stand-ins")], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = path.strip_prefix(&harness).expect("below it");
            assert!(files.contains(file), "{} is not in the package", file.display());
            sources += 1;
        }
    }
    assert!(sources > 40, "{sources} files");
}

/// The packages that a line's release build or test by cargo names.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let is_ours = line.contains("cargo ") && line.contains("--release");
    let words: Vec<&str> = line.split([' ', '`', '"', '\'', '\\']).filter(|_| is_ours).collect();
    let after = |pair: &[&str]| matches!(pair[0], "-p" | "--package");
    let pairs: Vec<&str> = words.windows(2).filter(|pair| after(pair)).map(|pair| pair[1]).collect();
    pairs.into_iter()
}

#[test]
fn commands_name_packages_that_there_are() {
    assert_eq!(named("`cargo test --release -p a --package b`; -x -p").collect::<Vec<&str>>(), ["a", "b"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let packages: BTreeSet<String> =
        packages().iter().map(|it| it["name"].as_str().expect("a name").to_owned()).collect();
    let kinds = ["ls-files", "*.md", "*.rs", "*.toml", "scripts/*", "ci/*"];
    let listed = Command::new("git").args(kinds).current_dir(&root).output().expect("git starts");
    let listed = String::from_utf8(listed.stdout).expect("text");
    let mut unknown = Vec::new();
    for file in listed.lines().filter(|file| !file.ends_with("tests/packages.rs")) {
        let Ok(text) = fs::read_to_string(root.join(file)) else { continue };
        let of_file = text.lines().flat_map(named).filter(|name| !packages.contains(*name));
        unknown.extend(of_file.map(|name| format!("{file}: {name}")));
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}
