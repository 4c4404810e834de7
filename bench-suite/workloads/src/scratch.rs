//! Where stores of a measurement lie: on the disk of the build, because the system's temporary folder is often memory.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The variable that names another folder for stores.
pub const VARIABLE: &str = "ASSAY_SCRATCH";

/// The top of this workspace: the nearest folder above the current one that has a `Cargo.lock`; the current one where
/// there is none.
pub fn root() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let found = here.ancestors().find(|folder| folder.join("Cargo.lock").is_file()).map(Path::to_path_buf);
    found.unwrap_or(here)
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// A new folder for a store. It goes with the value.
pub fn folder() -> Result<TempDir> {
    let parent = std::env::var_os(VARIABLE).map_or_else(|| target().join("assay/scratch"), PathBuf::from);
    std::fs::create_dir_all(&parent).with_context(|| format!("can't make {}", parent.display()))?;
    tempfile::Builder::new()
        .prefix("store-")
        .tempdir_in(&parent)
        .with_context(|| format!("can't make a folder in {}", parent.display()))
}
