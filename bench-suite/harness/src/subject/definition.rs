//! What to measure of a cargo package or workspace, and the file that says what can't be guessed.
//!
//! ```toml
//! schema = 1
//! repository = "."            # the git repository, relative to this file
//! manifest = "Cargo.toml"     # optional: the package or workspace, within the repository
//! bench = "bench"             # optional: only this bench target, or library
//! filter = "itoa"             # optional: only benchmarks whose name contains this
//! features = []               # optional
//! worker = "python3 worker.py" # optional: a program that speaks the worker protocol, instead of benches
//! build = "make"              # optional: what builds the worker
//! counts = false              # optional: true if it takes exact counts
//!
//! [environment]               # optional: variables of the benches
//! RUST_MIN_STACK = "8388608"
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::cargo_choice::CargoChoice;
use crate::build::git::repository_of;
use crate::words;

/// The version of the format.
const SCHEMA: u64 = 1;

/// The name of the file.
const FILE: &str = "assay.toml";

/// A project as described by its file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    schema: u64,
    /// The git repository; absolute after reading.
    pub repository: PathBuf,
    /// The manifest of the package or workspace, within the repository.
    #[serde(default = "manifest")]
    pub manifest: PathBuf,
    /// What the command line chooses.
    #[serde(skip)]
    pub asked: CargoChoice,
    /// The bench target or the library; without one, all.
    pub bench: Option<String>,
    /// The part of a name that selects benchmarks.
    pub filter: Option<String>,
    /// Features of the package.
    #[serde(default)]
    pub features: Vec<String>,
    /// The command line of a worker in the manifest's folder, instead of benches. The manifest need not be there.
    pub worker: Option<String>,
    /// The shell command that builds the worker.
    pub build: Option<String>,
    /// The worker takes exact counts.
    #[serde(default)]
    pub counts: bool,
    /// Variables of the benches.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Criterion's effort: older files have it, and nothing uses it.
    #[serde(default, rename = "effort")]
    _effort: Option<toml::Table>,
}

fn manifest() -> PathBuf {
    PathBuf::from("Cargo.toml")
}

impl Definition {
    /// The package or workspace of the nearest `Cargo.toml` at or above a folder. Without one, the project file there.
    pub fn of_folder(folder: &Path) -> Result<Definition> {
        let folder = folder.canonicalize().with_context(|| format!("can't find {}", folder.display()))?;
        let file = folder.ancestors().map(|folder| folder.join(FILE)).find(|file| file.is_file());
        let manifest = folder.ancestors().map(|folder| folder.join("Cargo.toml")).find(|manifest| manifest.is_file());
        if let (None, Some(file)) = (&manifest, file) {
            return Definition::read(&file);
        }
        let manifest = manifest.with_context(|| {
            format!("there is no Cargo.toml in {} or above: go to a cargo package", folder.display())
        })?;
        let repository = repository_of(&folder)?;
        let manifest = manifest
            .strip_prefix(&repository)
            .with_context(|| format!("{} is outside of its git repository", manifest.display()))?
            .to_owned();
        Ok(Definition { schema: SCHEMA, repository, manifest, ..Definition::default() })
    }

    /// The project file beside the manifest, if there is one.
    pub fn file(&self) -> Option<PathBuf> {
        let folder = self.repository.join(&self.manifest);
        let file = folder.parent()?.join(FILE);
        file.is_file().then_some(file)
    }

    /// Reads a project file.
    pub fn read(path: &Path) -> Result<Definition> {
        Definition::parse(
            path,
            &std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?,
        )
    }

    /// Reads a project file from its text; folders are relative to its `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Definition> {
        let mut definition = parse(text).with_context(|| format!("{}", path.display()))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let repository = folder.join(&definition.repository);
        definition.repository = repository
            .canonicalize()
            .with_context(|| format!("{}: there is no repository at {}", path.display(), repository.display()))?;
        Ok(definition)
    }

    /// The name in reports: the folder of the package, and the bench if there is only one.
    pub fn name(&self) -> String {
        let manifest = self.repository.join(&self.manifest);
        let folder = manifest.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        self.bench.iter().fold(folder, |folder, bench| format!("{folder}/{bench}"))
    }

    /// The same of another manifest in the repository.
    pub fn at(&self, manifest: PathBuf) -> Definition {
        Definition { manifest, ..self.clone() }
    }

    /// The same with what the command line chooses.
    pub fn with(self, asked: CargoChoice) -> Result<Definition> {
        ensure!(
            asked.is_empty() || self.worker.is_none(),
            "a `worker` has no packages, benches or features: `build` says how it is built"
        );
        Ok(Definition { asked, ..self })
    }

    /// What the command line and the file choose together: features of both, and the command line's bench targets if it
    /// names some.
    pub fn choice(&self) -> CargoChoice {
        let mut choice = self.asked.clone();
        choice.features.extend(self.features.iter().cloned());
        if choice.benches.is_empty() {
            choice.benches.extend(self.bench.clone());
        }
        choice
    }
}

