//! Programs of a repository at other revisions: built in a separate checkout, one at a time, and cached.
//!
//! All revisions share one checkout and one build folder, so that paths, symbols and dependencies are the same and only
//! the source differs. It also makes the next build incremental. The checkout is a clone: nothing is written to the
//! repository.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::cargo::{self, CargoTarget};
use super::git::{git, resolve, short};
use super::prefill::prefill;
use super::relink::{Layable, Relink};
use crate::workspace;

/// One side's program.
#[derive(Debug, Clone)]
pub struct Build {
    /// The name in records and reports.
    pub name: String,
    /// The commit; for a working tree, the one that it is based on.
    pub commit: String,
    /// The working tree has uncommitted changes.
    pub dirty: bool,
    /// The program.
    pub program: PathBuf,
    /// Its relinkable form, or the reason why it has only one layout.
    pub layouts: Layable,
    /// The folder of its cached files.
    pub folder: PathBuf,
    /// The source that it was built from: programs may read files there while they run.
    pub tree: PathBuf,
}

/// The place and the target of builds of a repository's revisions.
#[derive(Debug, Clone)]
pub struct SourceCheckout {
    /// The repository's root folder.
    pub repository: PathBuf,
    /// The folder of the checkout, the build folders and the programs.
    pub home: PathBuf,
    /// The target to build.
    pub target: CargoTarget,
    /// Variables of the build.
    pub variables: Vec<(String, String)>,
    /// A build folder whose compiled libraries can be reused.
    pub prefill_from: Option<PathBuf>,
}

/// The file name of a cached program.
const PROGRAM: &str = "program";

/// The folder of its linker inputs.
const LINK: &str = "link";

/// The number of cached programs.
const CACHED: usize = 6;

impl SourceCheckout {
    /// The program of a revision, from the cache or built; cargo reports its progress on stderr.
    pub fn revision(&self, revision: &str) -> Result<Build> {
        let commit = resolve(&self.repository, revision)?;
        let build = |folder: PathBuf, layouts| {
            self.to_build(format!("revision {}", short(&commit)), &commit, false, folder, layouts)
        };
        let folder = self.home.join(format!("{}-{}", short(&commit), self.key()?));
        if let Some(layouts) = cached_layouts(&folder)? {
            return Ok(build(folder, layouts));
        }
        let _lock = self.lock()?;
        // Another process may have built it while this one waited for the lock.
        if let Some(layouts) = cached_layouts(&folder)? {
            return Ok(build(folder, layouts));
        }
        self.prepare(&commit)?;
        eprintln!("building {} of {}, once: it is cached", self.target.name, short(&commit));
        let built =
            self.build(&[]).with_context(|| format!("{} does not build: choose another revision", short(&commit)))?;
        let layouts = self.store(&built, &folder)?;
        Ok(build(folder, layouts))
    }

