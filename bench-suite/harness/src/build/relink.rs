//! One program in many layouts: linked again from what its linker was given, with its functions in another order.
//!
//! Where code lies moves times: one source linked in eight orders moved the encoding of a step by up to 16% here, and
//! most cases by less than 1%. A build that changes nothing but a document is one such order, and so is one that adds a
//! function elsewhere; measured in one layout each, two programs differ by what neither did. So every round of a
//! comparison of two builds takes a layout of its own on each side, and what the place of code does becomes scatter
//! that the statistics see, instead of a shift that they take for the change.
//!
//! Compiling is what a build takes time for, and it is done once: LLD, which Rust links with on x86-64 Linux, keeps a
//! copy of all that it was given where `LLD_REPRODUCE` names a file, and puts the sections of a program, one a
//! function, in an order that is drawn from a number (`--shuffle-sections`). A layout then takes some tenths of a
//! second. Left out on purpose: linkers that can't do this; comparisons go on in one layout a side, and say so.
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

/// What LLD reads as the name of the copy of its inputs.
const COPY: &str = "LLD_REPRODUCE";

/// The file in the copy that holds the linker's arguments.
const ARGUMENTS: &str = "response.txt";

/// Beside the arguments: which linker was found to make the same program of them.
const LINKER: &str = "linker";

/// In its place where there are no inputs: why.
const WHY: &str = "no-layouts";

/// How many programs of this tree are kept for the next time.
const KEPT: usize = 2;

/// What a linker was given for one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relink {
    folder: PathBuf,
    linker: PathBuf,
}

/// A program that can be laid out anew, or why it can't.
pub type Layable = std::result::Result<Relink, String>;

impl Relink {
    /// What was kept in a folder before.
    pub fn open(folder: &Path) -> Option<Layable> {
        let linker = fs::read_to_string(folder.join(LINKER)).ok();
        let relink = linker.map(|linker| Relink { folder: folder.to_owned(), linker: PathBuf::from(linker) });
        relink.map(Ok).or_else(|| fs::read_to_string(folder.join(WHY)).ok().map(Err))
    }

    /// As [`Relink::capture`], but why it failed is kept as well: comparisons then go on in one layout.
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
        let say = || -> std::io::Result<()> {
            fs::create_dir_all(folder)?;
            fs::write(folder.join(WHY), &error)
        };
        say().with_context(|| format!("can't write why there are no layouts to {}", folder.display()))?;
        Ok(Err(error))
    }

    /// Has cargo link a program that it has built once more, and keeps what the linker was given in `folder`. `build`
    /// builds that program and nothing else, with one variable more, in the source of `root`.
    pub fn capture(
        root: &Path,
        built: &Path,
        folder: &Path,
        build: impl FnOnce((&str, &str)) -> Result<()>,
    ) -> Result<Relink> {
        let parent = folder.parent().context("the folder of a linker's inputs lies in another")?;
        fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
        let partial = tempfile::Builder::new().prefix("link-").tempdir_in(parent).context("no folder for a link")?;
        let copy = partial.path().join("inputs.tar");
        forget(built)?;
        let name = copy.to_str().context("the path of a linker's inputs is no text")?;
        build((COPY, name))?;
        ensure!(copy.is_file(), "its linker keeps no copy of what it is given, as LLD does where Rust links with it");
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
            "{} makes another program of the same inputs than cargo's linker did",
            relink.linker.display()
        );
        let linker = relink.linker.to_str().context("the linker's path is no text")?;
        fs::write(inputs.join(LINKER), linker).context("can't keep which linker it was")?;
        fs::rename(&inputs, folder).with_context(|| format!("can't keep {}", folder.display()))?;
        Ok(Relink { folder: folder.to_owned(), ..relink })
    }

    /// The same for a program of this tree, kept until others were built.
    pub fn of_this_tree(program: OwnProgram, built: &Path) -> Result<Layable> {
        let home = workspace::output().join("link");
        let content = fs::read(built).with_context(|| format!("can't read {}", built.display()))?;
        let folder = home.join(format!("{:016x}", memory::hash::fnv1a(&content)));
        if let Some(kept) = Relink::open(&folder) {
            return Ok(kept);
        }
        // Each is as large as the libraries that it links.
        workspace::drop_old(&home, KEPT - 1, |_| true)?;
        let root = workspace::root();
        Relink::keep(&root, built, &folder, |copy| cargo::build_in(&root, None, &[copy], &program.target()).map(drop))
    }

    /// Links the program with its functions in the order that `seed` draws; symbols are left out.
    pub fn link(&self, seed: u32, to: &Path) -> Result<()> {
        // One thread: as many layouts as there are cores are linked at once.
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

/// Removes what cargo linked, so that it links again: it goes by the file beside the libraries, whose name has a number
/// of cargo's own.
fn forget(built: &Path) -> Result<()> {
    let (folder, name) = (built.parent().context("a program lies in a folder")?, built.file_name().unwrap_or_default());
    if folder.ends_with("deps") {
        return fs::remove_file(built).with_context(|| format!("can't remove {}", built.display()));
    }
    let beginning = format!("{}-", name.to_string_lossy().replace('-', "_"));
    let deps = folder.join("deps");
    for entry in fs::read_dir(&deps).with_context(|| format!("can't read {}", deps.display()))? {
        let path = entry.with_context(|| format!("can't read {}", deps.display()))?.path();
        let is_program = path.extension().is_none()
            && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&beginning));
        if is_program {
            fs::remove_file(&path).with_context(|| format!("can't remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// The LLD that comes with the toolchain of a folder, or the one of the system.
fn linker(folder: &Path) -> Result<PathBuf> {
    let rustc = |arguments: &[&str]| -> Result<String> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc).args(arguments).current_dir(folder).output().context("can't start rustc")?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let version = rustc(&["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc has no host")?;
    let own =
        Path::new(&rustc(&["--print", "sysroot"])?).join("lib/rustlib").join(host).join("bin/gcc-ld").join("ld.lld");
    Ok(if own.is_file() { own } else { PathBuf::from("ld.lld") })
}

fn equal(one: &Path, other: &Path) -> Result<bool> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("can't read {}", path.display()));
    Ok(read(one)? == read(other)?)
}
