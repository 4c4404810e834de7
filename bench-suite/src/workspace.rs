//! Where things lie: the workspace, its build, the runs, the stored baselines.

use std::path::{Path, PathBuf};

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

/// The folder of stored baselines, under version control.
pub fn stored_baselines() -> PathBuf {
    root().join("baselines/stored")
}

/// The folder of stored calibrations, under version control.
pub fn calibrations() -> PathBuf {
    root().join("baselines/calibration")
}
