//! The load generator's program.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::build::cargo::{self, OwnProgram};
use crate::workspace;

/// Finds the load generator: in the tree of the memory it is built, elsewhere it is beside this program or in `PATH`.
pub fn find() -> Result<PathBuf> {
    if workspace::has_the_memory() {
        return cargo::build_one(OwnProgram::Loadgen);
    }
    let name = format!("loadgen{}", std::env::consts::EXE_SUFFIX);
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = beside.into_iter().chain(std::env::split_paths(&paths)).map(|folder| folder.join(&name));
    found.into_iter().find(|file| file.is_file()).context(
        "there is no `loadgen` beside this program or in PATH: install it with `cargo install --path loadgen` in the \
         clone of assay",
    )
}
