//! Finds the bench targets of a package or workspace, and has cargo build them as workers.
//!
//! They are built with a stand-in for criterion, divan, gungraun, iai or bencher ([`stand_in`]), or for libtest
//! ([`libtest`]). A target that can't be built so is left out, with the reason.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::{fmt, fs};

use anyhow::{Context, Result, bail};

use super::definition::Definition;
use crate::build::cargo::{CargoTarget, LIBRARY, PROGRAM};
use crate::build::checkout::{Recipe, SourceCheckout, Targets};
use crate::build::libtest;
use crate::build::lock_file;
use crate::build::metadata::{Metadata, Package, PackageTarget};
use crate::build::stand_in;
use crate::schedule::worker_client::list_cases;

/// The reasons to leave targets out.
const NO_HARNESS: &str = "no criterion, divan, gungraun, iai or bencher is in Cargo.lock, or only by `path`: \
    `assay gate --command` gates a bench of another kind as a whole program";
const OTHER_HARNESS: &str = "it has no main function of criterion, divan, gungraun, iai or bencher, or one by `path`: \
    `assay gate --command` gates it as a whole program";
const NO_BENCHES: &str = "it has no `#[bench]` function that is compiled: a feature may be needed (`--features`), and \
    other benches need `harness = false` in Cargo.toml";

/// What can be done if a target does not compile.
const WITHOUT_ASSAY: &str = "`cargo bench --no-run` shows if it does without Assay, and `--all-features` may be needed";
const WITH_NIGHTLY: &str = "`cargo +nightly bench --no-run` may show the reason";
const WITH_GUNGRAUN: &str = "if it needs gungraun itself, `cargo bench` counts it, and `assay compare` reads what that \
    leaves";

/// The bench targets of a project as its files are now, and those that are left out.
pub fn benches(definition: &Definition) -> Result<Targets> {
    let metadata = Metadata::read(&definition.repository.join(&definition.manifest))?;
    Benches(Arc::new(definition.clone())).of_workspace(&metadata, &definition.repository)
}

/// Refuses a project that needs a package outside of its repository. What can't be read is said by whoever builds it.
pub fn self_contained(definition: &Definition) -> Result<()> {
    let repository = &definition.repository;
    let Ok(metadata) = Metadata::read(&repository.join(&definition.manifest)) else { return Ok(()) };
    let Some((package, folder)) = metadata.outside(repository) else { return Ok(()) };
    bail!(
        "{package} takes a package by `path` from {}, outside of the git repository {}, and a build has only \
            what is in there: bring it in (as a submodule, say)",
        folder.display(),
        repository.display()
    )
}

/// Builds the bench targets of a definition with the stand-in.
pub(super) struct Benches(pub(super) Arc<Definition>);

impl fmt::Debug for Benches {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {:?} {}", self.0.manifest.display(), self.0.choice(), stand_in::version())
    }
}

impl Benches {
    /// The bench targets of a workspace in a folder, and those that features leave out. Where cargo would build none,
    /// those of all members are taken, and features that leave all of them out are turned on.
    fn of_workspace(&self, metadata: &Metadata, tree: &Path) -> Result<Targets> {
        let (choice, manifest) = (self.0.choice(), tree.join(&self.0.manifest));
        let mut packages = choice.packages(metadata, &manifest)?;
        let mut targets = self.of_packages(&packages, tree)?;
        let is_root = metadata.workspace_root.join("Cargo.toml") == manifest;
        if targets.is_empty() && is_root && choice.packages.is_empty() {
            packages = metadata.packages.iter().collect();
            targets = self.of_packages(&packages, tree)?;
            say_once(!targets.is_empty(), "cargo builds no benches here by default: those of all members are taken");
        }
        if targets.targets.is_empty() && !targets.skipped.is_empty() {
            let required: BTreeSet<String> = packages.iter().flat_map(|package| package.required_features()).collect();
            let mut definition = (*self.0).clone();
            definition.features.extend(required.iter().cloned());
            targets = Benches(Arc::new(definition)).of_packages(&packages, tree)?;
            let all = required.into_iter().collect::<Vec<_>>().join(",");
            say_once(true, &format!("all benches need features that are off: they are on, as by `--features {all}`"));
        }
        let all: Vec<&PackageTarget> = packages.iter().flat_map(|package| &package.targets).collect();
        for (_, target) in &mut targets.targets {
            // Cargo's messages name a target, and not its package.
            let of_that_name = all.iter().filter(|other| other.is_bench() && other.name == target.name);
            if packages.len() > 1 && of_that_name.count() == 1 && !libtest::is_built_so(target) {
                target.together = packages.iter().map(|package| format!("--package={}", package.name)).collect();
            }
        }
        Ok(targets)
    }

    fn of_packages(&self, packages: &[&Package], tree: &Path) -> Result<Targets> {
        let mut targets = Targets::default();
        for package in packages {
            self.of_package(package, tree, &mut targets)?;
        }
        Ok(targets)
    }

