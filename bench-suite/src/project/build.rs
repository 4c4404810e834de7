//! The bench of another project at two revisions: both are built in one checkout, one after the other, so that paths, symbols and dependencies are the
//! same and the source is all that differs.
//!
//! The checkout is a clone in the user's cache folder, outside of every workspace: nothing of the project is written to. Programs of commits are kept
//! there; that of the working tree is made anew each time, from the files that git knows or would take.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Definition;
use crate::revision::{self, git};
use crate::runner::artifacts;
use crate::runner::relink::{Layable, Relink};

/// A program of one side.
#[derive(Debug, Clone)]
pub struct Built {
    /// The bench.
    pub program: PathBuf,
    /// It in other layouts, or why there are none.
    pub layouts: Layable,
    /// Where it runs: the package, in the checkout.
    pub package: PathBuf,
    /// The commit; of the working tree, the one it began from.
    pub commit: String,
    /// The working tree has changes that no commit holds.
    pub dirty: bool,
}

/// The bench of a revision and that of the working tree.
///
/// # Errors
/// No git repository, no such revision, or one of the two does not build.
pub fn both(definition: &Definition, against: &str) -> Result<(Built, Built)> {
    let place = Place::new(definition)?;
    let lock = File::create(place.home.join("lock")).context("can't make the lock of the project's build")?;
    lock.lock().context("waiting for another build of the project")?;
    let base = place.commit(&resolve(&definition.repository, against)?)?;
    // The working tree is built last: what benches read while they run is then of one state for both.
    let new = place.working_tree()?;
    Ok((base, new))
}

/// Where a project is built.
struct Place<'a> {
    definition: &'a Definition,
    home: PathBuf,
    tree: PathBuf,
}

