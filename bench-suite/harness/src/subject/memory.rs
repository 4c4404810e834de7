//! The reference memory of this tree as a subject: its worker at any revision, and its cases.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use baselines::paired::Control;
use workloads::cases::{self, Case, Tag};
use workloads::input::Source;

use super::{Chosen, Subject, SubjectCase};
use crate::build::cargo::{self, OwnProgram};
use crate::build::checkout::{Build, BuiltProgram, SourceCheckout};
use crate::build::metadata::Metadata;
use crate::build::relink::Relink;
use crate::build::same_program::is_same_program;
use crate::build::unoptimised::{self, Unoptimised};
use crate::case_command::CaseCommand;
use crate::recorded::Recorded;
use crate::schedule::jobs::SLOWER_PERCENT;
use crate::schedule::worker_client::list_cases;
use crate::schedule::worker_program::Slicing;
use crate::workspace;

/// The memory's worker and its input.
#[derive(Debug, Clone)]
pub struct MemorySubject {
    /// The episodes and the seed.
    pub source: Source,
}

/// The name of its program.
const WORKER: &str = "assay-worker";

/// The flags that make a second build of one source differ: symbols get other hashes, and code another placement.
const REBUILT: (&str, &str) = ("RUSTFLAGS", "-C metadata=rebuilt");

/// Two builds of a program of this tree at a revision. They differ without a change of the source.
pub fn two_builds(program: OwnProgram, revision: &str) -> Result<[Build; 2]> {
    let checkout = checkout(program)?;
    let variables = vec![(REBUILT.0.to_owned(), REBUILT.1.to_owned())];
    let again = SourceCheckout { variables, prefill_from: None, ..checkout.clone() };
    Ok([checkout.revision(revision)?, again.revision(revision)?])
}

fn checkout(program: OwnProgram) -> Result<SourceCheckout> {
    let mut target = program.target();
    target.arguments.push("--locked".to_owned());
    let repository = workspace::root();
    Ok(SourceCheckout {
        home: SourceCheckout::home(&repository)?,
        repository,
        recipe: Arc::new(target),
        variables: vec![],
        prefill_from: Some(workspace::target()),
    })
}

impl MemorySubject {
    fn checkout(&self) -> Result<SourceCheckout> {
        checkout(OwnProgram::Worker)
    }

    /// The worker of this tree as built, in one layout.
    pub fn built(&self) -> Result<Build> {
        self.in_place(cargo::build_one(OwnProgram::Worker)?)
    }

    /// A program of this tree that stays where it was built.
    pub fn in_place(&self, program: PathBuf) -> Result<Build> {
        Ok(Build {
            name: "this tree".to_owned(),
            commit: String::new(),
            dirty: true,
            rustc: String::new(),
            folder: program.parent().context("a program lies in a folder")?.to_owned(),
            programs: vec![BuiltProgram {
                name: WORKER.to_owned(),
                path: program,
                layouts: Err("this build has one layout".to_owned()),
                package: PathBuf::new(),
                in_place: None,
            }],
            skipped: vec![],
            tree: workspace::root(),
            source: String::new(),
            used: None,
        })
    }

    /// The same, in a new layout for each round.
    pub fn relinkable(&self) -> Result<Build> {
        let mut built = self.built()?;
        built.programs[0].layouts = Relink::of_this_tree(OwnProgram::Worker, built.program())?;
        Ok(built)
    }

    /// A subject's case for a case of the list, with toggles overridden.
    pub fn case(case: &Case, set: &[String]) -> SubjectCase {
        SubjectCase {
            program: WORKER.to_owned(),
            id: case.id.to_owned(),
            set: set.to_vec(),
            key: case.key(),
            operations: case.benchmark.operations,
            gated: case.has(Tag::Gated),
            metric: case.deciding_metric(),
            durability: case.durability(),
            slicing: Slicing::OF_WORKERS,
        }
    }
}

impl Subject for MemorySubject {
    fn input(&self) -> Result<(u64, String)> {
        let input = self.source.load(1)?;
        Ok((input.seed, input.name))
    }

    fn root(&self) -> PathBuf {
        workspace::root()
    }

    fn crates(&self) -> Result<Vec<String>> {
        let metadata = Metadata::read(&self.root().join("Cargo.toml"))?;
        Ok(metadata.crates(|target| target.is_library() || target.kind.iter().any(|kind| kind == "bin")))
    }

    fn revision(&self, revision: &str) -> Result<Build> {
        self.checkout()?.revision(revision)
    }

    fn working_tree(&self) -> Result<Build> {
        self.checkout()?.working_tree()
    }

    fn same(&self, base: &Build, new: &Build) -> Result<bool> {
        is_same_program(base.program(), new.program())
    }

    fn unoptimised(&self, revision: Option<&str>) -> Result<Unoptimised> {
        unoptimised::build(self.checkout()?, revision, &self.crates()?)
    }

    fn list(&self, build: &Build) -> Result<Chosen> {
        let listed = list_cases(&mut Command::new(build.program())).with_context(|| build.name.clone())?;
        Ok(Chosen::listed(listed.into_iter().map(|case| (WORKER, case))))
    }

    /// From this tree's list, which says more than a worker does.
    fn choose(&self, _: &[SubjectCase], filter: Option<&str>, set: &[String]) -> Result<Chosen> {
        let selected = cases::select(filter, set)?;
        let cases = selected.cases.iter().map(|case| MemorySubject::case(case, set)).collect();
        Ok(Chosen { cases, left_out: selected.left_out })
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn command(&self, build: &Build, case: &SubjectCase) -> CaseCommand {
        let variables = self.source.variables().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let (program, case, set) = (build.program().to_owned(), case.id.clone(), case.set.clone());
        CaseCommand { program, case, set, variables, ..CaseCommand::default() }
    }

    fn controls(&self, _: &[SubjectCase]) -> Option<(SubjectCase, Vec<Control>)> {
        let control = cases::LISTED.iter().find(|listed| listed.has(Tag::Control))?;
        let case = Self::case(&control.resolve(&[]).ok()?, &[]);
        Some((case, vec![Control::Same, Control::Slower { percent: SLOWER_PERCENT }]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_of_the_worker_is_the_projects() {
        let crates = MemorySubject { source: Source::default() }.crates().expect("cargo knows them");
        for name in ["memory", "episodes", "corpus", "workloads", "worker", "assay_worker"] {
            assert!(crates.iter().any(|known| known == name), "{name} is taken for a library: {crates:?}");
        }
    }
}
