//! Programs of a repository at other revisions: built in a checkout of their own, one after the other, and kept.
//!
//! All revisions are built in one checkout with one build folder, so that paths, symbols and dependencies are the same
//! and the source is all that differs; and so that the next one only builds what changed. The checkout is a clone:
//! nothing is written to the repository.

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

/// A program of one side.
#[derive(Debug, Clone)]
pub struct Build {
    /// The name in records and reports.
    pub name: String,
    /// The commit; of a working tree, the one it began from.
    pub commit: String,
    /// The working tree has changes that no commit holds.
    pub dirty: bool,
    /// The program.
    pub program: PathBuf,
    /// It in other layouts, or why there are none.
    pub layouts: Layable,
    /// Where it is kept, with what else is known of it.
    pub folder: PathBuf,
    /// The source that it was built from: what programs read while they run lies there.
    pub tree: PathBuf,
}

/// Where and how revisions of a repository are built.
#[derive(Debug, Clone)]
pub struct SourceCheckout {
    /// The repository: its top folder.
    pub repository: PathBuf,
    /// Where the checkout, the build folders and the programs lie.
    pub home: PathBuf,
    /// What is built.
    pub target: CargoTarget,
    /// Variables of the build.
    pub variables: Vec<(String, String)>,
    /// A build folder whose libraries need not be built again.
    pub prefill_from: Option<PathBuf>,
}

/// What a kept program is called.
const PROGRAM: &str = "program";

/// Where it keeps what it was linked from.
const LINK: &str = "link";

/// How many programs are kept.
const KEPT: usize = 6;

impl SourceCheckout {
    /// The program of a revision: the one that was kept, or else it is built; cargo's own progress goes to stderr.
    pub fn revision(&self, revision: &str) -> Result<Build> {
        let commit = resolve(&self.repository, revision)?;
        let build =
            |folder: PathBuf, kept| self.found(format!("revision {}", short(&commit)), &commit, false, folder, kept);
        let folder = self.home.join(format!("{}-{}", short(&commit), self.key()?));
        if let Some(kept) = kept(&folder)? {
            return Ok(build(folder, kept));
        }
        let _lock = self.lock()?;
        // Whoever held the lock may have built the same.
        if let Some(kept) = kept(&folder)? {
            return Ok(build(folder, kept));
        }
        self.prepare(&commit)?;
        eprintln!("building {} of {}: it is kept for the next time", self.target.name, short(&commit));
        let built =
            self.build(&[]).with_context(|| format!("{} does not build: choose another one", short(&commit)))?;
        let kept = self.keep(&built, &folder)?;
        Ok(build(folder, kept))
    }

