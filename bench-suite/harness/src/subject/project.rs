//! A cargo package or workspace with benches as a subject, with nothing to edit in it.
//!
//! Its benches are built with a stand-in for criterion, divan, gungraun, iai or bencher ([`stand_in`]), or for libtest
//! ([`libtest`]), so they are workers: every lane measures them as it does the memory's cases. A benchmark has no fixed
//! number of operations, so one operation is timed first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::{fmt, fs};

use anyhow::{Context, Result};
use worker::protocol::CaseListing;
use workloads::input::SEED;

use super::changing_names;
use super::definition::Definition;
use super::sizing::{self, slicing, time};
use super::{Chosen, Subject, SubjectCase, Unsized};
use crate::budget::Budget;
use crate::build::cargo::{CargoTarget, LIBRARY, PROGRAM};
use crate::build::checkout::{Build, Recipe, SourceCheckout, Targets};
use crate::build::libtest;
use crate::build::lock_file;
use crate::build::metadata::{Metadata, Package, PackageTarget};
use crate::build::same_program::is_same_program;
use crate::build::stand_in;
use crate::build::unoptimised::{self, Unoptimised};
use crate::case_command::CaseCommand;
use crate::cores;
use crate::progress::Progress;
use crate::schedule::worker_client::list_cases;

/// The operations of one exact count, where they take little time.
const OPERATIONS: u64 = 20;

/// An operation that takes longer is counted once: under callgrind it takes a hundred times as long and more, and what
/// surrounds it is small beside it.
const COUNTED_ONCE_NS: u64 = 50_000;

/// An operation that takes longer is not counted: two of them would take minutes under callgrind.
const NOT_COUNTED_NS: u64 = 500_000_000;

/// The variables of builds. Symbols tell what is measured from what is around it. The other one is the seed of
/// `const-random`, which would draw a new one in each build.
const VARIABLES: [(&str, &str); 2] = [("CARGO_PROFILE_BENCH_STRIP", "none"), ("CONST_RANDOM_SEED", "assay")];

/// The seed of everything random, as the stand-in takes it.
const SEED_VARIABLE: &str = "ASSAY_SEED";

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

/// What can be done if a bench ends before its benchmarks are known.
const LISTS_NOTHING: &str =
    "`cargo bench` shows if it works without Assay, whose checkout has no files that git ignores";

/// The variable that sets the operations of one exact count.
const OPERATIONS_VARIABLE: &str = "ASSAY_OPERATIONS";

/// A cargo package or workspace.
#[derive(Debug)]
pub struct ProjectSubject {
    definition: Arc<Definition>,
}

impl ProjectSubject {
    /// The benches of a definition.
    pub fn new(definition: Definition) -> ProjectSubject {
        ProjectSubject { definition: Arc::new(definition) }
    }

    fn checkout(&self) -> Result<SourceCheckout> {
        let repository = &self.definition.repository;
        Ok(SourceCheckout {
            repository: repository.clone(),
            home: SourceCheckout::home(repository)?,
            recipe: Arc::new(Benches(Arc::clone(&self.definition))),
            variables: VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            prefill_from: None,
        })
    }

    fn build(&self, build: Result<Build>) -> Result<Build> {
        let build = build?;
        Ok(Build { name: format!("{} of {}", build.name, self.definition.name()), ..build })
    }

    /// The folder of a program's package in the files of a build.
    fn package(build: &Build, program: &str) -> PathBuf {
        build.find(program).map_or_else(|| build.tree.clone(), |program| build.tree.join(&program.package))
    }

    /// The variables of a bench: what cargo gives it, and the definition's.
    fn variables(&self, package: &Path) -> Vec<(String, String)> {
        let own = self.definition.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
        let of_cargo = ("CARGO_MANIFEST_DIR".to_owned(), package.display().to_string());
        [of_cargo, (SEED_VARIABLE.to_owned(), SEED.to_string())].into_iter().chain(own).collect()
    }
}

/// The bench targets of a project as its files are now, and those that are left out.
pub fn benches(definition: &Definition) -> Result<Targets> {
    let metadata = Metadata::read(&definition.repository.join(&definition.manifest))?;
    Benches(Arc::new(definition.clone())).of_workspace(&metadata, &definition.repository)
}

/// Builds the bench targets of a definition with the stand-in.
struct Benches(Arc<Definition>);

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
        let of_libtest = found.targets.iter_mut().filter(|(_, target)| libtest::is_built_so(target));
        of_libtest.map(|(_, target)| target).try_for_each(|target| libtest::link(target, tree, home))?;
        Ok(found)
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

/// Files of other tools and for people. A bench that works on one has its name.
const NO_DATA: [&str; 9] = [
    "Cargo.lock",
    "Cargo.toml",
    "clippy.toml",
    "codecov.yml",
    "deny.toml",
    "justfile",
    "Makefile",
    "rustfmt.toml",
    "typos.toml",
];

/// True for a file that a bench does not work on: source is compiled, and documents, settings of tools and hidden files
/// are read only by a program that has their names.
fn is_no_data(file: &str, program: &[u8]) -> bool {
    let path = Path::new(file);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_hidden = file.split('/').any(|part| part.starts_with('.'));
    let for_people =
        ["LICENSE", "COPYING", "NOTICE", "AUTHORS", "CODEOWNERS"].iter().any(|start| name.starts_with(start));
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => true,
        Some("md" | "adoc" | "rst") => !contains(program, &name),
        _ if is_hidden || for_people || NO_DATA.contains(&&*name) => !contains(program, &name),
        _ => false,
    }
}

