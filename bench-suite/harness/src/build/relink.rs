//! One program in many layouts: linked again from its linker's inputs, with its functions in another order.
//!
//! Code placement moves times: one source linked in eight orders moved the encoding of a step by up to 16% here, and
//! most cases by less than 1%. A build that changes only a document is one such order, and so is one that adds a
//! function elsewhere; measured in one layout each, two programs differ for a reason that is not in the change. So each
//! round of a comparison of two builds uses a new layout on each side, which turns code-placement bias into noise that
//! the statistics see.
//!
//! Compiling takes the time of a build, and it is done once: with `LLD_REPRODUCE`, LLD, which Rust links with on x86-64
//! Linux, saves a copy of its inputs, and with `--symbol-ordering-file` it puts a program's functions in the order that
//! [`super::order`] drew. A layout then takes some tenths of a second. With a linker that can't do this, a comparison
//! uses one layout per side, and reports it. Data are not moved.
//!
//! Sources: Mytkowicz, Diwan, Hauswirth and Sweeney, "Producing wrong data without doing anything obviously wrong!"
//! (ASPLOS 2009), section 4.2, on link order; Curtsinger and Berger, "Stabilizer: statistically sound performance
//! evaluation" (ASPLOS 2013), on layouts as a sample.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::cargo::{self, OwnProgram};
use super::files;
use super::order::{self, Function};
use super::toolchain;
use crate::hash::hash;
use crate::workspace;

/// The variable that names LLD's copy of its inputs.
pub const COPY: &str = "LLD_REPRODUCE";

/// The file in the copy with the linker's arguments.
const ARGUMENTS: &str = "response.txt";

/// The file that names the linker which reproduced the program.
const LINKER: &str = "linker";

/// The linker's map of the program, which names its functions.
const MAP: &str = "map";

/// The file with the reason, if there are no inputs.
const WHY: &str = "no-layouts";

/// The number of this tree's programs whose inputs are cached.
const CACHED: usize = 2;

/// The linker's inputs of one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relink {
    folder: PathBuf,
    linker: PathBuf,
    functions: Arc<Vec<Function>>,
}

/// A program that can be relinked, or the reason why not.
pub type Layable = std::result::Result<Relink, String>;

impl Relink {
    /// Opens what an earlier call stored in a folder.
    pub fn open(folder: &Path) -> Option<Layable> {
        let relink = || {
            let linker = fs::read_to_string(folder.join(LINKER)).ok()?;
            Relink::in_folder(folder, linker.into()).ok()
        };
        relink().map(Ok).or_else(|| fs::read_to_string(folder.join(WHY)).ok().map(Err))
    }

    fn in_folder(folder: &Path, linker: PathBuf) -> Result<Relink> {
        let unread = Relink { folder: folder.to_owned(), linker, functions: Arc::default() };
        let functions = Arc::new(order::functions(&unread.map()?));
        Ok(Relink { functions, ..unread })
    }

    /// Keeps the linker's inputs of a built program in `folder`, or the reason why this linker can't put functions in
    /// another order. `saved` is the copy that the last link of the build left ([`COPY`]), if it left any. Where it is
    /// not that program's, cargo links once more: `build` builds only that program of the source in `root`, with one
    /// more variable.
    ///
    /// # Errors
    /// Whatever else goes wrong, such as a full disk: nothing is kept, and the next call tries again.
    pub fn capture(
        root: &Path,
        built: &Path,
        saved: Option<&Path>,
        folder: &Path,
        build: impl FnOnce((&str, &str)) -> Result<()>,
    ) -> Result<Layable> {
        let parent = folder.parent().context("the folder of the linker's inputs has no parent")?;
        fs::create_dir_all(parent).with_context(|| format!("can't create {}", parent.display()))?;
        let partial = tempfile::Builder::new().prefix("link-").tempdir_in(parent).context("no folder for a link")?;
        let inputs = partial.path().join("inputs");
        let of_build = |saved: &Path| -> Result<Layable> {
            // In the archive is a folder of its name.
            let unpacked = partial.path().join(saved.file_stem().unwrap_or_default());
            unpack(saved, partial.path())?;
            fs::rename(&unpacked, &inputs).with_context(|| format!("can't rename {}", unpacked.display()))?;
            Relink::reproduce(&inputs, linker(root)?, built)
        };
        // Another link, of a build script for instance, may have been the last: then the inputs are not the program's.
        let layable = match saved.filter(|saved| saved.is_file()).map(of_build) {
            Some(Ok(Ok(relink))) => Ok(relink),
            _ => {
                files::drop_folder(&inputs)?;
                let copy = partial.path().join("inputs.tar");
                forget(built)?;
                let name = copy.to_str().context("the path of the linker's inputs is not UTF-8")?;
                build((COPY, name))?;
                if copy.is_file() {
                    unpack(&copy, partial.path())?;
                    Relink::reproduce(&inputs, linker(root)?, built)?
                } else {
                    Err("its linker saves no copy of its inputs, as LLD does: link with LLD".to_owned())
                }
            }
        };
        if let Err(why) = &layable {
            fs::create_dir_all(&inputs).with_context(|| format!("can't create {}", inputs.display()))?;
            fs::write(inputs.join(WHY), why).context("can't write the reason for one layout")?;
        }
        fs::rename(&inputs, folder).with_context(|| format!("can't create {}", folder.display()))?;
        Ok(layable.map(|relink| Relink { folder: folder.to_owned(), ..relink }))
    }

