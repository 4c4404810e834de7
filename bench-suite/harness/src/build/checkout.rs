//! Programs of a repository at a revision or as its files are now: built in a separate checkout, one at a time, cached.
//!
//! All builds share one checkout and one build folder, so that paths, symbols and dependencies are the same and only
//! the source differs. It also makes the next build incremental. The checkout is a clone: nothing is written to the
//! repository. It lies in the user's cache and not below the repository, where cargo would apply the configuration of
//! the repository's present files to every revision.
//!
//! A cached program is named by its source and by everything else that changes it ([`toolchain`]). Whoever uses it
//! keeps it from being removed.

use std::fmt::Debug;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use baselines::environment;

pub use super::cached_build::BuiltProgram;
use super::cached_build::{INDEX, Index, LINK, PROGRAM, is_used, open};
use super::cargo::{self, BuildFailed, CargoTarget};
use super::crate_identity;
use super::files::{copy, drop_folder, remove};
use super::git::{git, resolve, short};
use super::left_out::{not_built, not_compiled, nothing_built};
use super::partial_clone;
use super::prefill::prefill;
use super::pristine;
use super::relink::{COPY, Relink};
use super::toolchain;
use crate::hash::hash;
use crate::workspace;

/// The programs of a source, and the targets that give none.
#[derive(Debug, Default)]
pub struct Targets {
    /// Each target and the name of its program.
    pub targets: Vec<(String, CargoTarget)>,
    /// Targets that are left out, and why.
    pub skipped: Vec<(String, String)>,
}

impl Targets {
    /// True if there is nothing to build, and nothing that is left out.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.skipped.is_empty()
    }
}

/// Says what to build of a source. Equal `Debug` texts mean equal programs.
pub trait Recipe: Debug + Send + Sync {
    /// Chooses the versions of what the source in `tree` asks for, if it does not say.
    fn resolve(&self, _tree: &Path) -> Result<()> {
        Ok(())
    }

    /// The targets of the source in `tree`, which may be made ready for them.
    fn targets(&self, tree: &Path) -> Result<Targets>;

    /// The folder in which cargo and rustup are called, relative to the source: they read the settings of it and of
    /// those above.
    fn folder(&self) -> PathBuf {
        PathBuf::new()
    }

    /// True if programs run among the files of their source.
    fn is_in_place(&self) -> bool {
        false
    }

    /// Builds in the folder of these files, for programs that run there.
    fn build_in_place(&self, _files: &Path) -> Result<()> {
        Ok(())
    }

    /// The reason why a target's program is of no use.
    fn refuses(&self, _target: &CargoTarget, _program: &Path) -> Result<Option<String>> {
        Ok(None)
    }
}

impl Recipe for CargoTarget {
    fn targets(&self, _: &Path) -> Result<Targets> {
        Ok(Targets { targets: vec![(self.name.clone(), self.clone())], skipped: vec![] })
    }
}

/// One side's programs.
#[derive(Debug, Clone)]
pub struct Build {
    /// The name in records and reports.
    pub name: String,
    /// The commit; for a working tree, the one that it is based on.
    pub commit: String,
    /// The working tree has uncommitted changes.
    pub dirty: bool,
    /// The compiler, as `rustc --version` names it; empty if it is this folder's.
    pub rustc: String,
    /// The programs: at least one.
    pub programs: Vec<BuiltProgram>,
    /// Targets without a program of use, and why.
    pub skipped: Vec<(String, String)>,
    /// The folder of its cached files.
    pub folder: PathBuf,
    /// The files of its source: programs may read some while they run.
    pub tree: PathBuf,
    /// Git's hash of these files; empty if they are this folder's.
    pub source: String,
    /// Keeps the folder while the build is in use.
    pub used: Option<Arc<File>>,
}

impl Build {
    /// The file of the only program.
    pub fn program(&self) -> &Path {
        &self.programs[0].path
    }