    fn of_package(&self, package: &Package, tree: &Path, targets: &mut Targets) -> Result<()> {
        let of_libtest = package.of_libtest()?;
        let is_of_libtest = |target: &PackageTarget| of_libtest.iter().any(|other| std::ptr::eq(*other, target));
        let has_benches = |target: &PackageTarget| {
            let folder = target.src_path.parent().unwrap_or(tree);
            // Not all files of the folder are the program's.
            let mut others = package.targets.iter().filter(|other| !std::ptr::eq(*other, target));
            let is_shared = target.is_program() && others.any(|other| other.src_path.starts_with(folder));
            match is_shared {
                true => libtest::declares_benches(&target.src_path, folder),
                false => libtest::has_benches(folder),
            }
        };
        let is_chosen = |target: &PackageTarget| match target.is_bench() {
            true => package.owns(target),
            false => is_of_libtest(target) && has_benches(target),
        };
        for target in package.targets.iter().filter(|target| is_chosen(target)) {
            self.of_target(package, target, is_of_libtest(target), tree, targets);
        }
        Ok(())
    }

    fn of_target(
        &self,
        package: &Package,
        target: &PackageTarget,
        of_libtest: bool,
        tree: &Path,
        targets: &mut Targets,
    ) {
        let choice = self.0.choice();
        if !choice.has_bench(&target.name) {
            return;
        }
        let mut name = format!("{}/{}", package.name, target.name);
        let of_that_name = || package.targets.iter().filter(|other| other.name == target.name);
        if target.is_library() && of_that_name().any(PackageTarget::is_bench) {
            name += "#lib";
        }
        if target.is_program() && of_that_name().any(|other| other.is_bench() || other.is_library()) {
            name += "#bin";
        }
        let enabled = choice.enabled(package);
        let missing = target.required_features.iter().filter(|feature| !enabled.contains(feature));
        let missing: Vec<&str> = missing.map(String::as_str).collect();
        if !missing.is_empty() {
            let why = format!("it needs features that are off: `--features {}`", missing.join(","));
            targets.skipped.push((name, why));
            return;
        }
        let mut arguments = match of_libtest {
            true => libtest::arguments(package, target),
            false => vec!["bench".to_owned(), "--no-run".to_owned()],
        };
        arguments.push(format!("--manifest-path={}", package.manifest_path.display()));
        arguments.extend(choice.arguments(package));
        let kind = match target {
            target if target.is_bench() => "bench",
            target if target.is_program() => PROGRAM,
            _ => LIBRARY,
        };
        let package = package.folder().strip_prefix(tree).unwrap_or(Path::new("")).to_owned();
        // What a configuration is built of outside of its macros is not part of the stand-in for gungraun, whose
        // attributes are `library_benchmark` and `binary_benchmark`.
        let is_of_gungraun = || fs::read_to_string(&target.src_path).is_ok_and(|text| text.contains("ary_benchmark"));
        let left_out = match of_libtest {
            true => WITH_NIGHTLY,
            false if is_of_gungraun() => WITH_GUNGRAUN,
            false => WITHOUT_ASSAY,
        };
        targets.targets.push((
            name,
            CargoTarget {
                arguments,
                kind,
                name: target.name.clone(),
                package,
                left_out: Some(left_out),
                together: vec![],
            },
        ));
    }
}

/// Says something about a project, and not again for its other side.
fn say_once(is_so: bool, said: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if is_so && SAID.lock().is_ok_and(|mut all| all.insert(said.to_owned())) {
        eprintln!("{said}");
    }
}

impl Recipe for Benches {
    fn resolve(&self, tree: &Path) -> Result<()> {
        lock_file::bring_up_to_date(tree, &self.0.manifest)
    }

    fn targets(&self, tree: &Path) -> Result<Targets> {
        // Cargo names folders as the system does.
        let tree = &tree.canonicalize()?;
        let metadata = Metadata::read(&tree.join(&self.0.manifest))?;
        let lock = metadata.workspace_root.join("Cargo.lock");
        let text = fs::read_to_string(&lock).with_context(|| format!("can't read {}", lock.display()))?;
        // In one place for all builds of the project, so that cargo takes a compiled stand-in from one to the next.
        let home = SourceCheckout::home(&self.0.repository)?;
        fs::create_dir_all(&home).with_context(|| format!("can't create {}", home.display()))?;
        let home = &home.canonicalize()?;
        let mut found = self.of_workspace(&metadata, tree)?;
        match stand_in::patch(&text, home)? {
            Some(configuration) => {
                let configuration = format!("--config={}", configuration.display());
                found.targets.iter_mut().for_each(|(_, target)| target.arguments.push(configuration.clone()));
            }
            None => {
                let others = found.targets.extract_if(.., |(_, target)| !libtest::is_built_so(target));
                found.skipped.extend(others.map(|(name, _)| (name, NO_HARNESS.to_owned())));
            }
        }
        let folder = &tree.join(self.folder());
        let of_libtest = found.targets.iter_mut().filter(|(_, target)| libtest::is_built_so(target));
        of_libtest.map(|(_, target)| target).try_for_each(|target| libtest::link(target, folder, home))?;
        Ok(found)
    }

    fn folder(&self) -> PathBuf {
        self.0.manifest.parent().unwrap_or(Path::new("")).to_owned()
    }

    fn refuses(&self, target: &CargoTarget, program: &Path) -> Result<Option<String>> {
        let refusal = match libtest::is_built_so(target) {
            // One that can't list its benches says why when it is asked for them.
            true => list_cases(&mut Command::new(program)).is_ok_and(|cases| cases.is_empty()).then_some(NO_BENCHES),
            false => (!stand_in::is_worker(program)?).then_some(OTHER_HARNESS),
        };
        Ok(refusal.map(str::to_owned))
    }
}
