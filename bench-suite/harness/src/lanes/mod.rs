//! The lanes that measure one side: which cases, in which order, how many at once, and what becomes a record.
//!
//! Every number comes out of a process that measures one case, so that an allocator, a page cache or a lazy
//! initialisation of one case can't bend another's.

pub mod call_stacks;
pub mod counts;
pub mod effect;
pub mod load;
pub mod time;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baselines::RunWriter;
use memory::corpus::Corpus;
use tempfile::TempDir;
use workloads::cases::Case;
use workloads::input::{Input, Source};

use crate::build::cargo::OwnProgram;
use crate::progress::Progress;
use crate::workspace;

/// What costs by function count.
pub const UNIT: &str = "instructions";

/// What is measured of one side.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// The cases.
    pub cases: &'a [Case],
    /// Only what contains this text, of lists that are no cases.
    pub filter: Option<&'a str>,
    /// Toggles that are set otherwise than in the list of cases.
    pub set: &'a [String],
    /// How often each case is counted.
    pub repeat: u32,
    /// Where child processes get their input.
    pub source: &'a Source,
    /// The input.
    pub input: &'a Input,
    /// The programs.
    pub programs: &'a BTreeMap<OwnProgram, PathBuf>,
    /// Longer, with steadier times.
    pub full: bool,
}

impl Plan<'_> {
    /// The file of a program.
    pub fn program(&self, program: OwnProgram) -> Result<&Path> {
        let path = self.programs.get(&program).map(PathBuf::as_path);
        path.with_context(|| format!("the build made no `{}`", program.target().name))
    }

    /// Says and records that something can't be believed.
    pub fn invalid(
        &self,
        what: &str,
        error: &anyhow::Error,
        writer: &mut RunWriter,
        progress: &Progress,
    ) -> Result<()> {
        progress.say(&format!("invalid: {what}: {error:#}"));
        Ok(writer.invalid(what, format!("{error:#}"))?)
    }

    /// The input as a corpus file, in a folder that ends with the first of the two.
    pub fn corpus(&self) -> Result<(TempDir, PathBuf)> {
        let home = workspace::temporary("corpus-")?;
        let corpus = home.path().join("corpus.jsonl");
        let (source, scripts) = (self.input.name.clone(), self.input.scripts.clone());
        memory::corpus::write(&corpus, &Corpus { source, scripts })?;
        Ok((home, corpus))
    }
}
