//! The file that describes a criterion bench of another project.
//!
//! ```toml
//! schema = 1
//! repository = "."            # the git repository, relative to this file
//! manifest = "Cargo.toml"     # the package, within the repository
//! bench = "bench"             # the bench target, `harness = false` and criterion
//! filter = "itoa"             # optional: criterion's filter, a regular expression over names
//! features = []               # optional
//!
//! [environment]               # optional: variables of the bench
//! RUST_MIN_STACK = "8388608"
//!
//! [effort]                    # optional: for each process and benchmark
//! samples = 10
//! warm_up_s = 0.05
//! measurement_s = 0.1
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::tools::criterion::Effort;

/// The version of the format.
const SCHEMA: u64 = 1;

/// A project as described by its file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    schema: u64,
    /// The git repository; absolute after reading.
    pub repository: PathBuf,
    /// The package's manifest, within the repository.
    #[serde(default = "manifest")]
    pub manifest: PathBuf,
    /// The bench target.
    pub bench: String,
    /// Criterion's filter.
    pub filter: Option<String>,
    /// Features of the package.
    #[serde(default)]
    pub features: Vec<String>,
    /// Variables of the bench.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The effort of one process on one benchmark.
    #[serde(default)]
    pub effort: Effort,
}

fn manifest() -> PathBuf {
    PathBuf::from("Cargo.toml")
}

impl Definition {
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

    /// The name in reports: the repository's folder and the bench.
    pub fn name(&self) -> String {
        let folder = self.repository.file_name().unwrap_or_default();
        format!("{}/{}", folder.to_string_lossy(), self.bench)
    }
}

fn parse(text: &str) -> Result<Definition> {
    let definition: Definition = toml::from_str(text).context("not a project file")?;
    ensure!(definition.schema == SCHEMA, "schema {} is unknown, this assay reads {SCHEMA}", definition.schema);
    ensure!(definition.manifest.is_relative(), "`manifest` is absolute: give a path within the repository");
    definition.effort.check()?;
    Ok(definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_needs_a_repository_and_a_bench() {
        let least = parse("schema = 1\nrepository = \".\"\nbench = \"bench\"").expect("enough");
        assert_eq!((least.manifest.to_str(), least.effort), (Some("Cargo.toml"), Effort::default()));
        for (wrong, why) in [
            ("repository = \".\"\nbench = \"b\"", "schema"),
            ("schema = 2\nrepository = \".\"\nbench = \"b\"", "schema 2"),
            ("schema = 1\nrepository = \".\"", "bench"),
            ("schema = 1\nrepository = \".\"\nbench = \"b\"\nfliter = \"x\"", "fliter"),
            ("schema = 1\nrepository = \".\"\nbench = \"b\"\n[effort]\nsamples = 5", "at least 10"),
            ("schema = 1\nrepository = \".\"\nbench = \"b\"\n[effort]\nwarm_up_s = 0.0", "more than 0"),
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
}
