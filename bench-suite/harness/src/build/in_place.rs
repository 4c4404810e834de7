//! Builds that leave their programs among the files of the source, where these then run: scripts, and whatever is
//! called by a path within its checkout.
//!
//! Each source has a folder of its own for that, since a program may find its data, or what it loads, by the path at
//! which it was built.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::checkout::{Recipe, Targets};
use crate::hash::hash;

/// A shell command in a folder of the source.
#[derive(Debug, Clone)]
pub struct InPlace {
    /// The folder, within the source.
    pub folder: PathBuf,
    /// The command; without one, nothing is built.
    pub build: Option<String>,
}

impl Recipe for InPlace {
    fn targets(&self, _: &Path) -> Result<Targets> {
        Ok(Targets::default())
    }

    fn is_in_place(&self) -> bool {
        true
    }

    fn build_in_place(&self, files: &Path) -> Result<()> {
        let folder = files.join(&self.folder);
        ensure!(folder.is_dir(), "it has no folder {}", self.folder.display());
        let Some(build) = &self.build else { return Ok(()) };
        let status = Command::new("sh")
            .args(["-c", build])
            .current_dir(&folder)
            // Both sides would write to it.
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::null())
            // Results alone go to stdout.
            .stdout(std::io::stderr())
            .status()
            .context("can't start a shell")?;
        ensure!(status.success(), "`{build}` ended with {status}: see above");
        Ok(())
    }
}

/// The first bytes of native programs and libraries.
const ELF: &[u8] = b"\x7fELF";

/// A hash of the machine code in a folder: of its native programs and libraries. Where it is the same on both sides,
/// the layout of code is no part of a difference.
pub fn machine_code(folder: &Path) -> Result<String> {
    let mut told = String::new();
    add_native(folder, folder, &mut told)?;
    Ok(hash(told))
}

fn add_native(root: &Path, folder: &Path, told: &mut String) -> Result<()> {
    let read = || format!("can't read {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(read)? {
        paths.push(entry.with_context(read)?.path());
    }
    paths.sort();
    for path in paths {
        let kind = path.symlink_metadata().with_context(read)?;
        if kind.is_dir() {
            add_native(root, &path, told)?;
        } else if kind.is_file() && is_native(&path)? {
            let content = fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
            let name = path.strip_prefix(root).unwrap_or(&path);
            told.push_str(&format!("{} {}\n", name.display(), hash(content)));
        }
    }
    Ok(())
}

fn is_native(path: &Path) -> Result<bool> {
    let mut first = Vec::new();
    let file = fs::File::open(path).with_context(|| format!("can't open {}", path.display()))?;
    file.take(4).read_to_end(&mut first).with_context(|| format!("can't read {}", path.display()))?;
    Ok(first == ELF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_have_no_machine_code_and_libraries_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |file: &str, content: &[u8]| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, content).expect("written");
            machine_code(folder.path()).expect("read")
        };
        let first = write("worker.py", b"print(1)");
        assert_eq!(write("worker.py", b"print(2)"), first, "a script");
        let with = write("lib/fast.so", b"\x7fELF 1");
        assert_ne!(with, first);
        assert_ne!(write("lib/fast.so", b"\x7fELF 2"), with, "another library");
        std::os::unix::fs::symlink(folder.path(), folder.path().join("circle")).expect("linked");
        assert_eq!(write("lib/fast.so", b"\x7fELF 1"), with, "a link leads nowhere new");
    }

    #[test]
    fn a_build_runs_in_the_folder_of_the_files_and_may_fail() {
        let folder = tempfile::tempdir().expect("a folder");
        let build = |folder: &Path, build: &str| {
            InPlace { folder: PathBuf::new(), build: Some(build.to_owned()) }.build_in_place(folder)
        };
        let error = build(folder.path(), "exit 2").expect_err("fails").to_string();
        assert_eq!(error, "`exit 2` ended with exit status: 2: see above");
        build(folder.path(), "echo done > built").expect("works");
        assert!(folder.path().join("built").is_file(), "in the folder of the files");
    }
}
