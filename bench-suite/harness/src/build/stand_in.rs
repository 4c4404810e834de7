//! Puts the stand-ins for criterion, divan, gungraun, iai and bencher in their places, so that a project's benches are
//! workers without a change to it.
//!
//! Cargo replaces a package of the lock file by one of the same name and version that a `[patch]` names, and the patch
//! may be given on the command line. So the stand-ins' source, which is part of this program, is written out once for
//! each package of theirs that the project has locked.
//!
//! Source: the Cargo book, "Overriding Dependencies" and "Configuration", `[patch]`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::lock_file::LockFile;
use super::shared_features;
use crate::hash::hash;

/// The packages whose interface a stand-in has, and the folder of its manifest.
const REPLACED: [(&str, &str); 10] = [
    ("criterion", ""),
    // A copy of criterion 0.5.
    (CRITERION2, ""),
    ("codspeed-criterion-compat", ""),
    ("divan", "divan"),
    // Without CodSpeed's own command, it is a copy of divan.
    ("codspeed-divan-compat", "divan"),
    ("gungraun", "gungraun"),
    ("iai-callgrind", "iai-callgrind"),
    ("iai", "iai"),
    ("bencher", "bencher"),
    ("codspeed-bencher-compat", "bencher"),
];

/// The version of criterion that other packages have copied.
const COPIED: &str = "0.5";

/// The package whose library has criterion's name, and not its own.
const CRITERION2: &str = "criterion2";

/// Versions 0.N of criterion that changed what older ones must not have, and the feature that stands for those.
const BOUNDS: [(u64, &str); 3] = [(4, "before_0_4"), (7, "before_0_7"), (8, "before_0_8")];

/// Part of the text that every program with a stand-in's main function has.
const MARK: &[u8] = b"built with Assay's stand-in for criterion";

macro_rules! files {
    ($($file:literal)*) => {
        /// The files of the stand-ins, as `stand-ins` has them.
        const FILES: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../stand-ins/", $file)))),*];
    };
}

/// The name of a manifest in `stand-ins`, which consists of links into `bench-suite/stand-ins`: a package can contain
/// nothing from outside of it, and no folder with a manifest under cargo's name.
const MANIFEST: &str = "manifest.toml";

files!(
    "manifest.toml" "src/arguments.rs" "src/async_bencher.rs" "src/async_executor.rs" "src/bencher.rs" "src/chance.rs"
    "src/clock.rs" "src/configuration.rs" "src/criterion.rs" "src/group.rs" "src/id.rs" "src/json.rs" "src/lib.rs"
    "src/libtest.rs" "src/loops.rs" "src/macros.rs" "src/measurement.rs" "src/old.rs" "src/placement.rs"
    "src/process.rs" "src/profiler.rs" "src/serve.rs" "src/slice.rs" "src/system.rs" "src/valgrind.rs" "src/worker.rs"
    "macros/manifest.toml" "macros/src/divan.rs" "macros/src/gungraun.rs" "macros/src/head.rs" "macros/src/lib.rs"
    "macros/src/options.rs" "macros/src/tokens.rs" "divan/manifest.toml" "src/divan.rs" "src/divan/allocator.rs"
    "src/divan/bencher.rs" "src/divan/configuration.rs" "src/divan/counter.rs" "src/divan/entry.rs"
    "src/divan/expansion.rs" "src/divan/options.rs" "gungraun/manifest.toml" "iai-callgrind/manifest.toml"
    "src/gungraun.rs" "src/gungraun/group.rs" "src/few.rs" "iai/manifest.toml" "src/iai.rs" "bencher/manifest.toml"
    "src/bencher_port.rs" "src/plain_bencher.rs"
);