    /// The program of the working tree as it is now: all files that git tracks or would add.
    pub fn working_tree(&self) -> Result<Build> {
        let commit = resolve(&self.repository, "HEAD")?;
        let dirty = !git(&self.repository, &["status", "--porcelain"])?.is_empty();
        let _lock = self.lock()?;
        self.prepare(&commit)?;
        let listed = git(&self.repository, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        listed.split('\0').filter(|file| !file.is_empty()).try_for_each(|file| self.copy(Path::new(file)))?;
        eprintln!("building {} of the working tree", self.target.name);
        let built = self.build(&[])?;
        let content = fs::read(&built).with_context(|| format!("can't read {}", built.display()))?;
        // Named by its content: a gate that runs at the same time may have another working tree.
        let folder = self.home.join(format!("tree-{:016x}", memory::hash::fnv1a(&content)));
        let layouts = match cached_layouts(&folder)? {
            Some(layouts) => layouts,
            None => self.store(&built, &folder)?,
        };
        Ok(self.to_build("the working tree".to_owned(), &commit, dirty, folder, layouts))
    }

    fn tree(&self) -> PathBuf {
        self.home.join("tree")
    }

    fn to_build(&self, name: String, commit: &str, dirty: bool, folder: PathBuf, layouts: Layable) -> Build {
        let (commit, program, tree) = (commit.to_owned(), folder.join(PROGRAM), self.tree());
        Build { name, commit, dirty, program, layouts, folder, tree }
    }

    fn lock(&self) -> Result<File> {
        fs::create_dir_all(&self.home).with_context(|| format!("can't create {}", self.home.display()))?;
        let lock = File::create(self.home.join("lock")).context("can't create the lock of the build")?;
        lock.lock().context("can't wait for another build")?;
        Ok(lock)
    }

    /// Checks out a commit, with a build folder.
    fn prepare(&self, commit: &str) -> Result<()> {
        // Each has a copy of the libraries that it links.
        workspace::drop_old(&self.home, CACHED - 1, |folder| folder.join(PROGRAM).is_file())?;
        let target = self.build_folder()?;
        if !target.is_dir() {
            // Cargo would treat files of a checkout older than the build folder as already built.
            drop_folder(&self.tree())?;
            if let Some(from) = &self.prefill_from {
                prefill(from, &target)?;
            }
        }
        self.check_out(commit)
    }

    fn check_out(&self, commit: &str) -> Result<()> {
        let (tree, from) = (self.tree(), text(&self.repository)?);
        // In a checkout by an older assay `.git` is a file, which makes it a work tree of the repository.
        if !tree.join(".git").is_dir() {
            drop_folder(&tree)?;
            git(&self.home, &["clone", "--quiet", "--no-checkout", "--local", from, text(&tree)?])
                .with_context(|| format!("can't clone {from}: a base comes from a git repository"))?;
        }
        if git(&tree, &["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_err() {
            git(&tree, &["fetch", "--quiet", from, "+refs/*:refs/assay/*", "+HEAD:refs/assay/head"])?;
        }
        git(&tree, &["checkout", "--quiet", "--force", "--detach", commit])?;
        git(&tree, &["clean", "--quiet", "--force", "-d"])?;
        // A library may not commit its lock file: both sides then use the repository's, and so the same dependencies.
        let (lock, own) = (tree.join("Cargo.lock"), self.repository.join("Cargo.lock"));
        if !lock.exists() && own.is_file() {
            fs::copy(&own, &lock).with_context(|| format!("can't copy {}", own.display()))?;
        }
        Ok(())
    }

    /// Copies a file of the working tree to the checkout. An unchanged file keeps its age, so that cargo builds only
    /// what it must.
    fn copy(&self, file: &Path) -> Result<()> {
        let (from, to) = (self.repository.join(file), self.tree().join(file));
        if !from.is_file() {
            // Removed, or a submodule, which stays as in the commit.
            if !from.exists() && to.is_file() {
                fs::remove_file(&to).with_context(|| format!("can't remove {}", to.display()))?;
            }
            return Ok(());
        }
        let wanted = fs::read(&from).with_context(|| format!("can't read {}", from.display()))?;
        if fs::read(&to).is_ok_and(|current| current == wanted) {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
        }
        fs::write(&to, wanted).with_context(|| format!("can't write {}", to.display()))
    }

    fn build(&self, more: &[(&str, &str)]) -> Result<PathBuf> {
        let own = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let variables: Vec<(&str, &str)> = own.chain(more.iter().copied()).collect();
        cargo::build_in(&self.tree(), Some(&self.build_folder()?), &variables, &self.target)
    }

    /// Copies a program and its linker inputs to the cache, atomically, as the next build overwrites them.
    fn store(&self, built: &Path, folder: &Path) -> Result<Layable> {
        let partial =
            tempfile::Builder::new().prefix("keep-").tempdir_in(&self.home).context("can't create a folder for it")?;
        fs::copy(built, partial.path().join(PROGRAM)).with_context(|| format!("can't copy {}", built.display()))?;
        // Either result is cached: the linker inputs, or the reason why there are none.
        let link = partial.path().join(LINK);
        drop(Relink::keep(&self.tree(), built, &link, |copy| self.build(&[copy]).map(drop))?);
        drop_folder(folder)?;
        let partial = partial.keep();
        fs::rename(&partial, folder).with_context(|| format!("can't move the program to {}", folder.display()))?;
        cached_layouts(folder)?.context("the cached program is gone: run the command again")
    }

    fn build_folder(&self) -> Result<PathBuf> {
        Ok(self.home.join(format!("target-{}", self.toolchain()?)))
    }

    /// A short hash of what decides, besides the source, if a build folder can be reused.
    fn toolchain(&self) -> Result<String> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output =
            Command::new(rustc).arg("-vV").current_dir(&self.repository).output().context("can't start rustc")?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"] {
            text.push_str(&format!("{name}={}\n", std::env::var(name).unwrap_or_default()));
        }
        text.push_str(&format!("{:?}", self.variables));
        Ok(hash(&text))
    }

    /// A short hash of what decides, besides the commit, if a cached program can be reused.
    fn key(&self) -> Result<String> {
        Ok(format!("{}-{}", self.toolchain()?, hash(&format!("{:?}", self.target))))
    }
}

fn hash(text: &str) -> String {
    format!("{:08x}", memory::hash::fnv1a(text.as_bytes()) >> 32)
}

/// The layouts of a cached program, or the reason why it has none; `None` if it is not cached.
fn cached_layouts(folder: &Path) -> Result<Option<Layable>> {
    if !folder.join(PROGRAM).is_file() {
        return Ok(None);
    }
    let used = File::open(folder).with_context(|| format!("can't open {}", folder.display()))?;
    // The most recently used folder is removed last.
    used.set_modified(SystemTime::now()).with_context(|| format!("can't set the age of {}", folder.display()))?;
    Ok(Relink::open(&folder.join(LINK)))
}

fn drop_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("can't remove {}", folder.display()))?;
    }
    Ok(())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8: rename it", path.display()))
}
