//! The source files of a package, as rustc finds them: from the first file of each target by its `mod` items, so that
//! a file of tests is known by the attribute of its module.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::syntax::{self, FileSyntax};
use crate::build::metadata;

/// The kinds of targets that are left out.
const NOT_SHIPPED: [&str; 3] = ["test", "bench", "example"];

/// The files of a package.
#[derive(Debug, Default)]
pub(super) struct Package {
    pub(super) name: String,
    /// Paths from the root of the workspace, with what was read.
    pub(super) files: Vec<(String, FileSyntax)>,
    /// Files that could not be read, and why.
    pub(super) skipped: Vec<(String, String)>,
}

/// Reads the files of a package's libraries, programs and build script.
pub(super) fn read(package: &metadata::Package, root: &Path) -> Result<Package> {
    let mut found = Package { name: package.name.clone(), ..Package::default() };
    let mut seen = BTreeSet::new();
    let is_shipped = |target: &&metadata::PackageTarget| !target.kind.iter().any(|kind| NOT_SHIPPED.contains(&&**kind));
    for target in package.targets.iter().filter(is_shipped) {
        let first = FileOfModule {
            path: target.src_path.clone(),
            module: vec![target.name.replace('-', "_")],
            below: target.src_path.parent().unwrap_or(root).to_owned(),
        };
        let mut waiting = vec![first];
        while let Some(file) = waiting.pop() {
            if !seen.insert(file.path.clone()) {
                continue;
            }
            let name = file.path.strip_prefix(root).unwrap_or(&file.path).display().to_string();
            let text = std::fs::read_to_string(&file.path).map_err(anyhow::Error::from);
            match text.and_then(|text| syntax::read(&text, &file.module)) {
                Ok(syntax) => {
                    waiting.extend(syntax.modules.iter().map(|module| file.child(module)));
                    found.files.push((name, syntax));
                }
                Err(error) => found.skipped.push((name, format!("{error:#}"))),
            }
        }
    }
    found.files.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// A file, its module, and the folder of its modules.
struct FileOfModule {
    path: PathBuf,
    module: Vec<String>,
    below: PathBuf,
}

impl FileOfModule {
    /// The file of a module that this one declares.
    fn child(&self, of: &syntax::Module) -> FileOfModule {
        let module = [&self.module[..], &of.inside, std::slice::from_ref(&of.name)].concat();
        let folder = of.inside.iter().fold(self.below.clone(), |folder, name| folder.join(name));
        if let Some(named) = &of.path {
            // Outside of inline modules it is relative to the file.
            let from = if of.inside.is_empty() { self.path.parent().unwrap_or(&folder) } else { &folder };
            let path = from.join(named);
            let below = path.parent().unwrap_or(&folder).to_owned();
            return FileOfModule { path, module, below };
        }
        let name = of.name.trim_start_matches("r#");
        let (file, in_folder, below) =
            (folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs"), folder.join(name));
        let path = if in_folder.is_file() { in_folder } else { file };
        FileOfModule { path, module, below }
    }
}
