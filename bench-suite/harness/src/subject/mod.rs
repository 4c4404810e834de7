//! What can be gated: something with benchmarks that can be built at a revision, whose programs take part in rounds.
//!
//! [`memory`] is the reference memory of this tree; [`project`] is a criterion bench of another project, which a file
//! describes ([`definition`]).

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

/// A case as both sides are asked for it.
#[derive(Debug, Clone, PartialEq)]
pub struct SubjectCase {
    /// How the program is told.
    pub id: String,
    /// Toggles that are set otherwise than the program's list says.
    pub set: Vec<String>,
    /// How records name it.
    pub key: CaseKey,
    /// Operations of one exact count: two sides that differ in it can't be compared.
    pub operations: u64,
    /// The metric that decides.
    pub metric: &'static str,
    /// What a write survives.
    pub durability: Durability,
}

/// Something with benchmarks that can be built at a revision.
pub trait Subject {
    /// Builds a revision, or finds it built.
    fn revision(&self, revision: &str) -> Result<Build>;

    /// Builds the working tree.
    fn working_tree(&self) -> Result<Build>;

    /// The cases of a build.
    fn list(&self, build: &Build) -> Result<Vec<SubjectCase>>;

    /// The program that does the work of a case; in the layouts, where there are any, with `extra_percent` more work
    /// than is asked for.
    fn program(
        &self,
        build: &Build,
        case: &SubjectCase,
        layouts: Option<&Layouts>,
        extra_percent: f64,
    ) -> Arc<dyn Program>;

    /// The case on which controls run, and the controls that the subject can have; `shared` are the cases that both
    /// sides have.
    fn controls(&self, shared: &[SubjectCase]) -> Option<(SubjectCase, Vec<Control>)>;
}