/// Writes the stand-in for each package in a lock file that has one below `home`, and a cargo configuration that puts
/// them in place. Returns the configuration; none if the lock file has no such package of a registry or of git.
pub fn patch(lock: &str, home: &Path) -> Result<Option<PathBuf>> {
    let locked = LockFile::parse(lock)?;
    let replaced = locked.packages.iter().filter_map(|package| {
        let (name, manifest) = REPLACED.into_iter().find(|(name, _)| *name == package.name)?;
        let shared = match manifest {
            "" => shared_features::dependencies(&locked, package, &REPLACED.map(|(name, _)| name)),
            _ => vec![],
        };
        Some((origin(package.source.as_deref()?)?, name, &*package.version, manifest, shared))
    });
    let replaced: BTreeSet<(&str, &str, &str, &str, Vec<String>)> = replaced.collect();
    if replaced.is_empty() {
        return Ok(None);
    }
    let mut patch = String::new();
    let mut origins = BTreeSet::new();
    let mut keys = BTreeSet::new();
    // Strings of TOML and of JSON are written alike.
    let quoted = |text: &str| serde_json::to_string(text);
    for (origin, name, version, manifest, shared) in replaced {
        if origins.insert(origin) {
            writeln!(patch, "[patch.{}]", quoted(origin)?)?;
        }
        let names = shared.iter().filter_map(|line| line.split(' ').next());
        let folder = folder(home, &names.fold(format!("{name}-{version}"), |folder, name| format!("{folder}+{name}")));
        write(&folder, name, version, &shared)?;
        let package = folder.join(manifest);
        let path = package.to_str().context("the path of the cache is not UTF-8: set ASSAY_CACHE")?;
        // Under the package's name, so that it goes before a patch of the project's own.
        let key = match keys.insert((origin, name)) {
            true => name.to_owned(),
            false => format!("{name}-{}", version.replace(['.', '+'], "-")),
        };
        writeln!(patch, "{key} = {{ package = {}, path = {} }}", quoted(name)?, quoted(path)?)?;
    }
    let configuration = folder(home, &format!("patch-{}.toml", hash(&patch)));
    baselines::atomic::write(&configuration, patch.as_bytes())?;
    Ok(Some(configuration))
}

/// The name of a source of packages in a `[patch]`: `crates-io`, or the URL of a git repository without what chooses a
/// commit.
fn origin(source: &str) -> Option<&str> {
    match source.split_once('+')? {
        ("registry" | "sparse", _) => Some("crates-io"),
        ("git", url) => url.split(['?', '#']).next(),
        _ => None,
    }
}

/// True if a program has a stand-in's main function.
pub fn is_worker(program: &Path) -> Result<bool> {
    let bytes = std::fs::read(program).with_context(|| format!("can't read {}", program.display()))?;
    Ok(bytes.windows(MARK.len()).any(|window| window == MARK))
}

/// A hash of the stand-ins' source.
pub fn version() -> String {
    let text: String = FILES.iter().flat_map(|(file, text)| [*file, *text]).collect();
    hash(text)
}

/// The place of a form of the stand-ins below `home`.
pub fn folder(home: &Path, name: &str) -> PathBuf {
    home.join(format!("stand-in-{}", version())).join(name)
}

/// Writes the stand-ins, of which one is to be a package of that name and version; the one for criterion has more
/// dependencies. Files that are there keep their age, and cargo what it has built of them.
pub fn write(folder: &Path, name: &str, version: &str, more: &[String]) -> Result<()> {
    for (file, text) in FILES {
        let path = folder.join(file.replace(MANIFEST, "Cargo.toml"));
        let text = match *file {
            "macros/manifest.toml" => manifest(text, None, version),
            MANIFEST => manifest(text, Some(name), version).replace(
                "[dependencies]\n",
                &more.iter().fold("[dependencies]\n".to_owned(), |text, line| text + line + "\n"),
            ),
            file if file.ends_with(MANIFEST) => manifest(text, Some(name), version),
            _ if name == "criterion" => as_before(text, version),
            _ => as_before(text, COPIED),
        };
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        baselines::atomic::write(&path, text.as_bytes())?;
    }
    Ok(())
}

/// The source as of a version of criterion: what later ones have changed is cut out. A feature can't do that, as
/// anybody may turn one off.
fn as_before(text: &str, version: &str) -> String {
    let minor = version.strip_prefix("0.").and_then(|rest| rest.split('.').next()?.parse::<u64>().ok());
    let later = BOUNDS.iter().filter(|(bound, _)| minor.is_some_and(|minor| minor < *bound));
    later.fold(text.to_owned(), |text, (_, feature)| text.replace(&format!("feature = \"{feature}\""), "all()"))
}

