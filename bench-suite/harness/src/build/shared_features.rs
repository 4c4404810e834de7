//! The features that criterion turns on in packages that a project shares with it.
//!
//! Cargo unites the features that are asked for of a package. A library that asks for `serde_json` without `std` is
//! benched with it, as criterion asks for that, and may not compile otherwise. So the stand-in asks for the same of
//! those packages that are compiled anyway, and of no other.

use super::lock_file::{LockFile, LockedPackage};

/// What criterion asks for of a package, beside its version.
const ASKED: [(&str, &str); 7] = [
    ("itertools", ""),
    ("num-traits", ", default-features = false, features = [\"std\"]"),
    ("once_cell", ""),
    ("rayon", ""),
    ("regex", ", default-features = false, features = [\"std\"]"),
    ("serde", ""),
    ("serde_json", ""),
];

/// The stand-in's dependencies, as a manifest has them, for a locked `criterion`: those that a package of the project
/// reaches without one of the `harnesses`.
pub fn dependencies(locked: &LockFile, criterion: &LockedPackage, harnesses: &[&str]) -> Vec<String> {
    let find = |dependency: &String| locked.packages.iter().find(|package| package.is(dependency));
    let mut reached: Vec<&LockedPackage> = locked.packages.iter().filter(|package| package.source.is_none()).collect();
    let mut next = 0;
    while let Some(package) = reached.get(next) {
        let more = package.dependencies.iter().filter_map(find);
        let more = more.filter(|package| !harnesses.contains(&&*package.name));
        let new: Vec<_> = more.filter(|package| !reached.iter().any(|other| std::ptr::eq(*other, *package))).collect();
        reached.extend(new);
        next += 1;
    }
    let asked = criterion.dependencies.iter().filter_map(find);
    let shared = asked.filter(|package| reached.iter().any(|other| std::ptr::eq(*other, *package)));
    let line = |package: &LockedPackage| {
        let (name, more) = ASKED.iter().find(|(name, _)| *name == package.name)?;
        Some(format!("{name} = {{ version = \"{}\"{more} }}", compatible(&package.version)))
    };
    shared.filter_map(line).collect()
}

/// The numbers of a version that compatible ones have in common.
fn compatible(version: &str) -> String {
    let numbers = if version.starts_with("0.") { 2 } else { 1 };
    version.split('.').take(numbers).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_project_shares_with_criterion_has_the_features_that_criterion_asks_for() {
        let source = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        let package = |name: &str, version: &str, source: &str, dependencies: &[&str]| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}\ndependencies = {dependencies:?}\n"
            )
        };
        let text = [
            package("own", "0.1.0", "", &["criterion", "serde_json", "other"]),
            package("other", "2.0.0", source, &["itertools 0.10.5", "anes"]),
            package("criterion", "0.5.1", source, &["anes", "itertools 0.10.5", "regex", "serde", "serde_json"]),
            package("serde_json", "1.0.154", source, &["serde"]),
            package("serde", "1.0.9", source, &[]),
            package("itertools", "0.9.0", source, &[]),
            package("itertools", "0.10.5", source, &[]),
            package("anes", "0.1.0", source, &[]),
            package("regex", "1.5.0", source, &[]),
        ];
        let locked = LockFile::parse(&text.concat()).expect("parses");
        assert_eq!(
            dependencies(&locked, &locked.packages[2], &["criterion"]),
            ["itertools = { version = \"0.10\" }", "serde = { version = \"1\" }", "serde_json = { version = \"1\" }"],
            "the project reaches no regex by itself"
        );
    }
}
