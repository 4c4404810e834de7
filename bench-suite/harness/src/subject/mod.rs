//! The subjects of the gate: programs with benchmarks that can be built at a revision, and speak the worker protocol.
//!
//! [`memory`] is the reference memory of this tree; [`project`] is any cargo package or workspace with benches
//! ([`bench_targets`]), which a file may describe ([`definition`]) and cargo's own arguments choose ([`cargo_choice`]);
//! they may lie [`elsewhere`].
//! Three are `command_lines`: [`worker`] is any other program that speaks the protocol, [`command`] any program at
//! all, and [`server`] one that answers requests.

pub mod bench_targets;
pub mod cargo_choice;
mod changing_names;
pub mod command;
mod command_lines;
pub mod definition;
pub mod elsewhere;
mod files_without_data;
pub mod memory;
pub mod project;
pub mod server;
mod sizing;
pub mod worker;

use std::path::{Path, PathBuf};

use ::worker::protocol::CaseListing;
use anyhow::{Result, bail, ensure};
use baselines::paired::Control;
use baselines::{CaseKey, Durability};
use workloads::input::Source;

use self::cargo_choice::CargoChoice;
use self::definition::Definition;
use self::memory::MemorySubject;
use self::project::ProjectSubject;
use self::worker::WorkerSubject;
use crate::budget::Budget;
use crate::build::checkout::Build;
use crate::build::left_out::nothing_listed;
use crate::build::unoptimised::Unoptimised;
use crate::case_command::CaseCommand;
use crate::recorded;
use crate::schedule::worker_program::Slicing;
use crate::workspace;

/// The subject of this folder: the memory in its own tree, elsewhere what is `asked` for of a package or workspace.
pub fn here(source: Source, asked: CargoChoice) -> Result<Box<dyn Subject>> {
    if workspace::has_the_memory() {
        ensure!(asked.is_empty(), "{}", cargo_choice::OF_OTHERS);
        return Ok(Box::new(MemorySubject { source }));
    }
    let plain = elsewhere::of_folder(Path::new("."))?;
    let definition = plain.file().map(|file| Definition::read(&file)).transpose()?.unwrap_or(plain);
    Ok(of(definition.with(asked)?))
}

/// The subject of a definition: the worker that it names, or benches.
pub fn of(definition: Definition) -> Box<dyn Subject> {
    match definition.worker.clone() {
        Some(line) => Box::new(WorkerSubject::new(definition, line)),
        None => Box::new(ProjectSubject::new(definition)),
    }
}

/// A case for both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct SubjectCase {
    /// The name of its program.
    pub program: String,
    /// The identifier, as the program takes it.
    pub id: String,
    /// The overridden toggles.
    pub set: Vec<String>,
    /// The key in records.
    pub key: CaseKey,
    /// Operations of one exact count: sides that differ in it are not compared. 0 if it takes too long to be counted.
    pub operations: u64,
    /// A gate times it, also if nobody selects it.
    pub gated: bool,
    /// The metric that is judged.
    pub metric: &'static str,
    /// The failure that a write survives.
    pub durability: Durability,
    /// The slices of a process in a round.
    pub slicing: Slicing,
}

impl SubjectCase {
    /// The name for people.
    pub fn label(&self) -> String {
        recorded::label(&self.key)
    }

    /// True if both are one case of one program.
    pub fn is(&self, other: &SubjectCase) -> bool {
        self.program == other.program && self.id == other.id
    }
}

/// The cases that a selection leaves, and those that it leaves out with the reason.
#[derive(Debug, Default)]
pub struct Chosen {
    /// The cases.
    pub cases: Vec<SubjectCase>,
    /// Names, and why they are left out.
    pub left_out: Vec<(String, String)>,
}

impl Chosen {
    /// The cases that programs list, with the program of each; what a program skips is left out.
    fn listed<'a>(listed: impl IntoIterator<Item = (&'a str, CaseListing)>) -> Chosen {
        let mut chosen = Chosen::default();
        for (program, case) in listed {
            if let Some(why) = case.skipped {
                chosen.left_out.push((case.benchmark, why));
                continue;
            }
            chosen.cases.push(SubjectCase {
                program: program.to_owned(),
                id: case.id,
                set: vec![],
                key: CaseKey { benchmark: case.benchmark, variant: case.variant },
                operations: case.operations,
                gated: case.gated,
                metric: "cpu_time",
                durability: Durability::Unstated,
                slicing: Slicing::OF_WORKERS,
            });
        }
        chosen
    }

    /// The cases that a filter selects, of a subject that has no toggles.
    fn without_toggles(listed: &[SubjectCase], filter: Option<&str>) -> Chosen {
        let cases = listed.iter().filter(|case| recorded::selects(filter, &case.id, &case.key)).cloned().collect();
        Chosen { cases, left_out: vec![] }
    }
}

