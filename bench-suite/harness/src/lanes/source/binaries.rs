//! The code of built programs by crate, from their symbols.
//!
//! Programs are taken as they are in the folder of release builds, and only if no file that they were built of is
//! newer: cargo lists these files beside each program. Generic code belongs to the crate that its type or trait names,
//! as in [`crate::tools::symbols`].

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use baselines::doing::Owner;
use object::{Object, ObjectSymbol, SymbolKind};

use crate::build::metadata::Metadata;
use crate::tools::symbols::owner;
use crate::workspace;

/// Crates with less than this part of the code are taken together.
const SMALL: u64 = 100;

/// The name of code that belongs to no crate: of C, and of the linker.
const NOT_RUST: &str = "(not Rust)";

/// The name of the small crates together.
const OTHER: &str = "(other)";

/// The programs of a workspace, with the files that a release build makes of them.
pub(super) fn programs(metadata: &Metadata) -> Vec<(String, PathBuf)> {
    let targets = metadata.packages.iter().flat_map(|package| &package.targets);
    let programs = targets.filter(|target| target.kind.iter().any(|kind| kind == "bin"));
    programs.map(|target| (target.name.clone(), workspace::target().join("release").join(&target.name))).collect()
}

/// The bytes of code by crate.
pub(super) fn sizes(program: &Path) -> Result<BTreeMap<String, u64>> {
    ensure!(program.is_file(), "it is not built: `cargo build --release` builds it");
    ensure!(is_fresh(program)?, "its source is newer than the program: `cargo build --release` builds it again");
    let content = std::fs::read(program).with_context(|| format!("can't read {}", program.display()))?;
    let file = object::File::parse(&*content).with_context(|| format!("{} is no program", program.display()))?;
    // Several names of one place are one function.
    let (mut sizes, mut seen) = (BTreeMap::new(), HashSet::new());
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
        if seen.insert(symbol.address()) {
            *sizes.entry(crate_of(symbol.name().unwrap_or_default())).or_default() += symbol.size();
        }
    }
    ensure!(!sizes.is_empty(), "it has no symbols: `strip = \"none\"` in its profile keeps them");
    Ok(sizes)
}

fn crate_of(symbol: &str) -> String {
    match owner(symbol, &[]) {
        Owner::Library(name) => name,
        _ => NOT_RUST.to_owned(),
    }
}

/// The crates with at least 1% of the code, and the others together.
pub(super) fn largest(sizes: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let total: u64 = sizes.values().sum();
    let (large, small): (Vec<_>, Vec<_>) =
        sizes.iter().map(|(name, bytes)| (name.as_str(), *bytes)).partition(|(_, bytes)| bytes * SMALL >= total);
    let small: u64 = small.iter().map(|(_, bytes)| bytes).sum();
    large.into_iter().chain((small > 0).then_some((OTHER, small))).collect()
}

/// True if no file that the program was built of is newer than it.
fn is_fresh(program: &Path) -> Result<bool> {
    let listed = program.with_added_extension("d");
    let text = std::fs::read_to_string(&listed).with_context(|| format!("can't read {}", listed.display()))?;
    let built = program.metadata()?.modified()?;
    Ok(files(&text).iter().all(|file| file.metadata().and_then(|data| data.modified()).is_ok_and(|time| time <= built)))
}

/// The files behind the colon of a rule of make, in which a backslash is before each blank of a name.
fn files(rule: &str) -> Vec<PathBuf> {
    let Some((_, files)) = rule.lines().next().and_then(|line| line.split_once(": ")) else { return vec![] };
    let parts = files.replace("\\ ", "\0");
    parts.split_whitespace().map(|file| PathBuf::from(file.replace('\0', " "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_crates_are_taken_together_and_the_sum_stays() {
        let sizes: BTreeMap<String, u64> =
            [("a", 990), ("b", 9), ("c", 1)].map(|(name, bytes)| (name.to_owned(), bytes)).into();
        assert_eq!(largest(&sizes), [("a", 990), (OTHER, 10)]);
    }

    #[test]
    fn symbols_belong_to_crates() {
        assert_eq!(crate_of("_ZN6memory5store3get17h829fc10a4ec83cd1E"), "memory");
        assert_eq!(crate_of("sqlite3VdbeExec"), NOT_RUST);
    }

    #[test]
    fn a_program_is_stale_when_one_of_its_files_is_newer() {
        let folder = tempfile::tempdir().expect("a folder");
        let [program, source] = ["tool", "a file.rs"].map(|name| folder.path().join(name));
        std::fs::write(&source, "").expect("written");
        std::fs::write(&program, "").expect("written");
        let rule = format!("{}: {}\n", program.display(), source.display().to_string().replace(' ', "\\ "));
        std::fs::write(folder.path().join("tool.d"), rule).expect("written");
        assert!(is_fresh(&program).expect("read"));
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        std::fs::File::open(&source).expect("there").set_modified(later).expect("set");
        let refused = sizes(&program).expect_err("stale").to_string();
        assert!(refused.contains("newer than the program"), "{refused}");
        let missing = sizes(&folder.path().join("other")).expect_err("not built").to_string();
        assert!(missing.contains("not built"), "{missing}");
    }
}
