//! Folders for measured stores, on the disk of the build: the system's temporary folder is often in memory.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The variable that names another folder for stores.
pub const VARIABLE: &str = "ASSAY_SCRATCH";

/// The root of the workspace at or above the current folder: the nearest folder with a `Cargo.lock`. Without one, the
/// nearest with a workspace's `Cargo.toml`, or with any, or the current folder.
pub fn root() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let find = |is_root: &dyn Fn(&Path) -> bool| here.ancestors().find(|folder| is_root(folder)).map(Path::to_path_buf);
    let manifest = |folder: &Path| std::fs::read_to_string(folder.join("Cargo.toml"));
    find(&|folder| folder.join("Cargo.lock").is_file())
        .or_else(|| find(&|folder| manifest(folder).is_ok_and(|text| text.contains("[workspace]"))))
        .or_else(|| find(&|folder| manifest(folder).is_ok()))
        .unwrap_or(here)
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// A new folder for a store, removed when the value is dropped.
pub fn folder() -> Result<TempDir> {
    let parent = std::env::var_os(VARIABLE).map_or_else(|| target().join("assay/scratch"), PathBuf::from);
    std::fs::create_dir_all(&parent).with_context(|| format!("can't create {}", parent.display()))?;
    tempfile::Builder::new()
        .prefix("store-")
        .tempdir_in(&parent)
        .with_context(|| format!("can't create a folder in {}", parent.display()))
}
