//! A criterion bench of another project as a subject.
//!
//! A round runs one process a side for one benchmark; its value compares the medians of the samples. Criterion
//! measures wall time, so it is judged: the process's CPU time is always the same, as criterion repeats a faster
//! benchmark more often. The only control is a pair of the new side with itself, as another project's bench can't do
//! extra work.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use baselines::paired::Control;
use baselines::{CaseKey, Durability};
use worker::protocol::{Command, Ended, Ready, VERSION, Worked};

use super::definition::Definition;
use super::{Subject, SubjectCase};
use crate::build::cargo::CargoTarget;
use crate::build::checkout::{Build, SourceCheckout};
use crate::build::files;
use crate::build::layouts::Layouts;
use crate::foreign;
use crate::schedule::placement::Placement;
use crate::schedule::program::{Deadlines, Process, Program, Slicing};
use crate::tools::criterion::{CriterionBench, briefly, exactly};

/// A slice counts as this many iterations, so that whole nanoseconds can express an iteration of less than one.
const ITERATIONS: u64 = 1_000_000;

/// Listing runs all benchmarks, so it may take this many times the setup's deadline.
const LISTING_DEADLINES: u32 = 20;

/// A criterion bench of another project.
pub struct ProjectSubject {
    definition: Arc<Definition>,
    filter: Option<String>,
}

impl ProjectSubject {
    /// The bench of a definition; `filter` replaces the definition's.
    pub fn new(definition: Definition, filter: Option<&str>) -> ProjectSubject {
        let filter = filter.map(str::to_owned).or_else(|| definition.filter.clone());
        ProjectSubject { definition: Arc::new(definition), filter }
    }

    /// The project's repository.
    pub fn repository(&self) -> &Path {
        &self.definition.repository
    }

    /// The project's name in reports.
    pub fn name(&self) -> String {
        self.definition.name()
    }

    fn checkout(&self) -> Result<SourceCheckout> {
        let Definition { repository, manifest, bench, features, .. } = &*self.definition;
        let mut arguments =
            vec!["bench".to_owned(), "--no-run".to_owned(), format!("--manifest-path={}", manifest.display())];
        if !features.is_empty() {
            arguments.push(format!("--features={}", features.join(",")));
        }
        Ok(SourceCheckout {
            repository: repository.clone(),
            home: SourceCheckout::home(repository)?,
            target: CargoTarget { arguments, kind: "bench", name: bench.clone() },
            variables: vec![],
            prefill_from: None,
        })
    }

    fn build(&self, build: Result<Build>) -> Result<Build> {
        let build = build?;
        Ok(Build { name: format!("{} of {}", build.name, self.name()), ..build })
    }

    /// One benchmark of a build.
    fn criterion(&self, build: &Build, benchmark: &str, layouts: Option<&Layouts>) -> CriterionProgram {
        let manifest = build.tree.join(&self.definition.manifest);
        CriterionProgram {
            program: build.program.clone(),
            package: manifest.parent().unwrap_or(&build.tree).to_owned(),
            layouts: layouts.cloned(),
            benchmark: benchmark.to_owned(),
            definition: Arc::clone(&self.definition),
        }
    }
}

/// True for a file that a bench does not work on: source is compiled, and a document is read only by a program that
/// has its name.
fn is_no_data(file: &str, program: &[u8]) -> bool {
    let file = Path::new(file);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => true,
        Some("md" | "adoc" | "rst") => !program.windows(name.len()).any(|bytes| bytes == name.as_bytes()),
        _ => ["Cargo.toml", "Cargo.lock", ".gitignore"].contains(&&*name),
    }
}

impl Subject for ProjectSubject {
    fn revision(&self, revision: &str) -> Result<Build> {
        self.build(self.checkout()?.revision(revision))
    }

    fn working_tree(&self) -> Result<Build> {
        self.build(self.checkout()?.working_tree())
    }

    fn same(&self, base: &Build, new: &Build) -> Result<bool> {
        if !files::same(&base.program, &new.program)? {
            return Ok(false);
        }
        let program = &new.program;
        let content = std::fs::read(program).with_context(|| format!("can't read {}", program.display()))?;
        Ok(self.checkout()?.changed_files(base, new)?.iter().all(|file| is_no_data(file, &content)))
    }