/// There is nothing to measure.
#[derive(Debug, thiserror::Error)]
pub enum NothingToMeasure {
    /// Nothing has the text of a filter in its name.
    #[error("no benchmark has `{0}` in its name: `assay run --list` shows all names")]
    Selected(String),
    /// The programs list no case, for this reason.
    #[error("{0}")]
    Listed(String),
}

impl NothingToMeasure {
    /// The error, if no build lists a case, with the reasons of the first one; or if a filter selects none of what they
    /// list, nor of what is left out of it.
    pub fn of(filter: Option<&str>, listed: &[(&Build, &Chosen)]) -> Result<(), NothingToMeasure> {
        match listed {
            [(build, chosen), ..] if listed.iter().all(|(_, chosen)| chosen.cases.is_empty()) => {
                let reasons = [&build.skipped[..], &chosen.left_out].concat();
                return Err(NothingToMeasure::Listed(nothing_listed(&build.name, &reasons)));
            }
            _ => {}
        }
        let Some(filter) = filter else { return Ok(()) };
        let is_there = |(_, listed): &(&Build, &Chosen)| {
            listed.cases.iter().any(|case| recorded::selects(Some(filter), &case.id, &case.key))
                || listed.left_out.iter().any(|(name, _)| name.contains(filter))
        };
        if listed.iter().any(is_there) { Ok(()) } else { Err(NothingToMeasure::Selected(filter.to_owned())) }
    }
}

/// The cases without a known size.
#[derive(Debug, Default)]
pub struct Unsized {
    /// Those that fail, and why.
    pub failed: Vec<(SubjectCase, String)>,
    /// The number of those for which there was no time.
    pub too_late: usize,
}

/// The exact counts that a subject's programs allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counting {
    /// A worker counts the operations of a case.
    Worker,
    /// The instructions of a whole process are counted.
    Process,
    /// None, for this reason.
    No(String),
}

/// Something with benchmarks that can be built at a revision.
pub trait Subject: Sync {
    /// The name of the input in the environment of a run, and its seed.
    fn input(&self) -> Result<(u64, String)>;

    /// The folder of the source's `Cargo.toml` and `Cargo.lock`, in a git repository.
    fn root(&self) -> PathBuf;

    /// The crates of the source, as symbols name them.
    fn crates(&self) -> Result<Vec<String>> {
        Ok(vec![])
    }

    /// Refuses a working tree that can't be built from what git has of it, before anything is built.
    fn self_contained(&self) -> Result<()> {
        Ok(())
    }

    /// Builds a revision, or takes it from the cache.
    fn revision(&self, revision: &str) -> Result<Build>;

    /// Builds the working tree.
    fn working_tree(&self) -> Result<Build>;

    /// True if both builds are one program that works on the same data.
    fn same(&self, base: &Build, new: &Build) -> Result<bool>;

    /// A revision, or the working tree, compiled without optimisation.
    fn unoptimised(&self, _revision: Option<&str>) -> Result<Unoptimised> {
        bail!("it is built in one way only")
    }

    /// The cases of a build, and those that can't be measured.
    fn list(&self, build: &Build) -> Result<Chosen>;

    /// The cases of the new side that a filter selects, with toggles overridden, if the subject has some.
    fn choose(&self, listed: &[SubjectCase], filter: Option<&str>, set: &[String]) -> Result<Chosen>;

    /// Sets the operations of exact counts, and the slices of rounds, for cases whose program does not say: from what
    /// an operation of this build takes. Cases for which that is not known are taken out.
    fn size(&self, _build: &Build, _cases: &mut Vec<SubjectCase>, _budget: Budget) -> Unsized {
        Unsized::default()
    }

    /// True if equal programs count alike in every run, so that a difference is the change's doing.
    fn is_exact(&self) -> bool {
        false
    }

    /// The exact counts that its programs allow.
    fn counting(&self) -> Counting {
        Counting::Worker
    }

    /// How a build's program runs a case.
    fn command(&self, build: &Build, case: &SubjectCase) -> CaseCommand;

    /// The case on which the controls run, and the controls that the subject supports; `shared` are the cases of both
    /// sides.
    fn controls(&self, shared: &[SubjectCase]) -> Option<(SubjectCase, Vec<Control>)> {
        sizing::both_controls(shared)
    }
}
