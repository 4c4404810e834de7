//! Where things lie: the workspace, its build, the runs, the stored baselines.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folder of the workspace that this program was built from.
pub fn root() -> PathBuf {
    // Two programs of one source at two places must be the same program: the place is asked for when it runs.
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let marked = |folder: &Path| folder.join("bench-suite/src/workspace.rs").is_file();
    let found = here.ancestors().find(|folder| marked(folder)).map(Path::to_path_buf);
    found.unwrap_or(here)
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The folder of runs, reports and profiles.
pub fn output() -> PathBuf {
    target().join("assay")
}

/// Removes of the folders in `home` that `is_kept` names all but the `most` that were used last, by their age. Where there is no `home`, there is nothing to do.
///
/// # Errors
/// A folder can't be read or removed.
pub fn drop_old(home: &Path, most: usize, is_kept: impl Fn(&Path) -> bool) -> Result<()> {
    if !home.is_dir() {
        return Ok(());
    }
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(home).with_context(|| format!("can't read {}", home.display()))? {
        let path = entry.with_context(|| format!("can't read {}", home.display()))?.path();
        if let (true, Ok(used)) = (is_kept(&path), path.metadata().and_then(|data| data.modified())) {
            kept.push((used, path));
        }
    }
    kept.sort();
    let old = kept.len().saturating_sub(most);
    for (_, path) in kept.into_iter().take(old) {
        std::fs::remove_dir_all(&path).with_context(|| format!("can't remove {}", path.display()))?;
    }
    Ok(())
}

/// The folder of stored baselines, under version control.
pub fn stored_baselines() -> PathBuf {
    root().join("baselines/stored")
}

/// The folder of stored calibrations, under version control.
pub fn calibrations() -> PathBuf {
    root().join("baselines/calibration")
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
