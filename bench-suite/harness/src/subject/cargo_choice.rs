//! The packages, bench targets and features that are asked for, as cargo spells them: `--package`, `--bench`,
//! `--features`, `--all-features`, `--no-default-features`. Unknown names are errors that list what there is.

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::build::metadata::{Metadata, Package};

/// Why these arguments mean nothing in the memory's tree, and of commands.
pub const OF_OTHERS: &str = "`--package`, `--bench` and features are those of cargo packages with benches: here a name \
    chooses among the cases, as `assay run --list` shows them";

/// A part of what `cargo bench` builds, and with which features.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CargoChoice {
    /// Names of packages; without any, what cargo builds by default.
    pub packages: Vec<String>,
    /// Names of bench targets and libraries; without any, all.
    pub benches: Vec<String>,
    /// Features, some of them with commas or blanks between.
    pub features: Vec<String>,
    /// All features.
    pub all_features: bool,
    /// The default features are off.
    pub no_default_features: bool,
}

impl CargoChoice {
    /// True if nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == CargoChoice::default()
    }

    /// The packages to build.
    pub fn packages<'a>(&self, metadata: &'a Metadata, manifest: &'a Path) -> Result<Vec<&'a Package>> {
        let named = |name: &String| metadata.packages.iter().find(|package| package.name == *name);
        let packages = match &self.packages[..] {
            [] => metadata.chosen(manifest).collect(),
            names => {
                let unknown = names.iter().filter(|name| named(name).is_none());
                let all = metadata.packages.iter().map(|package| package.name.as_str());
                none_unknown(unknown, "package", all)?;
                names.iter().filter_map(named).collect::<Vec<_>>()
            }
        };
        let targets = || packages.iter().flat_map(|package| &package.targets);
        let is_there = |name: &&String| targets().any(|target| target.name == **name);
        let benches = targets().filter(|target| target.is_bench()).map(|target| target.name.as_str());
        none_unknown(self.benches.iter().filter(|name| !is_there(name)), "bench target", benches)?;
        let features = self.names();
        let is_known = |name: &&String| packages.iter().any(|package| feature_of(package, name).is_some());
        let all = packages.iter().flat_map(|package| package.features.keys()).map(String::as_str);
        none_unknown(features.iter().filter(|name| !is_known(name)), "feature", all)?;
        Ok(packages)
    }

    /// True if a target of that name is asked for.
    pub fn has_bench(&self, name: &str) -> bool {
        self.benches.is_empty() || self.benches.iter().any(|bench| bench == name)
    }

    /// The features of a package that are on.
    pub fn enabled(&self, package: &Package) -> Vec<String> {
        let mut asked = self.of(package);
        if self.all_features {
            asked.extend(package.features.keys().cloned());
        }
        if !self.no_default_features {
            asked.push("default".to_owned());
        }
        package.enabled(&asked)
    }

    /// Cargo's arguments for a package. A package of a workspace need not have all features.
    pub fn arguments(&self, package: &Package) -> Vec<String> {
        let features = self.of(package);
        let named = (!features.is_empty()).then(|| format!("--features={}", features.join(",")));
        let all = self.all_features.then(|| "--all-features".to_owned());
        let no_default = self.no_default_features.then(|| "--no-default-features".to_owned());
        named.into_iter().chain(all).chain(no_default).collect()
    }

    fn of(&self, package: &Package) -> Vec<String> {
        self.names().iter().filter_map(|name| feature_of(package, name)).collect()
    }

    fn names(&self) -> Vec<String> {
        let names = self.features.iter().flat_map(|list| list.split([',', ' ']));
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }
}

impl fmt::Display for CargoChoice {
    /// What changes the benchmarks of one name, as arguments, each with a blank before it: two choices of features
    /// can't be compared.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let features = self.names();
        if !features.is_empty() {
            write!(f, " --features {}", features.join(","))?;
        }
        f.write_str(if self.all_features { " --all-features" } else { "" })?;
        f.write_str(if self.no_default_features { " --no-default-features" } else { "" })
    }
}

