//! The lock file of a checkout: reads it, and brings it in line with what the manifests ask for before anything is
//! built.
//!
//! A library may not commit its lock file. Then it is that of another revision, which may have asked for another
//! criterion: cargo would choose a new one while it builds, for which there is no stand-in yet.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::metadata::Metadata;
use super::{cargo, toolchain};

/// What a lock file says.
#[derive(Debug, Deserialize)]
pub struct LockFile {
    /// The packages, those of the project among them.
    #[serde(default, rename = "package")]
    pub packages: Vec<LockedPackage>,
}

/// A package in a lock file.
#[derive(Debug, Deserialize)]
pub struct LockedPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it comes from; nothing for a package of the project.
    pub source: Option<String>,
    /// What it needs: a name, with a version and a source where one name would be several packages.
    #[serde(default)]
    pub dependencies: Vec<String>,
}

impl LockFile {
    /// Reads the text of a lock file.
    pub fn parse(text: &str) -> Result<LockFile> {
        toml::from_str(text).context("can't understand Cargo.lock")
    }
}

impl LockedPackage {
    /// True if a dependency means it: a name, with the version and the source as far as others share the name.
    pub fn is(&self, dependency: &str) -> bool {
        let mut words = dependency.split(' ');
        words.next() == Some(&self.name) && words.next().is_none_or(|version| version == self.version)
    }
}

/// Has cargo write the lock file for a manifest in `tree`, or change one as little as it must.
pub fn bring_up_to_date(tree: &Path, manifest: &Path) -> Result<()> {
    let manifest = tree.join(manifest);
    let is_there = Metadata::read(&manifest)?.workspace_root.join("Cargo.lock").is_file();
    let folder = manifest.parent().unwrap_or(tree);
    let mut command = cargo::cargo();
    toolchain::choose(&mut command, folder);
    command.args(if is_there { &["update", "--workspace"][..] } else { &["generate-lockfile"] });
    command.args(["--quiet", "--manifest-path"]).arg(&manifest).current_dir(folder);
    if is_there {
        command.env("CARGO_NET_RETRY", "0").stderr(Stdio::null());
    }
    let status = command.status().context("can't start cargo")?;
    // Without the network, one that is up to date is enough.
    ensure!(
        is_there || status.success(),
        "cargo can't choose the versions of what {} asks for: see above",
        manifest.display()
    );
    Ok(())
}
