//! What cargo says about the packages of a workspace (`cargo metadata --no-deps`, format version 1), and what only
//! their manifests say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{cargo, toolchain};

/// The packages of a workspace.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    /// All members.
    pub packages: Vec<Package>,
    /// The folder of the lock file.
    pub workspace_root: PathBuf,
    /// The members that cargo builds when it is called in the root. Older versions of cargo do not say.
    pub workspace_default_members: Option<Vec<String>>,
}

/// A package.
#[derive(Debug, Deserialize)]
pub struct Package {
    /// The name.
    pub name: String,
    /// The identifier in lists of members.
    pub id: String,
    /// The path of its `Cargo.toml`.
    pub manifest_path: PathBuf,
    /// Its targets.
    pub targets: Vec<PackageTarget>,
    /// Its features, with what they turn on.
    pub features: BTreeMap<String, Vec<String>>,
    /// What it asks for.
    pub dependencies: Vec<Dependency>,
}

/// A target of a package.
#[derive(Debug, Deserialize)]
pub struct PackageTarget {
    /// The name.
    pub name: String,
    /// Such as `bench` or `lib`.
    pub kind: Vec<String>,
    /// Its first source file.
    pub src_path: PathBuf,
    /// The features without which it isn't built.
    #[serde(default, rename = "required-features")]
    pub required_features: Vec<String>,
}

/// A dependency of a package.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    /// The name of the package.
    pub name: String,
    /// The folder of a package that is named by `path`.
    pub path: Option<PathBuf>,
}

/// A target in a manifest.
#[derive(Deserialize)]
struct ManifestTarget {
    name: Option<String>,
    harness: Option<bool>,
    bench: Option<bool>,
}

/// The targets of a manifest, as far as `cargo bench` builds them.
#[derive(Default, Deserialize)]
struct Manifest {
    lib: Option<ManifestTarget>,
    #[serde(default)]
    bench: Vec<ManifestTarget>,
    #[serde(default)]
    bin: Vec<ManifestTarget>,
}

impl PackageTarget {
    /// True for the library of a package.
    pub fn is_library(&self) -> bool {
        self.kind.iter().any(|kind| kind.ends_with(cargo::LIBRARY))
    }

    /// True for a bench target.
    pub fn is_bench(&self) -> bool {
        self.is_of_kind("bench")
    }

    /// True for a program.
    pub fn is_program(&self) -> bool {
        self.is_of_kind(cargo::PROGRAM)
    }

    fn is_of_kind(&self, wanted: &str) -> bool {
        self.kind.iter().any(|kind| kind == wanted)
    }
}

impl Package {
    /// False if a target lies in another package below this one: cargo takes `benches/speed.rs` even where `benches`
    /// has its own manifest.
    pub fn owns(&self, target: &PackageTarget) -> bool {
        let folder = self.folder();
        let above = target.src_path.ancestors().skip(1);
        let between = above.take_while(|above| above.starts_with(folder) && *above != folder);
        !between.into_iter().any(|between| between.join("Cargo.toml").is_file())
    }
}

impl Metadata {
    /// Asks cargo about the workspace of a manifest.
    pub fn read(manifest: &Path) -> Result<Metadata> {
        let folder = manifest.parent().context("a manifest lies in a folder")?;
        let mut command = cargo::cargo();
        toolchain::choose(&mut command, folder);
        command.args(["metadata", "--no-deps", "--format-version=1", "--offline", "--manifest-path"]);
        let output =
            command.arg(manifest).current_dir(folder).stdin(Stdio::null()).output().context("can't start cargo")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo can't read {}: {}", manifest.display(), said.trim());
        serde_json::from_slice(&output.stdout).context("`cargo metadata` printed something else than its format 1")
    }

    /// The crates of the targets that `is_wanted` picks, as symbols name them.
    pub fn crates(&self, is_wanted: impl Fn(&PackageTarget) -> bool) -> Vec<String> {
        let targets = self.packages.iter().flat_map(|package| &package.targets).filter(|target| is_wanted(target));
        let mut crates: Vec<String> = targets.map(|target| target.name.replace('-', "_")).collect();
        crates.sort_unstable();
        crates.dedup();
        crates
    }

