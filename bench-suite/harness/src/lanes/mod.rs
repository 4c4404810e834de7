//! The lanes that measure one side: they choose cases, run them, and write records.
//!
//! Every number comes from a process that measures one case, so that one case's allocator, page cache or lazy
//! initialisation can't change another's.

pub mod call_stacks;
pub mod counts;
pub mod criterion_times;
pub mod effect;
pub mod executed_functions;
pub mod load;
pub mod source;
pub mod unsteady;
pub mod worker_times;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baselines::RunWriter;
use episodes::corpus::Corpus;
use tempfile::TempDir;
use workloads::cases::Case;
use workloads::input::{Input, Source};

use crate::build::cargo::OwnProgram;
use crate::progress::Progress;
use crate::workspace;

/// The unit of the cost by function.
pub const UNIT: &str = "instructions";

/// The inputs of a lane.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// The cases.
    pub cases: &'a [Case],
    /// A text that variants must contain, in lanes that measure no cases.
    pub filter: Option<&'a str>,
    /// The overridden toggles.
    pub set: &'a [String],
    /// The source of the child processes' input.
    pub source: &'a Source,
    /// The input.
    pub input: &'a Input,
    /// The programs.
    pub programs: &'a BTreeMap<OwnProgram, PathBuf>,
    /// True for the full profile, with steadier times.
    pub full: bool,
}

impl Plan<'_> {
    /// The file of a program.
    pub fn program(&self, program: OwnProgram) -> Result<&Path> {
        let path = self.programs.get(&program).map(PathBuf::as_path);
        path.with_context(|| format!("cargo built no `{}`", program.target().name))
    }
}

/// An input as a corpus file, in a temporary folder that the first value holds.
pub fn corpus_file(input: &Input) -> Result<(TempDir, PathBuf)> {
    let home = workspace::temporary("corpus-")?;
    let corpus = home.path().join("corpus.jsonl");
    let (source, scripts) = (input.name.clone(), input.scripts.clone());
    episodes::corpus::write(&corpus, &Corpus { source, scripts })?;
    Ok((home, corpus))
}

/// Prints and records that a result is invalid.
pub fn invalid(what: &str, error: &anyhow::Error, writer: &mut RunWriter, progress: &Progress) -> Result<()> {
    progress.say(&format!("invalid: {what}: {error:#}"));
    Ok(writer.invalid(what, format!("{error:#}"))?)
}