impl<'a> Place<'a> {
    fn new(definition: &'a Definition) -> Result<Place<'a>> {
        let name = definition.repository.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = definition.repository.to_string_lossy();
        let home = cache()?.join(format!("{name}-{:08x}", memory::hash::fnv1a(path.as_bytes()) >> 32));
        fs::create_dir_all(&home).with_context(|| format!("can't make {}", home.display()))?;
        let tree = home.join("tree");
        if !tree.is_dir() {
            let (from, to) = (text(&definition.repository)?, text(&tree)?);
            git(&home, &["clone", "--quiet", "--no-checkout", "--local", from, to])
                .with_context(|| format!("{from} can't be cloned: a project is a git repository"))?;
        }
        Ok(Place { definition, home, tree })
    }

    /// The bench of a commit: the one that was kept, or else it is built.
    fn commit(&self, commit: &str) -> Result<Built> {
        self.check_out(commit)?;
        let short = commit.get(..12).unwrap_or(commit);
        let kept = self.home.join(format!("{short}-{}", self.key()?));
        let link = kept.with_extension("link");
        let layouts = match (kept.is_file(), Relink::open(&link)) {
            (true, Some(layouts)) => layouts,
            _ => {
                eprintln!("building {} of {short}: it is kept for the next time", self.definition.name());
                let not = || format!("{short} does not build: choose another revision");
                self.keep(&kept, &link).with_context(not)?
            }
        };
        self.built((kept, layouts), commit.to_owned(), false)
    }

    /// The bench of the working tree as it is now.
    fn working_tree(&self) -> Result<Built> {
        let repository = &self.definition.repository;
        let commit = resolve(repository, "HEAD")?;
        self.check_out(&commit)?;
        let listed = git(repository, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        for file in listed.split('\0').filter(|file| !file.is_empty()) {
            self.copy(Path::new(file))?;
        }
        let dirty = !git(repository, &["status", "--porcelain"])?.is_empty();
        eprintln!("building {} of the working tree", self.definition.name());
        let kept = self.home.join("working-tree");
        let layouts = self.keep(&kept, &kept.with_extension("link"))?;
        self.built((kept, layouts), commit, dirty)
    }

    /// Builds the bench of what is checked out, and keeps it and what it was linked from.
    fn keep(&self, place: &Path, link: &Path) -> Result<Layable> {
        let built = self.build(None)?;
        keep(&built, place)?;
        if link.exists() {
            fs::remove_dir_all(link).with_context(|| format!("can't remove {}", link.display()))?;
        }
        Relink::keep(&self.tree, &built, link, |copy| self.build(Some(copy)).map(drop))
    }

    fn built(&self, (program, layouts): (PathBuf, Layable), commit: String, dirty: bool) -> Result<Built> {
        let manifest = self.tree.join(&self.definition.manifest);
        let package = manifest.parent().context("a manifest lies in a folder")?.to_owned();
        Ok(Built { program, layouts, package, commit, dirty })
    }

    fn check_out(&self, commit: &str) -> Result<()> {
        let known = || git(&self.tree, &["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_ok();
        if !known() {
            let from = text(&self.definition.repository)?;
            git(&self.tree, &["fetch", "--quiet", from, "+refs/*:refs/assay/*", "+HEAD:refs/assay/head"])?;
        }
        git(&self.tree, &["checkout", "--quiet", "--force", "--detach", commit])?;
        git(&self.tree, &["clean", "--quiet", "--force", "-d"])?;
        // A library may keep its lock out of git: both sides then take the one that lies there, and so the same dependencies.
        let (lock, own) = (self.tree.join("Cargo.lock"), self.definition.repository.join("Cargo.lock"));
        if !lock.exists() && own.is_file() {
            fs::copy(&own, &lock).with_context(|| format!("can't copy {}", own.display()))?;
        }
        Ok(())
    }

    /// Makes a file of the checkout what it is in the working tree. What is the same keeps its age, so that cargo builds no more than it must.
    fn copy(&self, file: &Path) -> Result<()> {
        let (from, to) = (self.definition.repository.join(file), self.tree.join(file));
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

    /// Builds the bench of what is checked out, with one variable more where one is given.
    fn build(&self, variable: Option<(&str, &str)>) -> Result<PathBuf> {
        let Definition { manifest, bench, features, .. } = self.definition;
        let output = artifacts::cargo()
            .args(["bench", "--no-run", "--message-format=json-render-diagnostics", "--bench", bench])
            .arg("--manifest-path")
            .arg(self.tree.join(manifest))
            .args((!features.is_empty()).then(|| format!("--features={}", features.join(","))))
            .env("CARGO_TARGET_DIR", self.home.join("target"))
            .envs(variable)
            .current_dir(&self.tree)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("can't start cargo: a bench is built before it runs, install Rust from https://rustup.rs")?;
        ensure!(output.status.success(), "the build of the bench `{bench}` failed: see above");
        executable(&output.stdout, bench).with_context(|| format!("the build made no bench `{bench}`"))
    }

    /// What beside the commit makes a program another one.
    fn key(&self) -> Result<String> {
        let toolchain = revision::toolchain_key(&self.tree, &[])?;
        let Definition { manifest, bench, features, .. } = self.definition;
        let what = format!("{}|{bench}|{}", manifest.display(), features.join(","));
        Ok(format!("{toolchain}-{:08x}", memory::hash::fnv1a(what.as_bytes()) >> 32))
    }
}

#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The bench among cargo's messages.
fn executable(messages: &[u8], bench: &str) -> Option<PathBuf> {
    let lines = messages.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{"));
    lines.filter_map(|line| serde_json::from_slice::<Message>(line).ok()).find_map(|message| {
        let target = message.target?;
        message.executable.filter(|_| target.name == bench && target.kind.iter().any(|kind| kind == "bench"))
    })
}

/// Copies a program beside its place first: it appears there whole.
fn keep(program: &Path, place: &Path) -> Result<()> {
    let partial = place.with_extension("partial");
    fs::copy(program, &partial).with_context(|| format!("can't copy {}", program.display()))?;
    fs::rename(&partial, place).with_context(|| format!("can't keep {}", place.display()))
}

/// The user's cache folder.
fn cache() -> Result<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
    Ok(cache.context("no HOME and no XDG_CACHE_HOME: set one, programs are kept there")?.join("assay/projects"))
}

fn resolve(repository: &Path, revision: &str) -> Result<String> {
    let named = format!("{revision}^{{commit}}");
    let commit = git(repository, &["rev-parse", "--verify", "--quiet", "--end-of-options", &named])
        .with_context(|| format!("no revision of {} is called `{revision}`", repository.display()))?;
    Ok(commit.trim().to_owned())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is no text", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bench_is_found_among_the_messages() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"itoa","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"bench","kind":["bin"]},"executable":"/t/other"}
{"reason":"compiler-artifact","target":{"name":"bench","kind":["bench"]},"executable":"/t/bench-1"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "bench"), Some(PathBuf::from("/t/bench-1")));
        assert_eq!(executable(messages, "speed"), None);
    }
}
