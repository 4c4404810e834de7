//! Benches that are not where a project is gated: in a package below it that is no member of its workspace.
//!
//! Many libraries keep their benches so (`bench/`, `benches/`), because what benches need asks for a newer compiler
//! than the library does. Where a project has no bench at all, such a package is taken.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::bench_targets;
use super::definition::Definition;
use crate::build::git::git;
use crate::build::metadata::Metadata;

/// The project of a folder, as [`Definition::of_folder`] finds it. If it has no bench, the package below it that has
/// some; an error if there are several of these.
pub fn of_folder(folder: &Path) -> Result<Definition> {
    let plain = Definition::of_folder(folder)?;
    // A project file says where the benches are. What can't be read is said by whoever builds it.
    if plain.worker.is_some() || plain.file().is_some() || !lacks_benches(&plain) {
        return Ok(plain);
    }
    let mut others = packages_below(&plain)?;
    match (others.pop(), &others[..]) {
        (None, _) => Ok(plain),
        (Some(manifest), []) => {
            eprintln!("{} has no benches: those of {} are measured", plain.manifest.display(), manifest.display());
            Ok(plain.at(manifest))
        }
        (Some(last), _) => {
            let folders = others.iter().chain([&last]).filter_map(|manifest| manifest.parent());
            let folders: Vec<String> = folders.map(|folder| folder.display().to_string()).collect();
            bail!(
                "{} has no benches, and several packages below it have: go to one of {}",
                plain.manifest.display(),
                folders.join(", ")
            )
        }
    }
}

/// The manifests below that of a definition that are no members of its workspace and have benches.
fn packages_below(plain: &Definition) -> Result<Vec<PathBuf>> {
    let manifest = plain.repository.join(&plain.manifest);
    let members = Metadata::read(&manifest)?.packages.into_iter().map(|package| package.manifest_path);
    let members: Vec<PathBuf> = members.chain([manifest]).collect();
    let folder = plain.manifest.parent().unwrap_or(Path::new(""));
    let listed = git(&plain.repository, &["ls-files", "-z", "--", "*Cargo.toml"])?;
    let manifests = listed.split('\0').map(PathBuf::from).filter(|file| file.file_name() == plain.manifest.file_name());
    let below = manifests.filter(|file| file.starts_with(folder) && !members.contains(&plain.repository.join(file)));
    Ok(below.filter(|manifest| has_benches(&plain.at(manifest.clone()))).collect())
}

fn lacks_benches(definition: &Definition) -> bool {
    bench_targets::benches(definition).is_ok_and(|found| found.is_empty())
}

fn has_benches(definition: &Definition) -> bool {
    bench_targets::benches(definition).is_ok_and(|found| !found.targets.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BENCH: &str = "[package]\nname = \"own\"\n[workspace]\n[[bench]]\nname = \"speed\"\nharness = false\n";

    fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (file, text) in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
        git(folder.path(), &["init", "--quiet"]).expect("works");
        git(folder.path(), &["add", "--all"]).expect("works");
        folder
    }

    const LIBRARY: [(&str, &str); 5] = [
        ("Cargo.toml", "[package]\nname = \"library\"\n[workspace]\nmembers = [\"member\"]\n"),
        ("src/lib.rs", ""),
        ("member/Cargo.toml", "[package]\nname = \"member\"\n"),
        ("member/src/lib.rs", ""),
        ("fuzz/Cargo.toml", "not TOML"),
    ];

    #[test]
    fn the_only_package_with_benches_is_taken() {
        let folder = repository(&LIBRARY);
        let found = |folder: &Path| of_folder(folder).map_err(|error| format!("{error:#}"));
        let manifest = |folder: &Path| found(folder).expect("found").manifest;
        assert_eq!(manifest(folder.path()), Path::new("Cargo.toml"), "nobody has any");
        let add = |place: &str| {
            std::fs::create_dir_all(folder.path().join(place).join("benches")).expect("a folder");
            std::fs::write(folder.path().join(place).join("Cargo.toml"), BENCH).expect("written");
            std::fs::write(folder.path().join(place).join("benches/speed.rs"), "").expect("written");
            git(folder.path(), &["add", "--all"]).expect("works");
        };
        add("bench");
        assert_eq!(manifest(folder.path()), Path::new("bench/Cargo.toml"));
        assert_eq!(manifest(&folder.path().join("member")), Path::new("member/Cargo.toml"), "it is not above");
        add("compare");
        let why = found(folder.path()).expect_err("which one is not known");
        assert!(why.contains("several packages below it have: go to one of bench, compare"), "{why}");
        std::fs::create_dir_all(folder.path().join("benches")).expect("a folder");
        std::fs::write(folder.path().join("benches/own.rs"), "").expect("written");
        assert_eq!(manifest(folder.path()), Path::new("Cargo.toml"), "it has benches itself");
    }
}