    /// Criterion names benchmarks only when it measures them, so each is measured once, briefly.
    fn list(&self, build: &Build) -> Result<Vec<SubjectCase>> {
        let program = self.criterion(build, "", None);
        let deadline = Deadlines::default().ready * LISTING_DEADLINES;
        let names = program.medians(&program.program, self.filter.as_deref(), None, deadline)?;
        let case = |name: String| SubjectCase {
            id: name.clone(),
            set: vec![],
            key: CaseKey { benchmark: name, variant: String::new() },
            operations: ITERATIONS,
            gated: true,
            metric: "wall_time",
            durability: Durability::Unstated,
        };
        Ok(names.into_keys().map(case).collect())
    }

    fn program(&self, build: &Build, case: &SubjectCase, layouts: Option<&Layouts>, _: f64) -> Arc<dyn Program> {
        Arc::new(self.criterion(build, &case.id, layouts))
    }

    fn controls(&self, shared: &[SubjectCase]) -> Option<(SubjectCase, Vec<Control>)> {
        Some((shared.first()?.clone(), vec![Control::Same]))
    }
}

/// One benchmark of a criterion bench.
#[derive(Debug, Clone)]
struct CriterionProgram {
    program: PathBuf,
    package: PathBuf,
    layouts: Option<Layouts>,
    benchmark: String,
    definition: Arc<Definition>,
}

impl CriterionProgram {
    /// The median of each benchmark that matches a filter, ns an iteration.
    fn medians(
        &self,
        program: &Path,
        filter: Option<&str>,
        core: Option<usize>,
        deadline: Duration,
    ) -> Result<BTreeMap<String, f64>> {
        let home = tempfile::Builder::new().prefix("criterion-").tempdir().context("no folder for samples")?;
        let variables = self.definition.environment.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let bench = CriterionBench { program, package: self.package.clone(), variables, core, deadline };
        bench.run(home.path(), briefly(self.definition.effort, filter))?;
        let medians = foreign::medians_ns(home.path())?;
        ensure!(
            !medians.is_empty(),
            "the bench wrote no samples: nothing matches the filter, or `{}` is not a criterion bench (`harness = \
                false`)",
            self.definition.bench
        );
        Ok(medians)
    }
}

impl Program for CriterionProgram {
    fn start(&self, round: Option<usize>, placement: Placement, deadlines: Deadlines) -> Result<Box<dyn Process>> {
        let layout = round.and_then(|round| Some(self.layouts.as_ref()?.path(round)));
        let path = layout.unwrap_or_else(|| self.program.clone());
        Ok(Box::new(CriterionProcess { program: self.clone(), path, placement, deadlines }))
    }

    fn layouts(&self) -> Option<&Layouts> {
        self.layouts.as_ref()
    }

    fn case(&self) -> &str {
        &self.benchmark
    }

    fn slicing(&self) -> Slicing {
        Slicing { warm_up: 0, pairs: 1, operations: Some(ITERATIONS) }
    }
}

/// A slice is a whole process, started on request, so that the processes of both sides alternate.
struct CriterionProcess {
    program: CriterionProgram,
    path: PathBuf,
    placement: Placement,
    deadlines: Deadlines,
}

impl Process for CriterionProcess {
    fn ready(&mut self) -> Result<Ready> {
        let case = self.program.benchmark.clone();
        Ok(Ready {
            protocol: VERSION,
            case,
            variant: String::new(),
            seed: 0,
            input: String::new(),
            counted: ITERATIONS,
        })
    }

    fn slice(&mut self, _: Command) -> Result<Worked> {
        let name = &self.program.benchmark;
        let filter = exactly([name.as_str()].into_iter());
        let medians = self.program.medians(&self.path, Some(&filter), self.placement.core, self.deadlines.slice)?;
        let median_ns = medians.get(name).with_context(|| format!("the bench wrote no sample of {name}"))?;
        let wall_ns = (median_ns * ITERATIONS as f64).round() as u64;
        Ok(Worked { operations: ITERATIONS, wall_ns, ..Worked::default() })
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }

    fn ended(self: Box<Self>) -> Result<Ended> {
        Ok(Ended::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_a_bench_may_read_are_told_from_source_and_documents() {
        let program = b"..README.md..data/words.txt..";
        for file in ["src/lib.rs", "tests/all.rs", "CHANGELOG.md", "docs/guide.adoc", "Cargo.lock", ".gitignore"] {
            assert!(is_no_data(file, program), "{file}");
        }
        for file in ["data/words.txt", "benches/other.json", "README.md", "input"] {
            assert!(!is_no_data(file, program), "{file}");
        }
    }
}
