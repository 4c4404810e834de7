//! The folders that assay writes, and those under version control.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
pub use workloads::scratch::{root, target};

/// True in the tree of the reference memory, where cases are its own. Everywhere else, benches are those of a project.
pub fn has_the_memory() -> bool {
    ["memory/Cargo.toml", "bench-suite/workloads/src/cases.rs"].iter().all(|file| root().join(file).is_file())
}

/// The folder of everything that assay writes. Git ignores it, so that it is never part of a working tree.
pub fn output() -> PathBuf {
    let folder = target().join("assay");
    let ignore = folder.join(".gitignore");
    if !ignore.is_file() {
        // Whoever writes into the folder fails with a better message.
        let _ = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&ignore, "*\n"));
    }
    folder
}

/// The folder of programs of other revisions: `ASSAY_CACHE`, or `assay` in the user's cache.
pub fn cache() -> Result<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = folder("ASSAY_CACHE");
    let cache = own
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("assay")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/assay")))
        .context("no HOME and no XDG_CACHE_HOME: set ASSAY_CACHE, the folder for programs of other revisions")?;
    std::path::absolute(&cache).with_context(|| format!("{} is no path", cache.display()))
}

/// The folder of accepted baselines.
pub fn stored_baselines() -> PathBuf {
    root().join("baselines/stored")
}

/// The folder of histories.
pub fn histories() -> PathBuf {
    root().join("baselines/history")
}

/// The policy of this tree.
pub fn policy() -> PathBuf {
    root().join("baselines/policy.toml")
}

/// The folder of calibration records.
pub fn calibrations() -> PathBuf {
    root().join("baselines/calibration")
}

/// The folder for temporary files of measurements. It is on the disk of the build, as the system's temporary folder is
/// often in memory.
fn scratch() -> Result<PathBuf> {
    let folder = output().join("scratch");
    std::fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
    Ok(folder)
}

/// A new folder on the disk of the build, removed when the value is dropped.
pub fn temporary(prefix: &str) -> Result<TempDir> {
    let parent = scratch()?;
    let made = tempfile::Builder::new().prefix(prefix).tempdir_in(&parent);
    made.with_context(|| format!("can't create a folder in {}", parent.display()))
}

/// Deletes the folders in `home` that `matches` picks, except the `most` recently used.
pub fn drop_old(home: &Path, most: usize, matches: impl Fn(&Path) -> bool) -> Result<()> {
    if !home.is_dir() {
        return Ok(());
    }
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(home).with_context(|| format!("can't read {}", home.display()))? {
        let path = entry.with_context(|| format!("can't read {}", home.display()))?.path();
        if let (true, Ok(used)) = (matches(&path), path.metadata().and_then(|data| data.modified())) {
            folders.push((used, path));
        }
    }
    folders.sort();
    let old = folders.len().saturating_sub(most);
    for (_, path) in folders.into_iter().take(old) {
        std::fs::remove_dir_all(&path).with_context(|| format!("can't remove {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn what_was_used_last_is_kept_and_what_is_no_such_folder_stays() {
        let home = tempfile::tempdir().expect("a folder");
        for (age, name) in [(30, "oldest"), (20, "older"), (10, "young"), (40, "other")] {
            let folder = home.path().join(name);
            std::fs::create_dir(&folder).expect("made");
            let used = SystemTime::now() - Duration::from_secs(age);
            std::fs::File::open(&folder).expect("there").set_modified(used).expect("set");
        }
        drop_old(home.path(), 1, |folder| !folder.ends_with("other")).expect("removed");
        let left = ["oldest", "older", "young", "other"].map(|name| home.path().join(name).is_dir());
        assert_eq!(left, [false, false, true, true]);
        drop_old(&home.path().join("nowhere"), 1, |_| true).expect("nothing to do");
    }
}
