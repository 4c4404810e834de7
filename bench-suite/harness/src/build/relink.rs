//! One program in many layouts: linked again from its linker's inputs, with its functions in another order.
//!
//! Code placement moves times: one source linked in eight orders moved the encoding of a step by up to 16% here, and
//! most cases by less than 1%. A build that changes only a document is one such order, and so is one that adds a
//! function elsewhere; measured in one layout each, two programs differ for a reason that is not in the change. So each
//! round of a comparison of two builds uses a new layout on each side, which turns code-placement bias into noise that
//! the statistics see.
//!
//! Compiling takes the time of a build, and it is done once: with `LLD_REPRODUCE`, LLD, which Rust links with on x86-64
//! Linux, saves a copy of its inputs, and with `--shuffle-sections` it orders the sections of a program, one for each
//! function, by a seed. A layout then takes some tenths of a second. With a linker that can't do this, a comparison
//! uses one layout a side, and reports it.
//!
//! Sources: Mytkowicz, Diwan, Hauswirth and Sweeney, "Producing wrong data without doing anything obviously wrong!"
//! (ASPLOS 2009), section 4.2, on link order; Curtsinger and Berger, "Stabilizer: statistically sound performance
//! evaluation" (ASPLOS 2013), on layouts as a sample.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::cargo::{self, OwnProgram};
use crate::workspace;

/// The variable that names LLD's copy of its inputs.
const COPY: &str = "LLD_REPRODUCE";

/// The file in the copy with the linker's arguments.
const ARGUMENTS: &str = "response.txt";

/// The file that names the linker which reproduced the program.
const LINKER: &str = "linker";

/// The file with the reason, if there are no inputs.
const WHY: &str = "no-layouts";

/// The number of this tree's programs whose inputs are cached.
const CACHED: usize = 2;

/// The linker's inputs of one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relink {
    folder: PathBuf,
    linker: PathBuf,
}

/// A program that can be relinked, or the reason why not.
pub type Layable = std::result::Result<Relink, String>;

impl Relink {
    /// Opens what an earlier call stored in a folder.
    pub fn open(folder: &Path) -> Option<Layable> {
        let linker = fs::read_to_string(folder.join(LINKER)).ok();
        let relink = linker.map(|linker| Relink { folder: folder.to_owned(), linker: PathBuf::from(linker) });
        relink.map(Ok).or_else(|| fs::read_to_string(folder.join(WHY)).ok().map(Err))
    }

    /// Like [`Relink::capture`], but stores the reason of a failure too: comparisons then use one layout.
    pub fn keep(
        root: &Path,
        built: &Path,
        folder: &Path,
        build: impl FnOnce((&str, &str)) -> Result<()>,
    ) -> Result<Layable> {
        let error = match Relink::capture(root, built, folder, build) {
            Ok(relink) => return Ok(Ok(relink)),
            Err(error) => format!("{error:#}"),
        };
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(folder)?;
            fs::write(folder.join(WHY), &error)
        };
        write().with_context(|| format!("can't write the reason for one layout to {}", folder.display()))?;
        Ok(Err(error))
    }

    /// Makes cargo link a built program once more, and stores the linker's inputs in `folder`. `build` builds only that
    /// program of the source in `root`, with one more variable.
    pub fn capture(
        root: &Path,
        built: &Path,
        folder: &Path,
        build: impl FnOnce((&str, &str)) -> Result<()>,
    ) -> Result<Relink> {
        let parent = folder.parent().context("the folder of the linker's inputs has no parent")?;
        fs::create_dir_all(parent).with_context(|| format!("can't create {}", parent.display()))?;
        let partial = tempfile::Builder::new().prefix("link-").tempdir_in(parent).context("no folder for a link")?;
        let copy = partial.path().join("inputs.tar");
        forget(built)?;
        let name = copy.to_str().context("the path of the linker's inputs is not UTF-8")?;
        build((COPY, name))?;
        ensure!(copy.is_file(), "its linker saves no copy of its inputs, as LLD does: link with LLD");
        let archive = fs::File::open(&copy).with_context(|| format!("can't read {}", copy.display()))?;
        tar::Archive::new(archive)
            .unpack(partial.path())
            .with_context(|| format!("can't unpack {}", copy.display()))?;
        fs::remove_file(&copy).with_context(|| format!("can't remove {}", copy.display()))?;
        let inputs = partial.path().join("inputs");
        let relink = Relink { folder: inputs.clone(), linker: linker(root)? };
        let same = partial.path().join("same");
        relink.run(&same, &[])?;
        ensure!(
            equal(&same, built)?,
            "{} links another program from the same inputs than cargo's linker did",
            relink.linker.display()
        );
        let linker = relink.linker.to_str().context("the linker's path is not UTF-8")?;
        fs::write(inputs.join(LINKER), linker).context("can't write the linker's name")?;
        fs::rename(&inputs, folder).with_context(|| format!("can't create {}", folder.display()))?;
        Ok(Relink { folder: folder.to_owned(), ..relink })
    }

    /// The same for a program of this tree, cached until other programs replace it.
    pub fn of_this_tree(program: OwnProgram, built: &Path) -> Result<Layable> {
        let home = workspace::output().join("link");
        let content = fs::read(built).with_context(|| format!("can't read {}", built.display()))?;
        let folder = home.join(format!("{:016x}", memory::hash::fnv1a(&content)));
        if let Some(cached) = Relink::open(&folder) {
            return Ok(cached);
        }
        // Each has a copy of the libraries that it links.
        workspace::drop_old(&home, CACHED - 1, |_| true)?;
        let root = workspace::root();
        Relink::keep(&root, built, &folder, |copy| cargo::build_in(&root, None, &[copy], &program.target()).map(drop))
    }

    /// Links the program without symbols, with its functions in an order drawn from `seed`.
    pub fn link(&self, seed: u32, to: &Path) -> Result<()> {
        // One thread, as one layout a core is linked at the same time.
        self.run(to, &[format!("--shuffle-sections=.text*={seed}"), "--strip-all".to_owned(), "--threads=1".to_owned()])
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

/// Removes the linked program, so that cargo links again: cargo checks the file in `deps`, whose name has a hash.
fn forget(built: &Path) -> Result<()> {
    let (folder, name) = (built.parent().context("a program lies in a folder")?, built.file_name().unwrap_or_default());
    if folder.ends_with("deps") {
        return fs::remove_file(built).with_context(|| format!("can't remove {}", built.display()));
    }
    let prefix = format!("{}-", name.to_string_lossy().replace('-', "_"));
    let deps = folder.join("deps");
    for entry in fs::read_dir(&deps).with_context(|| format!("can't read {}", deps.display()))? {
        let path = entry.with_context(|| format!("can't read {}", deps.display()))?.path();
        let is_program = path.extension().is_none()
            && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
        if is_program {
            fs::remove_file(&path).with_context(|| format!("can't remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// The LLD of the folder's toolchain, or the system's.
fn linker(folder: &Path) -> Result<PathBuf> {
    let rustc = |arguments: &[&str]| -> Result<String> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc).args(arguments).current_dir(folder).output().context("can't start rustc")?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let version = rustc(&["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("`rustc -vV` names no host")?;
    let own =
        Path::new(&rustc(&["--print", "sysroot"])?).join("lib/rustlib").join(host).join("bin/gcc-ld").join("ld.lld");
    Ok(if own.is_file() { own } else { PathBuf::from("ld.lld") })
}

fn equal(one: &Path, other: &Path) -> Result<bool> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("can't read {}", path.display()));
    Ok(read(one)? == read(other)?)
}