    /// A package of a repository, and the folder outside of it from which it takes another one, by a relative path: in
    /// a checkout of the repository, nothing is there. None if no package does so.
    pub fn outside(&self, repository: &Path) -> Option<(&str, &Path)> {
        let root = self.workspace_root.join("Cargo.toml");
        let is_written = |manifest: &Path, path: &Path| {
            let text = std::fs::read_to_string(manifest).unwrap_or_default();
            path.to_str().is_some_and(|path| text.contains(path))
        };
        self.packages.iter().filter(|package| package.manifest_path.starts_with(repository)).find_map(|package| {
            let paths = package.dependencies.iter().filter_map(|dependency| dependency.path.as_deref());
            let mut outside = paths.filter(|path| !path.starts_with(repository));
            // An absolute path holds everywhere.
            let manifests = [&package.manifest_path, &root];
            let folder = outside.find(|path| !manifests.iter().any(|manifest| is_written(manifest, path)))?;
            Some((package.name.as_str(), folder))
        })
    }

    /// The packages that cargo builds when it is called with a manifest: its package, or the default members.
    pub fn chosen<'a>(&'a self, manifest: &'a Path) -> impl Iterator<Item = &'a Package> {
        let is_own = move |package: &Package| package.manifest_path == manifest;
        let has_own = self.packages.iter().any(is_own);
        let members = self.workspace_default_members.as_ref();
        self.packages.iter().filter(move |package| match has_own {
            true => is_own(package),
            false => members.is_none_or(|members| members.contains(&package.id)),
        })
    }
}