fn parse(text: &str) -> Result<Definition> {
    let definition: Definition = toml::from_str(text).context("not a project file")?;
    ensure!(definition.schema == SCHEMA, "schema {} is unknown, this assay reads {SCHEMA}", definition.schema);
    ensure!(definition.manifest.is_relative(), "`manifest` is absolute: give a path within the repository");
    match &definition.worker {
        Some(worker) => {
            ensure!(
                definition.bench.is_none() && definition.features.is_empty(),
                "a `worker` has no bench or features"
            );
            words::split(worker).context("`worker`")?;
        }
        None => ensure!(definition.build.is_none() && !definition.counts, "`build` and `counts` are a `worker`'s"),
    }
    Ok(definition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::git::git;

    #[test]
    fn a_project_needs_a_repository_and_may_name_a_bench() {
        let least = parse("schema = 1\nrepository = \".\"").expect("enough");
        assert_eq!((least.manifest.to_str(), least.bench), (Some("Cargo.toml"), None));
        let older = parse("schema = 1\nrepository = \".\"\nbench = \"b\"\n[effort]\nsamples = 10").expect("read");
        assert_eq!(older.bench.as_deref(), Some("b"));
        for (wrong, why) in [
            ("repository = \".\"\nbench = \"b\"", "schema"),
            ("schema = 2\nrepository = \".\"\nbench = \"b\"", "schema 2"),
            ("schema = 1\nbench = \"b\"", "repository"),
            ("schema = 1\nrepository = \".\"\nbench = \"b\"\nfliter = \"x\"", "fliter"),
            ("schema = 1\nrepository = \".\"\nmanifest = \"/Cargo.toml\"", "absolute"),
            ("schema = 1\nrepository = \".\"\nbuild = \"make\"", "`worker`'s"),
            ("schema = 1\nrepository = \".\"\nbench = \"b\"\nworker = \"w\"", "no bench"),
            ("schema = 1\nrepository = \".\"\nworker = \"w | x\"", "sh -c"),
        ] {
            let error = format!("{:#}", parse(wrong).expect_err("refused"));
            assert!(error.contains(why), "`{wrong}`: {error}");
        }
    }

    #[test]
    fn the_repository_is_where_the_file_says() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("there")).expect("a folder");
        let path = folder.path().join("assay.toml");
        std::fs::write(&path, "schema = 1\nrepository = \"there\"\nbench = \"speed\"").expect("writes");
        assert_eq!(Definition::read(&path).expect("reads").name(), "there/speed");
        std::fs::write(&path, "schema = 1\nrepository = \"gone\"\nbench = \"speed\"").expect("writes");
        assert!(format!("{:#}", Definition::read(&path).expect_err("gone")).contains("there is no repository at"));
    }

    #[test]
    fn without_a_file_the_nearest_package_is_the_project() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("there");
        let refused = |folder: &Path| format!("{:#}", Definition::of_folder(folder).expect_err("refused"));
        assert!(refused(&root).contains("there is no Cargo.toml"), "{}", refused(&root));
        std::fs::create_dir_all(root.join("inner/src")).expect("a folder");
        std::fs::write(root.join("inner/Cargo.toml"), "").expect("writes");
        assert!(refused(&root.join("inner")).contains("is in no git repository"), "{}", refused(&root.join("inner")));
        git(&root, &["init", "--quiet"]).expect("works");
        let found = Definition::of_folder(&root.join("inner/src")).expect("found");
        assert_eq!((&found.repository, found.manifest.to_str()), (&root, Some("inner/Cargo.toml")));
        assert_eq!((found.name(), found.file()), ("inner".to_owned(), None));
        std::fs::write(root.join("inner/assay.toml"), "").expect("writes");
        assert_eq!(found.file(), Some(root.join("inner/assay.toml")));
    }
}