    /// Links a program from its inputs as cargo did, with a map, and compares.
    fn reproduce(inputs: &Path, linker: PathBuf, built: &Path) -> Result<Layable> {
        if let Err(error) = Command::new(&linker).arg("--version").output() {
            return Ok(Err(format!("can't start {}, which links it: {error}", linker.display())));
        }
        let relink = Relink { folder: inputs.to_owned(), linker, functions: Arc::default() };
        let same = inputs.join("same");
        relink.run(&same, &[format!("-Map={MAP}"), "--no-demangle".to_owned()])?;
        if !files::same(&same, built)? {
            let linker = relink.linker.display();
            return Ok(Err(format!("{linker} links another program from the same inputs than cargo's linker did")));
        }
        files::remove(&same)?;
        let linker = relink.linker.to_str().context("the linker's path is not UTF-8")?;
        fs::write(inputs.join(LINKER), linker).context("can't write the linker's name")?;
        Relink::in_folder(inputs, relink.linker).map(Ok)
    }

    /// The linker's map of the program.
    pub fn map(&self) -> Result<String> {
        let map = self.folder.join(MAP);
        fs::read_to_string(&map).with_context(|| format!("can't read {}", map.display()))
    }

    /// An input of the linker, by its name in the map.
    pub fn input(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The functions of the program.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The same for a program of this tree, cached until other programs replace it.
    pub fn of_this_tree(program: OwnProgram, built: &Path) -> Result<Layable> {
        let home = workspace::output().join("link");
        let content = fs::read(built).with_context(|| format!("can't read {}", built.display()))?;
        let folder = home.join(hash(content));
        fs::create_dir_all(&home).with_context(|| format!("can't create {}", home.display()))?;
        let lock = fs::File::create(home.join("lock")).context("can't create the lock of the link")?;
        lock.lock().context("can't wait for another link")?;
        if let Some(cached) = Relink::open(&folder) {
            return Ok(cached);
        }
        // Each has a copy of the libraries that it links.
        workspace::drop_old(&home, CACHED - 1, Path::is_dir)?;
        let root = workspace::root();
        Relink::capture(&root, built, None, &folder, |copy| {
            cargo::build_in(&root, None, &[copy], &program.target()).map(drop)
        })
    }

    /// Links the program without symbols, with its functions in an order: one symbol per line.
    pub fn link(&self, order: &str, to: &Path) -> Result<()> {
        self.link_with(order, to, &["--strip-all"])
    }

    /// The same with its symbols, by which profilers find functions, in an order that is drawn from a seed.
    pub fn link_with_symbols(&self, seed: u64, to: &Path) -> Result<()> {
        self.link_with(&order::order(&self.functions, &BTreeSet::new(), seed), to, &[])
    }

    fn link_with(&self, order: &str, to: &Path, more: &[&str]) -> Result<()> {
        // LLD looks for the files of its arguments among its inputs.
        let mut file =
            tempfile::Builder::new().prefix("order-").tempfile_in(&self.folder).context("no file for an order")?;
        file.write_all(order.as_bytes()).context("can't write the order of functions")?;
        let name = file.path().file_name().unwrap_or_default().to_string_lossy();
        let ordered = format!("--symbol-ordering-file={name}");
        // Code begins on a page of its own, so that the data before it don't move it within its page. One thread, as
        // one layout per core is linked at the same time.
        let always = ["--no-warn-symbol-ordering", "-zseparate-code", "--threads=1"];
        let more = always.iter().chain(more).map(|argument| (*argument).to_owned());
        self.run(to, &more.chain([ordered]).collect::<Vec<_>>())
    }

    fn run(&self, to: &Path, more: &[String]) -> Result<()> {
        let output = Command::new(&self.linker)
            .arg(format!("@{ARGUMENTS}"))
            .args(more)
            .arg("-o")
            .arg(to)
            .current_dir(&self.folder)
            .env_remove(COPY)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("can't start {}", self.linker.display()))?;
        ensure!(
            output.status.success(),
            "linking {} failed: {}",
            to.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }
}

/// Unpacks what LLD saved, and removes it.
fn unpack(copy: &Path, folder: &Path) -> Result<()> {
    let archive = fs::File::open(copy).with_context(|| format!("can't read {}", copy.display()))?;
    tar::Archive::new(archive).unpack(folder).with_context(|| format!("can't unpack {}", copy.display()))?;
    files::remove(copy)
}

/// Removes the linked program, so that cargo links again: cargo checks the file in `deps`, whose name has a hash.
fn forget(built: &Path) -> Result<()> {
    let (folder, name) = (built.parent().context("a program lies in a folder")?, built.file_name().unwrap_or_default());
    if folder.ends_with("deps") {
        return files::remove(built);
    }
    let prefix = format!("{}-", name.to_string_lossy().replace('-', "_"));
    let deps = folder.join("deps");
    for entry in fs::read_dir(&deps).with_context(|| format!("can't read {}", deps.display()))? {
        let path = entry.with_context(|| format!("can't read {}", deps.display()))?.path();
        let is_program = path.extension().is_none()
            && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
        if is_program {
            files::remove(&path)?;
        }
    }
    Ok(())
}

/// The LLD of the folder's toolchain, or the system's.
pub fn linker(folder: &Path) -> Result<PathBuf> {
    let version = toolchain::rustc(folder, &["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("`rustc -vV` names no host")?;
    let sysroot = toolchain::rustc(folder, &["--print", "sysroot"])?;
    let own = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/gcc-ld").join("ld.lld");
    Ok(if own.is_file() { own } else { PathBuf::from("ld.lld") })
}
