//! The programs of another commit: checked out beside this tree, built once, kept by commit and toolchain.
//!
//! The checkout and its build folder stay: the next base differs in a few files, and only those are built again. They are not shared with this
//! tree's build, because cargo tells two checkouts of one workspace apart by the age of files alone, and would take one for the other.

mod seed;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::runner::artifacts::{self, Artifacts, Program};
use crate::runner::relink::{Layable, Relink};
use crate::workspace;

/// What is kept of a base.
const KEPT: [(Program, &str); 3] =
    [(Program::Worker, "assay-worker"), (Program::Counts, "counts"), (Program::GungraunRunner, "gungraun-runner")];

/// Where a base keeps what its worker was linked from.
const LINK: &str = "link";

/// How many bases are kept.
const BASES: usize = 6;

/// A commit and its programs.
#[derive(Debug, Clone)]
pub struct Revision {
    /// The full commit.
    pub commit: String,
    /// The programs, for the counts lane and the time lane.
    pub artifacts: Artifacts,
    /// The time lane's worker in other layouts, or why there are none.
    pub layouts: Layable,
    /// Where they are kept, and what belongs to them.
    pub folder: PathBuf,
}

impl Revision {
    /// The name in records and reports.
    pub fn name(&self) -> String {
        format!("revision {}", self.commit.get(..12).unwrap_or(&self.commit))
    }
}

/// The full commit that a revision names.
///
/// # Errors
/// There is no such revision, or this is no checkout.
pub fn resolve(revision: &str) -> Result<String> {
    let root = workspace::root();
    let commit =
        git(&root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{revision}^{{commit}}")])
            .with_context(|| format!("no revision is called `{revision}`: give a commit, a branch or a tag"))?;
    Ok(commit.trim().to_owned())
}

/// The programs of a revision: those that were kept, or else they are built; cargo's own progress goes to stderr.
///
/// # Errors
/// There is no such revision, or it does not build.
pub fn build(revision: &str) -> Result<Revision> {
    build_with(revision, &[])
}

/// The programs of a revision as another build of the same source lays them out: symbols have other hashes, and so code lies elsewhere. What this
/// changes, no change of the source did.
///
/// # Errors
/// As [`build`].
pub fn rebuild(revision: &str) -> Result<Revision> {
    build_with(revision, &[("RUSTFLAGS", "-C metadata=rebuilt")])
}

fn build_with(revision: &str, variables: &[(&str, &str)]) -> Result<Revision> {
    let commit = resolve(revision)?;
    let key = toolchain_key(&workspace::root(), variables)?;
    let home = workspace::output().join("base");
    let short = commit.get(..12).unwrap_or(&commit);
    let folder = home.join(format!("{short}-{key}"));
    if let Some(revision) = kept(&commit, &folder) {
        return Ok(revision);
    }
    std::fs::create_dir_all(&home).with_context(|| format!("can't make {}", home.display()))?;
    let lock = File::create(home.join("lock")).context("can't make the lock of the base's build")?;
    lock.lock().context("waiting for another build of a base")?;
    // Whoever held the lock may have built the same.
    if let Some(revision) = kept(&commit, &folder) {
        return Ok(revision);
    }
    // Each has a copy of the libraries that it links.
    workspace::drop_old(&home, BASES - 1, |folder| folder.join(KEPT[0].1).is_file())?;
    eprintln!("building the base {short}: it is kept for the next time");
    let (tree, target) = (home.join("tree"), home.join(format!("target-{key}")));
    if !target.is_dir() {
        // Files of a checkout that is older than the build folder would look as if they were built.
        drop_tree(&tree)?;
        if variables.is_empty() {
            seed::seed(&workspace::target(), &target)?;
        }
    }
    check_out(&tree, &commit)?;
    let programs: Vec<Program> = KEPT.iter().map(|(program, _)| *program).collect();
    let built = artifacts::build_in(&tree, Some(&target), variables, &programs)
        .with_context(|| format!("the base {short} does not build: choose another one"))?;
    let link = |folder: &Path| {
        Relink::keep(&tree, built.path(Program::Worker)?, folder, |copy| {
            let variables: Vec<(&str, &str)> = variables.iter().copied().chain([copy]).collect();
            artifacts::build_in(&tree, Some(&target), &variables, &[Program::Worker]).map(drop)
        })
        .map(drop)
    };
    keep(&built, link, &home, &folder)?;
    kept(&commit, &folder).context("the base's programs are gone")
}

fn kept(commit: &str, folder: &Path) -> Option<Revision> {
    let files = KEPT.map(|(program, name)| (program, folder.join(name)));
    let whole = files.iter().all(|(_, path)| path.is_file());
    if let (true, Ok(used)) = (whole, File::open(folder)) {
        // What is used goes last, and its age orders nothing but that.
        used.set_modified(SystemTime::now()).ok()?;
    }
    let layouts = Relink::open(&folder.join(LINK))?;
    whole.then(|| Revision {
        commit: commit.to_owned(),
        artifacts: files.into_iter().collect(),
        layouts,
        folder: folder.to_owned(),
    })
}

/// Copies the programs, because the next build writes others to the same places; whole or not at all.
fn keep(built: &Artifacts, link: impl FnOnce(&Path) -> Result<()>, home: &Path, folder: &Path) -> Result<()> {
    let partial = tempfile::Builder::new().prefix("keep-").tempdir_in(home).context("no folder for the base")?;
    for (program, name) in KEPT {
        let from = built.path(program)?;
        std::fs::copy(from, partial.path().join(name)).with_context(|| format!("can't copy {}", from.display()))?;
    }
    link(&partial.path().join(LINK))?;
    if folder.exists() {
        // Kept by an older assay, or damaged.
        std::fs::remove_dir_all(folder).with_context(|| format!("can't remove {}", folder.display()))?;
    }
    let partial = partial.keep();
    std::fs::rename(&partial, folder).with_context(|| format!("can't keep the base in {}", folder.display()))
}

fn check_out(tree: &Path, commit: &str) -> Result<()> {
    let root = workspace::root();
    let path = tree.to_str().context("the path of the base's checkout is no text")?;
    if tree.is_dir() && git(tree, &["checkout", "--quiet", "--detach", "--force", commit]).is_ok() {
        return Ok(());
    }
    drop_tree(tree)?;
    git(&root, &["worktree", "add", "--quiet", "--detach", "--force", path, commit])
        .map(|_| ())
        .with_context(|| format!("can't check {commit} out"))
}

fn drop_tree(tree: &Path) -> Result<()> {
    if tree.exists() {
        std::fs::remove_dir_all(tree).with_context(|| format!("can't remove {}", tree.display()))?;
    }
    // The checkout's record in the repository goes with its folder.
    git(&workspace::root(), &["worktree", "prune"]).map(|_| ())
}

/// What git answers in a folder.
///
/// # Errors
/// Git is not there, or it refuses: the message has its own.
pub fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("can't start git: what is compared is taken from the repository")?;
    if !output.status.success() {
        bail!("git {} failed: {}", arguments[0], String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).context("git's answer")
}

/// What beside the commit makes a build another one, as a short name.
///
/// # Errors
/// There is no rustc.
pub fn toolchain_key(folder: &Path, variables: &[(&str, &str)]) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").current_dir(folder).output().context("can't start rustc")?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"] {
        text.push_str(&format!("{name}={}\n", std::env::var(name).unwrap_or_default()));
    }
    if !variables.is_empty() {
        text.push_str(&format!("{variables:?}"));
    }
    Ok(format!("{:08x}", memory::hash::fnv1a(text.as_bytes()) >> 32))
}