fn contains(program: &[u8], name: &str) -> bool {
    program.windows(name.len()).any(|bytes| bytes == name.as_bytes())
}

impl Subject for ProjectSubject {
    fn input(&self) -> Result<(u64, String)> {
        Ok((SEED, format!("bench {}{}", self.definition.name(), self.definition.choice())))
    }

    fn root(&self) -> PathBuf {
        let manifest = self.definition.repository.join(&self.definition.manifest);
        Metadata::read(&manifest)
            .map_or_else(|_| self.definition.repository.clone(), |metadata| metadata.workspace_root)
    }

    fn crates(&self) -> Result<Vec<String>> {
        let metadata = Metadata::read(&self.definition.repository.join(&self.definition.manifest))?;
        let has_benches = |target: &PackageTarget| target.src_path.parent().is_some_and(libtest::has_benches);
        let is_measured = |target: &PackageTarget| {
            target.is_bench() || target.is_library() || target.is_program() && has_benches(target)
        };
        Ok(metadata.crates(is_measured))
    }

    fn revision(&self, revision: &str) -> Result<Build> {
        self.build(self.checkout()?.revision(revision))
    }

    fn working_tree(&self) -> Result<Build> {
        self.build(self.checkout()?.working_tree())
    }

    fn same(&self, base: &Build, new: &Build) -> Result<bool> {
        let names = |build: &Build| build.programs.iter().map(|program| program.name.clone()).collect::<Vec<_>>();
        if names(base) != names(new) || base.skipped != new.skipped {
            return Ok(false);
        }
        let changed = self.checkout()?.changed_files(base, new)?;
        for (before, now) in base.programs.iter().zip(&new.programs) {
            if !is_same_program(&before.path, &now.path)? {
                return Ok(false);
            }
            let content = fs::read(&now.path).with_context(|| format!("can't read {}", now.path.display()))?;
            if !changed.iter().all(|file| is_no_data(file, &content)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn unoptimised(&self, revision: Option<&str>) -> Result<Unoptimised> {
        unoptimised::build(self.checkout()?, revision, &self.crates()?)
    }

    fn list(&self, build: &Build) -> Result<Chosen> {
        let mut listed: Vec<(&str, CaseListing)> = Vec::new();
        let mut broken: Vec<(String, String)> = Vec::new();
        for program in &build.programs {
            let package = ProjectSubject::package(build, &program.name);
            let command = || {
                let mut command = Command::new(&program.path);
                command.current_dir(&package).envs(self.variables(&package));
                command
            };
            match changing_names::list(command) {
                Ok(cases) => listed.extend(cases.into_iter().map(|case| (program.name.as_str(), case))),
                Err(error) => broken.push((program.name.clone(), format!("{error:#}: {LISTS_NOTHING}"))),
            }
        }
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        listed.iter().for_each(|(_, case)| *times.entry(case.benchmark.clone()).or_default() += 1);
        let mut chosen = Chosen::listed(listed.into_iter().map(|(program, mut case)| {
            // Two benches may use one name.
            case.variant = if times[&case.benchmark] > 1 { format!("bench={program}") } else { String::new() };
            case.gated = true;
            (program, case)
        }));
        chosen.left_out.extend(broken);
        Ok(chosen)
    }

    fn choose(&self, listed: &[SubjectCase], filter: Option<&str>, set: &[String]) -> Result<Chosen> {
        Chosen::without_toggles(
            listed,
            filter.or(self.definition.filter.as_deref()),
            set,
            "benches of other projects have none",
        )
    }

    fn size(&self, build: &Build, cases: &mut Vec<SubjectCase>, budget: Budget) -> Unsized {
        let progress = Progress::start("sizes", cases.len());
        let times = cores::on_each(cases, |core, case| {
            let time = time(self, build, case, core, budget);
            progress.done(&case.label());
            time
        });
        sizing::set(cases, times, |case, time_ns| {
            case.operations = match time_ns {
                0..COUNTED_ONCE_NS => OPERATIONS,
                COUNTED_ONCE_NS..NOT_COUNTED_NS => 1,
                _ => 0,
            };
            case.slicing = slicing(time_ns);
        })
    }

    fn command(&self, build: &Build, case: &SubjectCase) -> CaseCommand {
        let package = ProjectSubject::package(build, &case.program);
        let mut variables = self.variables(&package);
        variables.push((OPERATIONS_VARIABLE.to_owned(), case.operations.max(1).to_string()));
        let program = build.find(&case.program).map(|program| program.path.clone()).unwrap_or_default();
        CaseCommand { program, case: case.id.clone(), variables, folder: Some(package), ..CaseCommand::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_a_bench_may_read_are_told_from_source_and_documents() {
        let program = b"..README.md..data/words.txt..LICENSE..";
        for file in [
            "src/lib.rs",
            "tests/all.rs",
            "CHANGELOG.md",
            "docs/guide.adoc",
            "Cargo.lock",
            ".gitignore",
            ".github/ci.yml",
            "LICENSE-MIT",
        ] {
            assert!(is_no_data(file, program), "{file}");
        }
        for file in ["data/words.txt", "benches/other.json", "README.md", "input", "LICENSE"] {
            assert!(!is_no_data(file, program), "{file}");
        }
    }
}
