//! Files of builds: copied, compared, removed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// True if two files have one content.
pub fn same(one: &Path, other: &Path) -> Result<bool> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("can't read {}", path.display()));
    Ok(read(one)? == read(other)?)
}

/// Copies a file with its permissions.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).with_context(|| format!("can't copy {} to {}", from.display(), to.display()))
}

/// Removes a file.
pub fn remove(file: &Path) -> Result<()> {
    fs::remove_file(file).with_context(|| format!("can't remove {}", file.display()))
}

/// Removes a folder with everything in it, if it is there.
pub fn drop_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("can't remove {}", folder.display()))?;
    }
    Ok(())
}
