//! A cached build on the disk: its programs, with the inputs of their linker, and a list of them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::relink::{Layable, Relink};

/// The file of a cached build that lists its programs. Program and linker inputs are in folders by number.
pub(super) const INDEX: &str = "programs.json";

/// The file name of a cached program.
pub(super) const PROGRAM: &str = "program";

/// The folder of its linker inputs.
pub(super) const LINK: &str = "link";

/// A built program.
#[derive(Debug, Clone, PartialEq)]
pub struct BuiltProgram {
    /// The name: that of its target, with its package where the source has several.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its relinkable form, or the reason why it has only one layout.
    pub layouts: Layable,
    /// The folder of its package, relative to the source.
    pub package: PathBuf,
    /// Set if it runs where it was built, or where the system has it: a hash of the machine code beside it. Equal ones
    /// have one layout.
    pub in_place: Option<String>,
}

/// The contents of [`INDEX`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Index {
    /// Names of programs, and the folders of their packages.
    pub programs: Vec<(String, PathBuf)>,
    pub skipped: Vec<(String, String)>,
    /// A target was left out although no line of its source was refused: it is tried again the next time.
    #[serde(default)]
    pub may_build_later: bool,
}

/// The programs of a cached build, and targets without one with the reason.
pub(super) struct CachedBuild {
    pub programs: Vec<BuiltProgram>,
    pub skipped: Vec<(String, String)>,
    pub may_build_later: bool,
}

/// A cached build, if it is whole.
pub(super) fn open(folder: &Path) -> Option<CachedBuild> {
    let Index { programs, skipped, may_build_later } =
        serde_json::from_slice(&fs::read(folder.join(INDEX)).ok()?).ok()?;
    let program = |(number, (name, package)): (usize, (String, PathBuf))| {
        let place = folder.join(number.to_string());
        let layouts = Relink::open(&place.join(LINK))?;
        let path = place.join(PROGRAM);
        path.is_file().then_some(BuiltProgram { name, path, layouts, package, in_place: None })
    };
    let programs = programs.into_iter().enumerate().map(program).collect::<Option<_>>()?;
    Some(CachedBuild { programs, skipped, may_build_later })
}

/// True if some process holds a build of that folder.
pub(super) fn is_used(folder: &Path) -> bool {
    File::open(folder).is_ok_and(|folder| folder.try_lock().is_err())
}