    /// A program by its name.
    pub fn find(&self, name: &str) -> Option<&BuiltProgram> {
        self.programs.iter().find(|program| program.name == name)
    }
}

/// The place and the target of builds of a repository's revisions.
#[derive(Debug, Clone)]
pub struct SourceCheckout {
    /// The repository's root folder.
    pub repository: PathBuf,
    /// The folder of the checkout, the build folders and the programs.
    pub home: PathBuf,
    /// The targets to build.
    pub recipe: Arc<dyn Recipe>,
    /// Variables of the build.
    pub variables: Vec<(String, String)>,
    /// A build folder whose compiled libraries can be reused.
    pub prefill_from: Option<PathBuf>,
}

/// The folder of the files of its source.
const FILES: &str = "files";

/// The list of these files.
const LISTED: &str = "files.json";

/// The number of cached programs.
const CACHED: usize = 6;

/// The number of build folders.
const BUILD_FOLDERS: usize = 2;

impl SourceCheckout {
    /// The folder in the user's cache for a repository's checkout.
    pub fn home(repository: &Path) -> Result<PathBuf> {
        let name = repository.file_name().unwrap_or_default().to_string_lossy();
        Ok(workspace::cache()?.join("builds").join(format!("{name}-{}", hash(repository.to_string_lossy().as_bytes()))))
    }

    /// The program of a revision, from the cache or built; cargo reports its progress on stderr.
    pub fn revision(&self, revision: &str) -> Result<Build> {
        let commit = resolve(&self.repository, revision)?;
        let _lock = self.lock()?;
        self.check_out(&commit)?;
        self.build_tree(&format!("revision {}", short(&commit)), &commit, false)
    }

