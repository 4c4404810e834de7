//! A cargo package or workspace with benches as a subject, with nothing to edit in it.
//!
//! Its benches ([`bench_targets`]) are workers: every lane measures them as it does the memory's cases. A benchmark has
//! no fixed number of operations, so one operation is timed first.
//!
//! [`bench_targets`]: super::bench_targets

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use worker::protocol::CaseListing;
use workloads::input::SEED;

use super::bench_targets::{self, Benches};
use super::changing_names;
use super::definition::Definition;
use super::files_without_data::is_no_data;
use super::sizing::{self, slicing, time};
use super::{Chosen, Subject, SubjectCase, Unsized};
use crate::budget::Budget;
use crate::build::checkout::{Build, SourceCheckout};
use crate::build::libtest;
use crate::build::metadata::{Metadata, PackageTarget};
use crate::build::same_program::is_same_program;
use crate::build::unoptimised::{self, Unoptimised};
use crate::case_command::CaseCommand;
use crate::cores;
use crate::progress::Progress;

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

    fn self_contained(&self) -> Result<()> {
        bench_targets::self_contained(&self.definition)
    }

    fn revision(&self, revision: &str) -> Result<Build> {
        self.build(self.checkout()?.revision(revision))
    }

    fn working_tree(&self) -> Result<Build> {
        self.self_contained()?;
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

    fn choose(&self, listed: &[SubjectCase], filter: Option<&str>, _: &[String]) -> Result<Chosen> {
        Ok(Chosen::without_toggles(listed, filter.or(self.definition.filter.as_deref())))
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
