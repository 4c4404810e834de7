//! The subjects of the gate: programs with benchmarks that can be built at a revision and run in rounds.
//!
//! [`memory`] is the reference memory of this tree; [`project`] is a criterion bench of another project, described by a
//! file ([`definition`]).

pub mod definition;
pub mod memory;
pub mod project;

use std::sync::Arc;

use anyhow::Result;
use baselines::paired::Control;
use baselines::{CaseKey, Durability};

use crate::build::checkout::Build;
use crate::build::layouts::Layouts;
use crate::schedule::program::Program;

/// A case for both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct SubjectCase {
    /// The identifier, as the program takes it.
    pub id: String,
    /// The overridden toggles.
    pub set: Vec<String>,
    /// The key in records.
    pub key: CaseKey,
    /// Operations of one exact count: sides that differ in it are not compared.
    pub operations: u64,
    /// A gate times it, also if nobody selects it.
    pub gated: bool,
    /// The metric that is judged.
    pub metric: &'static str,
    /// The failure that a write survives.
    pub durability: Durability,
}

/// Something with benchmarks that can be built at a revision.
pub trait Subject {
    /// Builds a revision, or takes it from the cache.
    fn revision(&self, revision: &str) -> Result<Build>;

    /// Builds the working tree.
    fn working_tree(&self) -> Result<Build>;

    /// True if both builds are one program that works on the same data.
    fn same(&self, base: &Build, new: &Build) -> Result<bool>;

    /// The cases of a build.
    fn list(&self, build: &Build) -> Result<Vec<SubjectCase>>;

    /// The program that runs a case, with `extra_percent` of extra work, and in a new layout for each round if
    /// `layouts` are given.
    fn program(
        &self,
        build: &Build,
        case: &SubjectCase,
        layouts: Option<&Layouts>,
        extra_percent: f64,
    ) -> Arc<dyn Program>;

    /// The case on which the controls run, and the controls that the subject supports; `shared` are the cases of both
    /// sides.
    fn controls(&self, shared: &[SubjectCase]) -> Option<(SubjectCase, Vec<Control>)>;
}
