//! Packages that a lock file has in several versions, and who brings each.
//!
//! A lock file has what any feature, target or kind of dependency may need, so a version in it may not be built here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use anyhow::{Context, Result};

use crate::build::lock_file::LockFile;

/// The first part of a case's name.
pub(super) const CASE: &str = "duplicate/";

/// A package in several versions.
#[derive(Debug, PartialEq)]
pub(super) struct Duplicate {
    pub(super) name: String,
    /// Each version with one shortest path from a member of the workspace, as in `b < a < member`.
    pub(super) brought_by: Vec<(String, String)>,
}

/// The duplicates of a lock file, by name; none if there is no file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<Duplicate>>> {
    match std::fs::read_to_string(path) {
        Ok(text) => of(&text).with_context(|| format!("can't read {}", path.display())).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("can't read {}", path.display())),
    }
}

fn of(text: &str) -> Result<Vec<Duplicate>> {
    let LockFile { packages } = LockFile::parse(text)?;
    // The package that needed it, the nearest to a member of the workspace.
    let mut needed_by: BTreeMap<usize, usize> = BTreeMap::new();
    let members = (0..packages.len()).filter(|at| packages[*at].source.is_none());
    let mut seen: BTreeSet<usize> = members.clone().collect();
    let mut waiting: VecDeque<usize> = members.collect();
    while let Some(at) = waiting.pop_front() {
        for needed in &packages[at].dependencies {
            let found = (0..packages.len()).find(|other| packages[*other].is(needed));
            if let Some(found) = found.filter(|found| seen.insert(*found)) {
                needed_by.insert(found, at);
                waiting.push_back(found);
            }
        }
    }
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, package) in packages.iter().enumerate() {
        by_name.entry(&package.name).or_default().push(at);
    }
    let path = |at: usize| {
        let path = std::iter::successors(needed_by.get(&at), |by| needed_by.get(by));
        let names: Vec<&str> = path.map(|by| packages[*by].name.as_str()).collect();
        if names.is_empty() { "the workspace itself".to_owned() } else { names.join(" < ") }
    };
    let several = by_name.into_iter().filter(|(_, places)| places.len() > 1);
    let duplicate = |(name, places): (&str, Vec<usize>)| Duplicate {
        name: name.to_owned(),
        brought_by: places.into_iter().map(|at| (packages[at].version.clone(), path(at))).collect(),
    };
    Ok(several.map(duplicate).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_path_to_the_workspace() {
        let package = |name: &str, version: &str, needs: &str| {
            let source = if name == "own" { "" } else { "source = \"registry\"\n" };
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}dependencies = [{needs}]\n")
        };
        let text = [
            package("syn", "1.0.0", ""),
            package("syn", "2.0.0", ""),
            package("old", "0.1.0", "\"syn 1.0.0\""),
            package("middle", "0.1.0", "\"old\""),
            package("own", "0.1.0", "\"middle\", \"syn 2.0.0\""),
        ];
        let brought = |version: &str, path: &str| (version.to_owned(), path.to_owned());
        let brought_by = vec![brought("1.0.0", "old < middle < own"), brought("2.0.0", "own")];
        assert_eq!(of(&text.concat()).expect("read"), [Duplicate { name: "syn".to_owned(), brought_by }]);
        assert!(of("not a lock file").is_err());
        assert_eq!(read(Path::new("/nowhere/Cargo.lock")).expect("no error"), None);
    }
}