    /// The program of the working tree as it is now: all files that git tracks or would add, and the submodules of the
    /// commit.
    ///
    /// # Errors
    /// A submodule is not as the commit has it.
    pub fn working_tree(&self) -> Result<Build> {
        let commit = resolve(&self.repository, "HEAD")?;
        self.refuse_changed_submodules()?;
        let _lock = self.lock()?;
        self.check_out(&commit)?;
        let listed = git(&self.repository, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        listed.split('\0').filter(|file| !file.is_empty()).try_for_each(|file| self.copy(Path::new(file)))?;
        let committed = git(&self.repository, &["rev-parse", &format!("{commit}^{{tree}}")])?;
        let build = self.build_tree("the working tree", &commit, true)?;
        let dirty = build.source != committed.trim() || environment::is_dirty(&self.repository);
        Ok(Build { dirty, ..build })
    }

    /// The names of the files that differ between the sources of two builds.
    pub fn changed_files(&self, base: &Build, new: &Build) -> Result<Vec<String>> {
        let listed = git(&self.tree(), &["diff", "--name-only", "--no-renames", "-z", &base.source, &new.source])?;
        Ok(listed.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect())
    }

    fn tree(&self) -> PathBuf {
        self.home.join("tree")
    }

    fn lock(&self) -> Result<File> {
        fs::create_dir_all(&self.home).with_context(|| format!("can't create {}", self.home.display()))?;
        let lock = File::create(self.home.join("lock")).context("can't create the lock of the build")?;
        lock.lock().context("can't wait for another build")?;
        Ok(lock)
    }

    /// Makes the checkout exactly the files of a commit.
    fn check_out(&self, commit: &str) -> Result<()> {
        let (tree, from) = (self.tree(), text(&self.repository)?);
        let target = self.build_folder()?;
        if !target.is_dir() {
            workspace::drop_old(&self.home, BUILD_FOLDERS - 1, |folder| {
                folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("target-"))
            })?;
            // Cargo would treat files of a checkout older than the build folder as already built.
            drop_folder(&tree)?;
            if let Some(from) = &self.prefill_from {
                prefill(from, &target)?;
            }
        }
        if !tree.join(".git").is_dir() {
            drop_folder(&tree)?;
            git(&self.home, &["clone", "--quiet", "--no-checkout", "--local", from, text(&tree)?])
                .with_context(|| format!("can't clone {from}: a base comes from a git repository"))?;
        }
        partial_clone::complete(&self.repository, &tree, commit)?;
        if git(&tree, &["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_err() {
            git(&tree, &["fetch", "--quiet", from, "+refs/*:refs/assay/*", "+HEAD:refs/assay/head"])?;
        }
        git(&tree, &["checkout", "--quiet", "--force", "--detach", commit])?;
        // Ignored files too: a lock file of another build would choose its dependencies.
        git(&tree, &["clean", "--quiet", "-ffdx"])?;
        self.check_out_submodules()
    }

    /// Checks out the submodules of the commit from those of the repository, so that nothing is asked of the network.
    fn check_out_submodules(&self) -> Result<()> {
        let tree = self.tree();
        if !tree.join(".gitmodules").is_file() {
            return Ok(());
        }
        let listed = git(&tree, &["config", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.path$"])?;
        for (name, path) in listed.lines().filter_map(|line| line.split_once(' ')) {
            let from = self.repository.join(path);
            if !from.join(".git").exists() {
                // The build may not need it; if it does, cargo says what is missing.
                eprintln!("the submodule {path} is not checked out: `git submodule update --init` brings it");
                continue;
            }
            let url = format!("{}.url", name.trim_end_matches(".path"));
            git(&tree, &["config", &url, text(&from)?])?;
            let update = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", path];
            git(&tree, &update).with_context(|| format!("can't check out the submodule {path}"))?;
        }
        Ok(())
    }

    /// Refuses submodules that are not as the commit has them: only those would be measured.
    fn refuse_changed_submodules(&self) -> Result<()> {
        const SUBMODULE: &str = "160000"; // the mode of git's tree entries
        let changed = git(&self.repository, &["diff", "--raw", "--ignore-submodules=untracked", "HEAD"])?;
        for (modes, path) in changed.lines().filter_map(|line| line.split_once('\t')) {
            // One that is not there is one that was not checked out.
            let is_there = self.repository.join(path).exists();
            if is_there && modes.split(' ').take(2).any(|mode| mode.ends_with(SUBMODULE)) {
                bail!("the submodule {path} is not as HEAD has it, and would not be measured: commit in it, and here");
            }
        }
        Ok(())
    }

    /// Copies a file of the working tree to the checkout. An unchanged file keeps its age, so that cargo builds only
    /// what it must.
    fn copy(&self, file: &Path) -> Result<()> {
        let (from, to) = (self.repository.join(file), self.tree().join(file));
        if !from.is_file() {
            // Removed, or a submodule, which stays as in the commit.
            return if !from.exists() && to.is_file() { remove(&to) } else { Ok(()) };
        }
        let wanted = fs::read(&from).with_context(|| format!("can't read {}", from.display()))?;
        if fs::read(&to).is_ok_and(|current| current == wanted) {
            return Ok(());
        }
        // The file may be linked into the folder of a build.
        if to.exists() {
            remove(&to)?;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
        }
        copy(&from, &to)
    }

    /// The program of the checkout as it is, from the cache or built.
    fn build_tree(&self, name: &str, commit: &str, dirty: bool) -> Result<Build> {
        let tree = self.tree();
        // Ignored files too: one that is tracked in spite of that is part of the source.
        git(&tree, &["add", "--all", "--force"])?;
        let source = git(&tree, &["write-tree"])?.trim().to_owned();
        // A library may not commit its lock file: both sides then use the repository's, and so the same dependencies.
        // If it has none, both use what cargo chose the first time.
        let (lock, chosen) = (tree.join("Cargo.lock"), self.home.join("Cargo.lock"));
        let own = [self.repository.join("Cargo.lock"), chosen.clone()].into_iter().find(|own| own.is_file());
        if let (false, Some(own)) = (lock.exists(), &own) {
            copy(own, &lock)?;
        }
        self.recipe.resolve(&tree)?;
        if own.is_none() && lock.is_file() {
            copy(&lock, &chosen)?;
        }
        let rustc = match toolchain::version(&self.cargo_folder()) {
            // It may need no compiler.
            Err(_) if self.recipe.is_in_place() => String::new(),
            version => version?,
        };
        let locked = fs::read_to_string(&lock).unwrap_or_default();
        let settings = toolchain::settings(&self.cargo_folder())?;
        let key = format!("{rustc}{settings}{locked}{:?}{:?}", self.variables, self.recipe);
        let folder = self.home.join(format!("{}-{}", short(&source), hash(&key)));
        let is_kept = match open(&folder) {
            None => false,
            // By another gate, whose programs may write there just now.
            Some(_) if is_used(&folder) => true,
            Some(cached) => !cached.may_build_later && pristine::restore(&folder.join(FILES), &folder.join(LISTED)),
        };
        if !is_kept {
            // Each has a copy of the libraries that it links.
            workspace::drop_old(&self.home, CACHED - 1, |folder| {
                let is_build = [INDEX, PROGRAM, FILES].iter().any(|file| folder.join(file).exists());
                is_build && !is_used(folder)
            })?;
            eprintln!("building {name}, once: it is cached");
            self.store(name, &folder)?;
            if !chosen.is_file() && own.is_none() && lock.is_file() {
                copy(&lock, &chosen)?;
            }
        }
        let used = File::open(&folder).with_context(|| format!("can't open {}", folder.display()))?;
        // The most recently used folder is removed last, and one that is in use not at all.
        used.set_modified(SystemTime::now()).with_context(|| format!("can't set the age of {}", folder.display()))?;
        used.lock_shared().with_context(|| format!("can't lock {}", folder.display()))?;
        let cached = open(&folder).context("the cached program is gone: run the command again")?;
        Ok(Build {
            name: name.to_owned(),
            commit: commit.to_owned(),
            dirty,
            rustc: rustc.lines().next().unwrap_or_default().to_owned(),
            programs: cached.programs,
            skipped: cached.skipped,
            tree: folder.join(FILES),
            source,
            used: Some(Arc::new(used)),
            folder,
        })
    }

    fn build(&self, target: &CargoTarget, more: &[(&str, &str)]) -> Result<PathBuf> {
        let wrapper = crate_identity::wrapper(&self.home)?;
        let mut variables: Vec<(&str, &str)> = Vec::new();
        if let Some(variable) = crate_identity::variable() {
            variables.push((variable, text(&wrapper)?));
        }
        variables.extend(self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        variables.extend(more);
        cargo::build_in(&self.cargo_folder(), Some(&self.build_folder()?), &variables, target)
    }

    fn cargo_folder(&self) -> PathBuf {
        self.tree().join(self.recipe.folder())
    }

    /// Builds and keeps the programs, their linker inputs and the files of the source, atomically, as the next build
    /// overwrites them.
    fn store(&self, name: &str, folder: &Path) -> Result<()> {
        if self.recipe.is_in_place() {
            return self.store_in_place(folder).with_context(|| not_built(name));
        }
        let partial = tempfile::Builder::new().prefix("partial-").tempdir_in(&self.home).context("no folder for it")?;
        // Before the source is made ready to be built.
        self.link_files(&partial.path().join(FILES))?;
        let mut index = Index::default();
        let Targets { targets, skipped } = self.recipe.targets(&self.tree())?;
        index.skipped = skipped;
        for (target_name, mut target) in targets {
            let saved = partial.path().join("inputs.tar");
            let mut built = self.build(&target, &[(COPY, text(&saved)?)]);
            let is_refused = |error: &anyhow::Error| BuildFailed::to_compile(error).is_some();
            if built.as_ref().is_err_and(is_refused) && !target.together.is_empty() {
                eprintln!("{target_name} does not compile alone: once more, with the features of the other packages");
                target.arguments.append(&mut target.together);
                built = self.build(&target, &[(COPY, text(&saved)?)]);
            }
            if let (Err(error), Some(remedy)) = (&built, target.left_out)
                && let Some(failed) = BuildFailed::to_compile(error)
            {
                index.skipped.push((target_name, not_compiled(failed.first.as_deref(), remedy)));
                index.may_build_later |= !failed.is_of_source;
                continue;
            }
            let built = built.with_context(|| not_built(name))?;
            if let Some(why) = self.recipe.refuses(&target, &built)? {
                index.skipped.push((target_name, why));
                continue;
            }
            let place = partial.path().join(index.programs.len().to_string());
            fs::create_dir(&place).with_context(|| format!("can't create {}", place.display()))?;
            copy(&built, &place.join(PROGRAM))?;
            drop(Relink::capture(&self.cargo_folder(), &built, Some(&saved), &place.join(LINK), |copy| {
                self.build(&target, &[copy]).map(drop)
            })?);
            index.programs.push((target_name, target.package));
        }
        ensure!(!index.programs.is_empty(), "{name} {}", nothing_built(&index.skipped));
        pristine::record(&partial.path().join(FILES), &partial.path().join(LISTED))?;
        fs::write(partial.path().join(INDEX), serde_json::to_vec(&index)?).context("can't list the programs")?;
        drop_folder(folder)?;
        let partial = partial.keep();
        fs::rename(&partial, folder).with_context(|| format!("can't move the programs to {}", folder.display()))
    }

    /// The same where programs run among the files: these never move, and the list of programs comes last. Files are
    /// copied, as a build or a program may write into them.
    fn store_in_place(&self, folder: &Path) -> Result<()> {
        let (files, lock) = (folder.join(FILES), "Cargo.lock");
        drop_folder(folder)?;
        self.place_files(&files, |from, to| match fs::read_link(from) {
            Ok(target) => std::os::unix::fs::symlink(target, to),
            Err(_) => fs::copy(from, to).map(drop),
        })?;
        if self.tree().join(lock).is_file() {
            copy(&self.tree().join(lock), &files.join(lock))?;
        }
        self.recipe.build_in_place(&files)?;
        pristine::record(&files, &folder.join(LISTED))?;
        fs::write(folder.join(INDEX), serde_json::to_vec(&Index::default())?).context("can't list the programs")
    }

    /// Links the files of the checkout into a folder. Git replaces files and does not write into them.
    fn link_files(&self, to: &Path) -> Result<()> {
        self.place_files(to, |from, to| fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop)))
    }

    fn place_files(&self, to: &Path, place: impl Fn(&Path, &Path) -> std::io::Result<()>) -> Result<()> {
        let tree = self.tree();
        fs::create_dir_all(to).with_context(|| format!("can't create {}", to.display()))?;
        for file in git(&tree, &["ls-files", "-z", "--recurse-submodules"])?.split('\0').filter(|file| !file.is_empty())
        {
            let (from, to) = (tree.join(file), to.join(file));
            // A submodule is a folder.
            if from.is_dir() && !from.is_symlink() {
                continue;
            }
            let made = fs::create_dir_all(to.parent().unwrap_or(&to));
            made.and_then(|()| place(&from, &to))
                .with_context(|| format!("can't bring {} to {}", from.display(), to.display()))?;
        }
        Ok(())
    }

    /// The folder of compiled files. Cargo itself knows which of them a source and a toolchain can use.
    pub(super) fn build_folder(&self) -> Result<PathBuf> {
        let settings = format!("{}{:?}", toolchain::settings(&self.home)?, self.variables);
        Ok(self.home.join(format!("target-{}", hash(&settings))))
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8: rename it", path.display()))
}
