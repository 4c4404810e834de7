//! Any program that speaks the worker protocol as a subject, in any language: `worker = "python3 worker.py"` in a
//! project's file.
//!
//! It lists its cases and serves slices as every worker does. Exact counts need a compiled one with the function that
//! they are taken below; an interpreter has none, so its cases are timed alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use worker::slice::ROOT;
use workloads::input::SEED;

use super::command_lines::CommandLines;
use super::definition::Definition;
use super::sizing::{self, slicing, time};
use super::{Chosen, Counting, Subject, SubjectCase, Unsized};
use crate::budget::Budget;
use crate::build::checkout::Build;
use crate::case_command::CaseCommand;
use crate::schedule::worker_client::list_cases;
use crate::words;

/// A worker that a file names.
#[derive(Debug)]
pub struct WorkerSubject {
    definition: Definition,
    lines: CommandLines,
}

impl WorkerSubject {
    /// The worker of a definition, which is this line.
    pub fn new(definition: Definition, line: String) -> WorkerSubject {
        let lines = CommandLines {
            repository: definition.repository.clone(),
            folder: definition.manifest.parent().unwrap_or(Path::new("")).to_owned(),
            build: definition.build.clone(),
            lines: vec![line],
        };
        WorkerSubject { definition, lines }
    }

    fn named(&self, build: Build) -> Build {
        Build { name: format!("{} of {}", build.name, self.definition.name()), ..build }
    }
}

/// True for a document beside the source, as no worker reads it.
fn is_document(file: &str) -> bool {
    let path = Path::new(file);
    let is_text = path.extension().is_some_and(|extension| ["md", "rst", "adoc"].iter().any(|it| extension == *it));
    let folder = path.parent().unwrap_or(path);
    is_text && [Path::new(""), Path::new("doc"), Path::new("docs")].contains(&folder)
}

impl Subject for WorkerSubject {
    fn input(&self) -> Result<(u64, String)> {
        Ok((SEED, format!("worker {}", self.definition.name())))
    }

    fn root(&self) -> PathBuf {
        self.lines.root()
    }

    fn revision(&self, revision: &str) -> Result<Build> {
        Ok(self.named(self.lines.revision(revision)?))
    }

    fn working_tree(&self) -> Result<Build> {
        Ok(self.named(self.lines.working_tree()?))
    }

    fn same(&self, base: &Build, new: &Build) -> Result<bool> {
        let changed = self.lines.changed_files(base, new)?;
        Ok(changed.is_some_and(|files| files.iter().all(|file| is_document(file))))
    }

    fn list(&self, build: &Build) -> Result<Chosen> {
        let any = self.command_of(build, "");
        let mut command = Command::new(&any.program);
        command.args(&any.arguments).envs(any.variables).current_dir(self.lines.folder_of(build));
        let listed = list_cases(&mut command).with_context(|| build.name.clone())?;
        Ok(Chosen::listed(listed.into_iter().map(|case| (self.lines.lines[0].as_str(), case))))
    }

    fn choose(&self, listed: &[SubjectCase], filter: Option<&str>, _: &[String]) -> Result<Chosen> {
        Ok(Chosen::without_toggles(listed, filter.or(self.definition.filter.as_deref())))
    }

    fn size(&self, build: &Build, cases: &mut Vec<SubjectCase>, budget: Budget) -> Unsized {
        let times = cases.iter().map(|case| time(self, build, case, None, budget)).collect();
        sizing::set(cases, times, |case, time_ns| case.slicing = slicing(time_ns))
    }

    fn counting(&self) -> Counting {
        if self.definition.counts {
            return Counting::Worker;
        }
        Counting::No(format!(
            "a count is taken below the function `{ROOT}` of a compiled worker: one that has it says `counts = true`"
        ))
    }

    fn command(&self, build: &Build, case: &SubjectCase) -> CaseCommand {
        self.command_of(build, &case.id)
    }
}

impl WorkerSubject {
    fn command_of(&self, build: &Build, case: &str) -> CaseCommand {
        // The words were split when the program was found.
        let words = words::split(&self.lines.lines[0]).unwrap_or_default();
        let environment = &self.definition.environment;
        CaseCommand {
            program: build.program().to_owned(),
            arguments: words.into_iter().skip(1).collect(),
            case: case.to_owned(),
            variables: environment.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            folder: Some(self.lines.folder_of(build)),
            ..CaseCommand::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_beside_the_source_are_told_from_what_a_worker_may_read() {
        for file in ["README.md", "docs/guide.rst", "doc/a.adoc"] {
            assert!(is_document(file), "{file}");
        }
        for file in ["worker.py", "data/words.md", "docs/data/a.md", "requirements.txt", "LICENSE"] {
            assert!(!is_document(file), "{file}");
        }
    }
}
