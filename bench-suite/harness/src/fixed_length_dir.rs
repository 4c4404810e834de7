//! Gives a counted program a path and a scratch folder of fixed length, wherever this workspace is.
//!
//! A program keeps its own path on its heap. A longer path moves the blocks behind it, and the allocator then searches
//! and splits other blocks, which changes counts by parts of a per cent. A database that resolves the path of its file
//! asks the system about each folder on the way, so the scratch folder is no link to somewhere else.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The length of the folder's path, in letters; a longer system temporary folder makes it longer.
const LETTERS: usize = 80;

/// The number of random letters that tempfile adds.
const DRAWN: usize = 8;

/// A folder in the system's temporary one, removed when the value is dropped.
#[derive(Debug)]
pub struct FixedLengthDir {
    folder: TempDir,
}

impl FixedLengthDir {
    /// A folder with a copy of `program` and a scratch folder.
    pub fn new(program: &Path) -> Result<FixedLengthDir> {
        let parent = std::env::temp_dir();
        let name = "assay-counts-";
        let used = parent.as_os_str().len() + 1 + name.len() + DRAWN;
        let prefix = format!("{name}{}", "x".repeat(LETTERS.saturating_sub(used)));
        let folder = tempfile::Builder::new()
            .prefix(&prefix)
            .rand_bytes(DRAWN)
            .tempdir_in(&parent)
            .with_context(|| format!("can't create a folder in {}", parent.display()))?;
        let home = FixedLengthDir { folder };
        std::fs::copy(program, home.program()).with_context(|| format!("can't copy {}", program.display()))?;
        std::fs::create_dir(home.scratch()).context("can't create a folder for stores")?;
        Ok(home)
    }

    /// The copy of the program.
    pub fn program(&self) -> PathBuf {
        self.folder.path().join("counts")
    }

    /// The folder for stores. It may be in memory, as the system's temporary folder often is: only counts are taken
    /// here.
    pub fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_length_and_lead_to_the_files() {
        let real = tempfile::tempdir().expect("a folder");
        let program = real.path().join("program");
        std::fs::write(&program, "runs").expect("written");
        let homes = [0, 1].map(|_| FixedLengthDir::new(&program).expect("made"));
        assert_eq!(homes[0].program().as_os_str().len(), homes[1].program().as_os_str().len());
        assert_ne!(homes[0].program(), homes[1].program());
        assert_eq!(std::fs::read_to_string(homes[0].program()).expect("there"), "runs");
        let scratch = homes[1].scratch();
        assert_eq!(scratch.canonicalize().expect("there"), scratch, "no link on the way");
    }
}