    /// The program of the working tree as it is now: of the files that git knows or would take.
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
        // By its content: another gate that runs at the same time may have another working tree.
        let folder = self.home.join(format!("tree-{:016x}", memory::hash::fnv1a(&content)));
        let kept = match kept(&folder)? {
            Some(kept) => kept,
            None => self.keep(&built, &folder)?,
        };
        Ok(self.found("the working tree".to_owned(), &commit, dirty, folder, kept))
    }

    fn tree(&self) -> PathBuf {
        self.home.join("tree")
    }

    fn found(&self, name: String, commit: &str, dirty: bool, folder: PathBuf, layouts: Layable) -> Build {
        let (commit, program, tree) = (commit.to_owned(), folder.join(PROGRAM), self.tree());
        Build { name, commit, dirty, program, layouts, folder, tree }
    }

    fn lock(&self) -> Result<File> {
        fs::create_dir_all(&self.home).with_context(|| format!("can't make {}", self.home.display()))?;
        let lock = File::create(self.home.join("lock")).context("can't make the lock of the build")?;
        lock.lock().context("waiting for another build")?;
        Ok(lock)
    }

    /// Checks a commit out, with a build folder.
    fn prepare(&self, commit: &str) -> Result<()> {
        // Each has a copy of the libraries that it links.
        workspace::drop_old(&self.home, KEPT - 1, |folder| folder.join(PROGRAM).is_file())?;
        let target = self.build_folder()?;
        if !target.is_dir() {
            // Files of a checkout that is older than the build folder would look as if they were built.
            drop_folder(&self.tree())?;
            if let Some(from) = &self.prefill_from {
                prefill(from, &target)?;
            }
        }
        self.check_out(commit)
    }

    fn check_out(&self, commit: &str) -> Result<()> {
        let (tree, from) = (self.tree(), text(&self.repository)?);
        // A checkout by an older assay is a work tree of the repository, whose folder git finds through a file.
        if !tree.join(".git").is_dir() {
            drop_folder(&tree)?;
            git(&self.home, &["clone", "--quiet", "--no-checkout", "--local", from, text(&tree)?])
                .with_context(|| format!("{from} can't be cloned: what is compared is taken from a git repository"))?;
        }
        if git(&tree, &["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_err() {
            git(&tree, &["fetch", "--quiet", from, "+refs/*:refs/assay/*", "+HEAD:refs/assay/head"])?;
        }
        git(&tree, &["checkout", "--quiet", "--force", "--detach", commit])?;
        git(&tree, &["clean", "--quiet", "--force", "-d"])?;
        // A library may keep its lock out of git: both sides then take the one that lies there, and so the same
        // dependencies.
        let (lock, own) = (tree.join("Cargo.lock"), self.repository.join("Cargo.lock"));
        if !lock.exists() && own.is_file() {
            fs::copy(&own, &lock).with_context(|| format!("can't copy {}", own.display()))?;
        }
        Ok(())
    }

    /// Makes a file of the checkout what it is in the working tree. What is the same keeps its age, so that cargo
    /// builds no more than it must.
    fn copy(&self, file: &Path) -> Result<()> {
        let (from, to) = (self.repository.join(file), self.tree().join(file));
        if !from.is_file() {
            // Removed, or a submodule: those are left as the commit has them.
            if !from.exists() && to.is_file() {
                fs::remove_file(&to).with_context(|| format!("can't remove {}", to.display()))?;
            }
            return Ok(());
        }
        let wanted = fs::read(&from).with_context(|| format!("can't read {}", from.display()))?;
        if fs::read(&to).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        }
        fs::write(&to, wanted).with_context(|| format!("can't write {}", to.display()))
    }

    fn build(&self, more: &[(&str, &str)]) -> Result<PathBuf> {
        let own = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let variables: Vec<(&str, &str)> = own.chain(more.iter().copied()).collect();
        cargo::build_in(&self.tree(), Some(&self.build_folder()?), &variables, &self.target)
    }

    /// Copies a program and what it is linked from, because the next build writes others to the same places; whole or
    /// not at all.
    fn keep(&self, built: &Path, folder: &Path) -> Result<Layable> {
        let partial =
            tempfile::Builder::new().prefix("keep-").tempdir_in(&self.home).context("no folder for the program")?;
        fs::copy(built, partial.path().join(PROGRAM)).with_context(|| format!("can't copy {}", built.display()))?;
        // Kept in either form: layouts, or the reason why there are none.
        let link = partial.path().join(LINK);
        drop(Relink::keep(&self.tree(), built, &link, |copy| self.build(&[copy]).map(drop))?);
        drop_folder(folder)?;
        let partial = partial.keep();
        fs::rename(&partial, folder).with_context(|| format!("can't keep the program in {}", folder.display()))?;
        kept(folder)?.context("the program that was kept is gone")
    }

    fn build_folder(&self) -> Result<PathBuf> {
        Ok(self.home.join(format!("target-{}", self.toolchain()?)))
    }

    /// What beside the source makes a build folder another one, as a short name.
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

    /// What beside the commit makes a program another one, as a short name.
    fn key(&self) -> Result<String> {
        Ok(format!("{}-{}", self.toolchain()?, hash(&format!("{:?}", self.target))))
    }
}

fn hash(text: &str) -> String {
    format!("{:08x}", memory::hash::fnv1a(text.as_bytes()) >> 32)
}

/// What a folder keeps of a program: its layouts, or why there are none.
fn kept(folder: &Path) -> Result<Option<Layable>> {
    if !folder.join(PROGRAM).is_file() {
        return Ok(None);
    }
    let used = File::open(folder).with_context(|| format!("can't open {}", folder.display()))?;
    // The folder that was used last is removed last.
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
    path.to_str().with_context(|| format!("{} is no text", path.display()))
}
