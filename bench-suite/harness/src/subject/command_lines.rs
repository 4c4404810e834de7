//! Command lines that run in a folder of each side's checkout, with what a build leaves there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::build::checkout::{Build, BuiltProgram, SourceCheckout};
use crate::build::git::repository_of;
use crate::build::in_place::{InPlace, machine_code};
use crate::words;

/// Command lines, and where they run.
#[derive(Debug)]
pub struct CommandLines {
    /// The repository's root folder.
    pub repository: PathBuf,
    /// The folder in which they run, within the repository.
    pub folder: PathBuf,
    /// The shell command that builds a side in that folder.
    pub build: Option<String>,
    /// The lines, which are also the names of their programs.
    pub lines: Vec<String>,
}

/// What builds a cargo package, if nobody says otherwise.
const CARGO: &str = "cargo build --release";

impl CommandLines {
    /// Command lines of this folder, in its repository, and the shell command that builds them here.
    pub fn here(lines: Vec<String>, build: Option<String>) -> Result<CommandLines> {
        for line in &lines {
            words::split(line)?;
        }
        let here = std::env::current_dir().and_then(|folder| folder.canonicalize()).context("there is no folder")?;
        let repository = repository_of(&here)?;
        let within = here.strip_prefix(&repository).context("the folder lies in its repository")?;
        let mut folders = within.ancestors().map(|folder| repository.join(folder));
        let mut of_cargo = || folders.any(|folder| folder.join("Cargo.toml").is_file());
        let build = build.or_else(|| of_cargo().then(|| CARGO.to_owned()));
        Ok(CommandLines { folder: within.to_owned(), build, lines, repository })
    }

    /// A revision, built.
    pub fn revision(&self, revision: &str) -> Result<Build> {
        self.complete(self.checkout()?.revision(revision)?)
    }

    /// The working tree, built.
    pub fn working_tree(&self) -> Result<Build> {
        self.complete(self.checkout()?.working_tree()?)
    }

    /// The names of the files that differ between two builds; none if the machine code does.
    pub fn changed_files(&self, base: &Build, new: &Build) -> Result<Option<Vec<String>>> {
        let code = |build: &Build| build.programs.iter().map(|it| it.in_place.clone()).collect::<Vec<_>>();
        if code(base) != code(new) {
            return Ok(None);
        }
        self.checkout()?.changed_files(base, new).map(Some)
    }

    /// The folder of the source.
    pub fn root(&self) -> PathBuf {
        self.repository.join(&self.folder)
    }

    /// The folder in which lines run.
    pub fn folder_of(&self, build: &Build) -> PathBuf {
        build.tree.join(&self.folder)
    }

    fn checkout(&self) -> Result<SourceCheckout> {
        Ok(SourceCheckout {
            home: SourceCheckout::home(&self.repository)?,
            repository: self.repository.clone(),
            recipe: Arc::new(InPlace { folder: self.folder.clone(), build: self.build.clone() }),
            variables: vec![],
            prefill_from: None,
        })
    }

    /// Finds the program of each line.
    fn complete(&self, mut build: Build) -> Result<Build> {
        let (folder, code) = (self.folder_of(&build), machine_code(&build.tree)?);
        for line in &self.lines {
            let name = &words::split(line)?[0];
            let path = find(name, &folder).with_context(|| format!("{} can't run `{line}`", build.name))?;
            build.programs.push(BuiltProgram {
                name: line.clone(),
                path,
                layouts: Err("it runs where it is built".to_owned()),
                package: self.folder.clone(),
                in_place: Some(code.clone()),
            });
        }
        Ok(build)
    }
}

/// The file of a program: below the folder if its name is a path, else where the system finds it.
fn find(name: &str, folder: &Path) -> Result<PathBuf> {
    if name.contains('/') {
        let path = folder.join(name);
        return match path.is_file() {
            true => Ok(path),
            false => bail!("there is no {name} after the build: say how it is made (`--build`, `build = \"..\"`)"),
        };
    }
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places).map(|place| place.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("there is no `{name}` on the PATH: install it, or give a path with `./`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_below_its_folder_or_on_the_path() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("bin")).expect("made");
        std::fs::write(folder.path().join("bin/tool"), "").expect("written");
        assert_eq!(find("bin/tool", folder.path()).expect("there"), folder.path().join("bin/tool"));
        assert!(find("sh", folder.path()).expect("there").is_absolute());
        let error = |name| find(name, folder.path()).expect_err("not there").to_string();
        assert!(error("bin/other").contains("after the build"), "{}", error("bin/other"));
        assert!(error("no-such-program").contains("on the PATH"), "{}", error("no-such-program"));
    }
}
