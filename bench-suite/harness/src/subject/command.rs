//! Any command as a subject: `target/release/tool big.json`, built and run in the checkout of each side.
//!
//! An operation is a whole process, which this program's own worker for commands runs ([`process`]). Two runs
//! before that show that each side works, what it prints, and how long it takes.
//!
//! [`process`]: crate::served::process

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use baselines::paired::Control;
use baselines::{CaseKey, Durability};
use parking_lot::Mutex;

use super::command_lines::CommandLines;
use super::sizing::{both_controls, slicing};
use super::{Chosen, Counting, Subject, SubjectCase};
use crate::build::checkout::Build;
use crate::build::metadata::Metadata;
use crate::case_command::CaseCommand;
use crate::schedule::deadlines::Deadlines;
use crate::schedule::worker_program::Slicing;
use crate::tools::bounded;
use crate::words;

/// The subcommand of this program that serves a command: see [`crate::served::process::serve`].
pub const SERVE: &str = "serve-command";

/// Commands of a repository.
#[derive(Debug)]
pub struct CommandSubject {
    lines: CommandLines,
    same_output: bool,
    /// This program.
    program: PathBuf,
    /// By line.
    tried: Mutex<BTreeMap<String, Tried>>,
    notes: Mutex<Vec<String>>,
}

/// What the runs of a command showed.
#[derive(Debug, Default)]
struct Tried {
    /// Hashes of what it printed.
    printed: Vec<u64>,
    /// The shortest time of a run.
    time_ns: Option<u64>,
}

impl CommandSubject {
    /// Command lines of this folder's repository, and the shell command that builds them here. With `same_output`, both
    /// sides must print the same.
    pub fn new(lines: Vec<String>, build: Option<String>, same_output: bool) -> Result<CommandSubject> {
        let lines = CommandLines::here(lines, build)?;
        let program = std::env::current_exe().context("can't find this program")?;
        Ok(CommandSubject { lines, same_output, program, tried: Mutex::default(), notes: Mutex::default() })
    }

    /// The repository's root folder.
    pub fn repository(&self) -> &PathBuf {
        &self.lines.repository
    }

    /// What is worth saying of what was printed.
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().clone()
    }

    /// Runs a command once: a hash of what it prints, and its time, ns.
    fn run(&self, build: &Build, line: &str) -> Result<(u64, u64)> {
        let (words, folder) = (words::split(line)?, self.lines.folder_of(build));
        let program = build.find(line).context("every command has a program")?;
        let (what, limit) = (format!("`{line}` of {}", build.name), Deadlines::default().slice);
        let began = Instant::now();
        let output = bounded::output(Command::new(&program.path).args(&words[1..]).current_dir(folder), &what, limit)?;
        let time_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let said = bounded::last_lines(&[], &output.stderr);
        ensure!(output.status.success(), "{what} ended with {}: {said}", output.status);
        Ok((memory::hash::fnv1a(&output.stdout), time_ns))
    }

    /// Tries a side's command: it must work, and may print what the other side does. Returns its time, ns.
    fn try_out(&self, build: &Build, line: &str) -> Result<u64> {
        let [(first, cold_ns), (again, warm_ns)] = [self.run(build, line)?, self.run(build, line)?];
        let mut tried = self.tried.lock();
        let tried = tried.entry(line.to_owned()).or_default();
        let varies = first != again;
        if tried.printed.iter().any(|other| *other != first) {
            ensure!(varies || !self.same_output, "`{line}` prints something else than in the base (`--same-output`)");
            let than = if varies { "each time it runs" } else { "than in the base" };
            self.notes.lock().push(format!("`{line}` prints something else {than}"));
        }
        tried.printed.push(first);
        let time_ns = cold_ns.min(warm_ns);
        tried.time_ns = Some(tried.time_ns.map_or(time_ns, |other| other.min(time_ns)));
        Ok(time_ns)
    }
}

impl Subject for CommandSubject {
    fn input(&self) -> Result<(u64, String)> {
        Ok((0, "commands".to_owned()))
    }

    fn root(&self) -> PathBuf {
        self.lines.root()
    }

    fn crates(&self) -> Result<Vec<String>> {
        let manifest = self.root().join("Cargo.toml");
        let Ok(metadata) = Metadata::read(&manifest) else { return Ok(vec![]) };
        Ok(metadata.crates(|_| true))
    }

    fn revision(&self, revision: &str) -> Result<Build> {
        self.lines.revision(revision)
    }

    fn working_tree(&self) -> Result<Build> {
        self.lines.working_tree()
    }

    /// A command may read any file.
    fn same(&self, base: &Build, new: &Build) -> Result<bool> {
        Ok(self.lines.changed_files(base, new)?.is_some_and(|files| files.is_empty()))
    }

    fn list(&self, build: &Build) -> Result<Chosen> {
        let mut chosen = Chosen::default();
        for line in &self.lines.lines {
            let time_ns = self.try_out(build, line)?;
            chosen.cases.push(SubjectCase {
                program: line.clone(),
                id: line.clone(),
                set: vec![],
                key: CaseKey { benchmark: line.clone(), variant: String::new() },
                operations: 1,
                gated: true,
                metric: "cpu_time",
                durability: Durability::Unstated,
                slicing: Slicing { operations: Some(1), ..slicing(time_ns) },
            });
        }
        Ok(chosen)
    }

    fn choose(&self, listed: &[SubjectCase], filter: Option<&str>, _: &[String]) -> Result<Chosen> {
        Ok(Chosen::without_toggles(listed, filter))
    }

    fn counting(&self) -> Counting {
        Counting::Process
    }

    fn command(&self, build: &Build, case: &SubjectCase) -> CaseCommand {
        CaseCommand {
            program: self.program.clone(),
            arguments: vec![SERVE.to_owned()],
            case: case.id.clone(),
            folder: Some(self.lines.folder_of(build)),
            ..CaseCommand::default()
        }
    }

    fn controls(&self, shared: &[SubjectCase]) -> Option<(SubjectCase, Vec<Control>)> {
        let tried = self.tried.lock();
        let quickest = shared.iter().min_by_key(|case| tried.get(&case.id).and_then(|tried| tried.time_ns))?;
        both_controls(std::slice::from_ref(quickest))
    }
}