impl Package {
    /// The folder of the manifest.
    pub fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new(""))
    }

    /// The library, the programs and the bench targets that `cargo bench` builds with libtest's main function: what a
    /// manifest does not say has the defaults of cargo.
    pub fn of_libtest(&self) -> Result<Vec<&PackageTarget>> {
        let path = &self.manifest_path;
        let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
        let Manifest { lib, bench, bin } = toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
        let said = |target: &PackageTarget| {
            let all = match target.is_library() {
                true => return lib.as_ref(),
                false if target.is_bench() => &bench,
                false => &bin,
            };
            all.iter().find(|said| said.name.as_deref() == Some(&target.name))
        };
        let is_on = |target: &&PackageTarget| {
            said(target).is_none_or(|said| said.harness.unwrap_or(true) && said.bench.unwrap_or(true))
        };
        let is_built = |target: &&PackageTarget| target.is_bench() || target.is_library() || target.is_program();
        Ok(self.targets.iter().filter(is_built).filter(is_on).collect())
    }

    /// The features that its bench targets need, as `PACKAGE/FEATURE`.
    pub fn required_features(&self) -> impl Iterator<Item = String> {
        let benches = self.targets.iter().filter(|target| target.is_bench());
        benches.flat_map(|bench| &bench.required_features).map(|feature| format!("{}/{feature}", self.name))
    }

    /// The features of this package that `asked` turns on, themselves among them.
    pub fn enabled(&self, asked: &[String]) -> Vec<String> {
        let mut enabled = asked.to_vec();
        let mut next = 0;
        while let Some(feature) = enabled.get(next) {
            let more = self.features.get(feature).cloned().unwrap_or_default();
            enabled.extend(more.into_iter().filter(|feature| !enabled.contains(feature)).collect::<Vec<_>>());
            next += 1;
        }
        enabled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_turn_on_others() {
        let text = r#"{"name":"p","id":"p 1","manifest_path":"/p/Cargo.toml","targets":[],"dependencies":[],
            "features":{"default":["std"],"std":["alloc"],"alloc":[],"all":["a","std"],"a":["all"]}}"#;
        let package: Package = serde_json::from_str(text).expect("parses");
        assert_eq!(package.enabled(&["default".to_owned()]), ["default", "std", "alloc"]);
        assert_eq!(package.enabled(&["all".to_owned()]), ["all", "a", "std", "alloc"]);
    }

    #[test]
    fn a_target_in_a_package_below_belongs_to_that_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |file: &str| folder.path().join(file);
        std::fs::create_dir(path("benches")).expect("a folder");
        std::fs::write(path("Cargo.toml"), "").expect("written");
        let text = format!(
            r#"{{"name":"p","id":"p 1","manifest_path":{:?},"targets":[{{"name":"speed","kind":["bench"],
                "src_path":{:?}}}],"dependencies":[],"features":{{}}}}"#,
            path("Cargo.toml"),
            path("benches/speed.rs")
        );
        let package: Package = serde_json::from_str(&text).expect("parses");
        assert!(package.owns(&package.targets[0]));
        std::fs::write(path("benches/Cargo.toml"), "").expect("written");
        assert!(!package.owns(&package.targets[0]));
    }

    #[test]
    fn the_targets_of_libtest_are_those_that_the_manifest_leaves_to_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("Cargo.toml");
        let target = |name, kind| format!(r#"{{"name":"{name}","kind":["{kind}"],"src_path":"/p/{name}.rs"}}"#);
        let targets = [target("p", "rlib"), target("found", "bench"), target("own", "bench"), target("off", "bench")];
        let text = format!(
            r#"{{"name":"p","id":"p 1","manifest_path":{path:?},"targets":[{}],"dependencies":[],"features":{{}}}}"#,
            [&targets[..], &[target("tool", "bin"), target("shown", "example")]].concat().join(",")
        );
        let package: Package = serde_json::from_str(&text).expect("parses");
        let named = |manifest: &str| {
            std::fs::write(&path, manifest).expect("written");
            let targets = package.of_libtest().expect("read");
            targets.into_iter().map(|target| target.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(named("[package]\nname = \"p\"\n"), ["p", "found", "own", "off", "tool"]);
        let benches = "[[bench]]\nname = \"own\"\nharness = false\n[[bench]]\nname = \"off\"\nbench = false\n";
        assert_eq!(named(benches), ["p", "found", "tool"]);
        assert_eq!(named(&format!("[lib]\nbench = false\n{benches}")), ["found", "tool"]);
        assert_eq!(named(&format!("[[bin]]\nname = \"tool\"\nbench = false\n{benches}")), ["p", "found"]);
    }

    #[test]
    fn a_relative_path_out_of_the_repository_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = folder.path().join("repository");
        let manifest = repository.join("Cargo.toml");
        std::fs::create_dir(&repository).expect("a folder");
        let taken_from = |place: &Path, path: &Path| {
            std::fs::write(&manifest, format!("[dependencies]\nd = {{ path = {path:?} }}\n")).expect("written");
            let text = format!(
                r#"{{"packages":[{{"name":"p","id":"p 1","manifest_path":{manifest:?},"targets":[],"features":{{}},
                    "dependencies":[{{"name":"serde"}},{{"name":"d","path":{place:?}}}]}}],
                    "workspace_root":{repository:?}}}"#
            );
            let metadata: Metadata = serde_json::from_str(&text).expect("parses");
            metadata.outside(&repository).map(|(package, folder)| (package.to_owned(), folder.to_owned()))
        };
        let (inside, outside) = (repository.join("d"), folder.path().join("d"));
        assert_eq!(taken_from(&inside, Path::new("d")), None);
        assert_eq!(taken_from(&outside, Path::new("../d")), Some(("p".to_owned(), outside.clone())));
        assert_eq!(taken_from(&outside, &outside), None, "an absolute path");
    }

    #[test]
    fn a_package_or_the_default_members_are_built() {
        let package = |name: &str| {
            format!(
                r#"{{"name":"{name}","id":"{name}","manifest_path":"/w/{name}/Cargo.toml","targets":[],"dependencies":[],"features":{{}}}}"#
            )
        };
        let text = format!(
            r#"{{"packages":[{},{}],"workspace_root":"/w","workspace_default_members":["b"]}}"#,
            package("a"),
            package("b")
        );
        let metadata: Metadata = serde_json::from_str(&text).expect("parses");
        let chosen = |manifest: &str| {
            metadata.chosen(Path::new(manifest)).map(|package| package.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!((chosen("/w/a/Cargo.toml"), chosen("/w/Cargo.toml")), (vec!["a".to_owned()], vec!["b".to_owned()]));
    }
}