/// A feature as a package takes it: one of its features, `PACKAGE/FEATURE` of itself, or a feature of a dependency.
fn feature_of(package: &Package, name: &str) -> Option<String> {
    match name.split_once('/') {
        Some((of, feature)) if of == package.name => Some(feature.to_owned()),
        Some((of, _)) => {
            let of = of.trim_end_matches('?');
            package.dependencies.iter().any(|dependency| dependency.name == of).then(|| name.to_owned())
        }
        None => package.features.contains_key(name).then(|| name.to_owned()),
    }
}

fn none_unknown<'a>(
    mut unknown: impl Iterator<Item = &'a String>,
    what: &str,
    all: impl Iterator<Item = &'a str>,
) -> Result<()> {
    let Some(unknown) = unknown.next() else { return Ok(()) };
    let mut all: Vec<&str> = all.collect();
    all.sort_unstable();
    all.dedup();
    ensure!(!all.is_empty(), "there is no {what} `{unknown}`, and no other one");
    bail!("there is no {what} `{unknown}`: there is {}", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        let package = |name: &str, bench: &str, features: &str| {
            format!(
                r#"{{"name":"{name}","id":"{name}","manifest_path":"/w/{name}/Cargo.toml","features":{features},
                    "dependencies":[{{"name":"serde"}}],
                    "targets":[{{"name":"{bench}","kind":["bench"],"src_path":"/w/{name}/b.rs"}}]}}"#
            )
        };
        let text = format!(
            r#"{{"packages":[{},{}],"workspace_root":"/w","workspace_default_members":["a"]}}"#,
            package("a", "fast", r#"{"default":["std"],"std":[],"simd":[]}"#),
            package("b", "slow", r#"{"alloc":[]}"#)
        );
        serde_json::from_str(&text).expect("parses")
    }

    fn choice(packages: &[&str], benches: &[&str], features: &[&str]) -> CargoChoice {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (packages, benches, features) = (owned(packages), owned(benches), owned(features));
        CargoChoice { packages, benches, features, ..CargoChoice::default() }
    }

    #[test]
    fn names_choose_and_unknown_ones_are_listed() {
        let metadata = metadata();
        let chosen = |choice: CargoChoice| -> Result<Vec<String>, String> {
            let packages = choice.packages(&metadata, Path::new("/w/Cargo.toml")).map_err(|error| error.to_string())?;
            Ok(packages.into_iter().map(|package| package.name.clone()).collect())
        };
        assert_eq!(chosen(choice(&[], &[], &[])), Ok(vec!["a".to_owned()]), "the default members");
        assert_eq!(chosen(choice(&["b"], &["slow"], &["alloc"])), Ok(vec!["b".to_owned()]));
        for (wrong, why) in [
            (choice(&["c"], &[], &[]), "there is no package `c`: there is a, b"),
            (choice(&[], &["slow"], &[]), "there is no bench target `slow`: there is fast"),
            (choice(&[], &[], &["std,neon"]), "there is no feature `neon`: there is default, simd, std"),
            (choice(&[], &[], &["tokio/full"]), "there is no feature `tokio/full`: there is default, simd, std"),
        ] {
            assert_eq!(chosen(wrong), Err(why.to_owned()));
        }
    }

    #[test]
    fn each_package_gets_the_features_that_it_has() {
        let metadata = metadata();
        let [a, b] = &metadata.packages[..] else { panic!("two packages") };
        let asked = choice(&["a", "b"], &[], &["simd alloc", "a/std", "serde/derive"]);
        assert_eq!(asked.arguments(a), ["--features=simd,std,serde/derive"]);
        assert_eq!(asked.arguments(b), ["--features=alloc,serde/derive"]);
        assert_eq!(choice(&[], &[], &[]).enabled(a), ["default", "std"]);
        let bare = CargoChoice { no_default_features: true, ..choice(&[], &[], &["simd"]) };
        assert_eq!((bare.enabled(a), bare.arguments(a).len()), (vec!["simd".to_owned()], 2));
        assert_eq!(bare.to_string(), " --features simd --no-default-features");
        let all = CargoChoice { all_features: true, ..CargoChoice::default() };
        assert_eq!(all.arguments(b), ["--all-features"]);
        assert!(all.enabled(a).contains(&"simd".to_owned()));
    }
}