/// A manifest for another version, and for another name if there is one.
fn manifest(text: &str, name: Option<&str>, version: &str) -> String {
    let line = |line: &str| match (line.split_once(" = "), name) {
        (Some(("name", _)), Some(name)) => format!("name = \"{name}\""),
        (Some(("version", _)), _) => format!("version = \"{version}\""),
        (None, Some(CRITERION2)) if line == "[lib]" => "[lib]\nname = \"criterion\"".to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(packages: &[(&str, &str, &str)]) -> String {
        let package = |(name, version, source): &(&str, &str, &str)| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}\n")
        };
        packages.iter().map(package).collect()
    }

    const REGISTRY: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

    #[test]
    fn every_file_of_the_stand_in_is_in_this_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stand-ins");
        let sources = |folder: &'static str| {
            let entries = std::fs::read_dir(root.join(folder)).expect("its folder").map(|entry| entry.expect("read"));
            let files = entries.filter(|entry| entry.path().is_file());
            files.map(move |file| format!("{folder}/{}", file.file_name().to_string_lossy())).collect::<Vec<_>>()
        };
        let there: BTreeSet<String> =
            ["src", "src/divan", "src/gungraun", "macros/src"].into_iter().flat_map(sources).collect();
        let here: BTreeSet<String> = FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
        let mut manifests = here.difference(&there);
        assert!(manifests.all(|file| file.ends_with(MANIFEST)), "{here:?}");
        assert_eq!(there.difference(&here).collect::<Vec<_>>(), Vec::<&String>::new());
    }

    #[test]
    fn every_harness_of_the_registry_is_replaced_at_its_version() {
        let home = tempfile::tempdir().expect("a folder");
        let lock = locked(&[
            ("criterion", "0.3.6", REGISTRY),
            ("criterion", "0.5.1", REGISTRY),
            ("codspeed-criterion-compat", "2.7.2", REGISTRY),
            ("criterion2", "3.0.2", REGISTRY),
            ("criterion-plot", "0.5.0", REGISTRY),
            ("divan", "0.1.14", REGISTRY),
            ("divan-macros", "0.1.14", REGISTRY),
            ("codspeed-divan-compat", "4.0.2", REGISTRY),
            ("gungraun", "0.20.0", REGISTRY),
            ("gungraun-runner", "0.20.0", REGISTRY),
            ("iai-callgrind", "0.14.0", REGISTRY),
            ("iai", "0.1.1", REGISTRY),
            ("bencher", "0.1.5", REGISTRY),
            ("codspeed-bencher-compat", "5.0.1", REGISTRY),
            ("serde", "1.0.0", REGISTRY),
        ]);
        let file = patch(&lock, home.path()).expect("written").expect("criterion is there");
        let text = std::fs::read_to_string(&file).expect("written");
        let patches: toml::Table = toml::from_str(&text).expect("TOML");
        let patches = patches["patch"]["crates-io"].as_table().expect("a table");
        assert_eq!(patches.len(), 11, "{text}");
        for (patch, version, source) in [
            ("criterion", "0.3.6", "src/lib.rs"),
            ("criterion-0-5-1", "0.5.1", "src/lib.rs"),
            ("codspeed-criterion-compat", "2.7.2", "src/lib.rs"),
            ("criterion2", "3.0.2", "src/lib.rs"),
            ("divan", "0.1.14", "../src/divan.rs"),
            ("codspeed-divan-compat", "4.0.2", "../src/divan.rs"),
            ("gungraun", "0.20.0", "../src/gungraun.rs"),
            ("iai-callgrind", "0.14.0", "../src/gungraun.rs"),
            ("iai", "0.1.1", "../src/iai.rs"),
            ("bencher", "0.1.5", "../src/bencher_port.rs"),
            ("codspeed-bencher-compat", "5.0.1", "../src/bencher_port.rs"),
        ] {
            let folder = Path::new(patches[patch]["path"].as_str().expect("a path"));
            let manifest: toml::Table =
                toml::from_str(&std::fs::read_to_string(folder.join("Cargo.toml")).expect("there")).expect("TOML");
            assert_eq!(manifest["package"]["version"].as_str(), Some(version));
            assert_eq!(manifest["package"]["name"], patches[patch]["package"]);
            assert!(folder.join(source).is_file());
            let library = manifest["lib"].get("name").and_then(|name| name.as_str());
            assert_eq!(library, (patch == "criterion2").then_some("criterion"), "{patch}");
            // Cargo tells two packages of one name by their numbers.
            let macros = manifest
                .get("dependencies")
                .and_then(|all| all.get("macros"))
                .map(|macros| folder.join(macros["path"].as_str().expect("a path")));
            let macros = macros.map(|folder| std::fs::read_to_string(folder.join("Cargo.toml")).expect("there"));
            assert!(macros.is_none_or(|text| text.contains(&format!("\nversion = \"{version}\"\n"))), "{patch}");
        }
    }

    /// How the stand-in is compiled.
    const LIBRARY: [&str; 3] = ["--crate-type=lib", "--crate-name=criterion", "--cap-lints=allow"];

    /// Compiles a crate.
    fn compiles(file: &Path, more: &[&str]) {
        let folder = file.parent().expect("a folder");
        let mut command = std::process::Command::new("rustc");
        command.args(["--edition=2021", "--emit=metadata"]).args(more);
        let output = command.arg("--out-dir").arg(folder).arg(file).output().expect("rustc starts");
        assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn an_older_criterion_has_no_variants_of_a_newer_one() {
        let home = tempfile::tempdir().expect("a folder");
        let of_0_3 = "Bytes(n) | Throughput::Elements(n)";
        let of_0_7 = "Bits(n) | Throughput::Bytes(n) | Throughput::BytesDecimal(n) | Throughput::Elements(n)";
        for (name, version, variants) in [
            ("criterion", "0.3.6", of_0_3),
            ("criterion", "0.5.1", of_0_7.trim_start_matches("Bits(n) | Throughput::")),
            ("criterion", "0.7.0", of_0_7),
        ] {
            let folder = home.path().join(version);
            write(&folder, name, version, &[]).expect("written");
            compiles(&folder.join("src/lib.rs"), &LIBRARY);
            let user = folder.join("src/user.rs");
            let text = format!(
                "pub fn number(it: &criterion::Throughput) -> &u64 {{ match it {{ criterion::Throughput::{} => n }} }}",
                variants.replace("| ", "| criterion::")
            );
            std::fs::write(&user, text).expect("written");
            compiles(
                &user,
                &[
                    "--crate-type=lib",
                    &format!("-Ldependency={}", folder.join("src").display()),
                    &format!("--extern=criterion={}", folder.join("src/libcriterion.rmeta").display()),
                ],
            );
        }
    }

    #[test]
    fn an_optional_dependency_is_a_feature() {
        let (_, manifest) = FILES.iter().find(|(file, _)| *file == MANIFEST).expect("criterion's");
        let manifest: toml::Table = toml::from_str(manifest).expect("TOML");
        let names = |table: &str| manifest[table].as_table().expect("a table").keys().cloned().collect::<BTreeSet<_>>();
        assert!(names("features").is_superset(&names("dependencies")), "{manifest}");
    }

    #[test]
    fn the_function_of_a_group_has_a_document_where_criterions_has() {
        let home = tempfile::tempdir().expect("a folder");
        let bench = "use criterion::{criterion_group, criterion_main, Criterion};\nfn nothing(_: &mut Criterion) {}\n\
            criterion_group!(benches, nothing);\ncriterion_main!(benches);\n";
        for (name, version, said) in [
            ("criterion", "0.7.0", "//! A bench.\n#![expect(missing_docs)]\n"),
            ("criterion2", "3.0.2", "//! A bench.\n#![expect(missing_docs)]\n"),
            ("criterion", "0.8.2", "//! A bench.\n#![deny(missing_docs)]\n"),
        ] {
            let folder = home.path().join(version);
            write(&folder, name, version, &[]).expect("written");
            compiles(&folder.join("src/lib.rs"), &LIBRARY);
            let user = folder.join("src/user.rs");
            std::fs::write(&user, format!("{said}{bench}")).expect("written");
            compiles(
                &user,
                &[
                    "--crate-type=bin",
                    "-Dwarnings",
                    &format!("-Ldependency={}", folder.join("src").display()),
                    &format!("--extern=criterion={}", folder.join("src/libcriterion.rmeta").display()),
                ],
            );
        }
    }

    #[test]
    fn a_criterion_of_a_git_repository_is_replaced_there_and_one_of_a_folder_stays() {
        let home = tempfile::tempdir().expect("a folder");
        let git = "source = \"git+https://example.org/criterion?branch=next#0123\"";
        let lock = locked(&[("criterion", "0.6.0", git), ("criterion", "0.5.1", REGISTRY), ("criterion", "0.7.0", "")]);
        let file = patch(&lock, home.path()).expect("written").expect("two are there");
        let text = std::fs::read_to_string(&file).expect("written");
        let patches: toml::Table = toml::from_str(&text).expect("TOML");
        for (origin, version) in [("crates-io", "0.5.1"), ("https://example.org/criterion", "0.6.0")] {
            let path = patches["patch"][origin]["criterion"]["path"].as_str().expect("a path");
            assert!(path.ends_with(&format!("criterion-{version}/")), "{text}");
        }
        assert_eq!(patch(&locked(&[("criterion", "0.5.1", "")]), home.path()).expect("read"), None);
        assert!(patch("[[package]", home.path()).is_err());
    }

    #[test]
    fn only_programs_with_the_stand_in_are_workers() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program");
        std::fs::write(&program, [b"\x7fELF", MARK, b"."].concat()).expect("written");
        assert!(is_worker(&program).expect("read"));
        std::fs::write(&program, b"\x7fELF built with criterion").expect("written");
        assert!(!is_worker(&program).expect("read"));
    }
}
