//! A server under load as a subject: `target/release/shop --port {port}`, built and run in the checkout of each side.
//!
//! An operation is a request, and its cost the CPU time of the server; response times are judged beside it. This
//! program's own worker for servers runs them ([`server`]).
//!
//! [`server`]: crate::served::server

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use baselines::paired::Control;
use baselines::{CaseKey, Durability};

use super::command_lines::CommandLines;
use super::{Chosen, Counting, Subject, SubjectCase};
use crate::build::checkout::Build;
use crate::case_command::CaseCommand;
use crate::schedule::worker_program::Slicing;
use crate::served::server::PORT;
use crate::tools::loadgen::MOST_USERS;

/// The subcommand of this program that serves a server under load: see [`crate::served::server::serve`].
pub const SERVE: &str = "serve-server";

/// The slower control's extra requests, in per cent: somewhat more than twice the limit of CPU time per request, as for
/// other times.
const MORE_PERCENT: f64 = 12.0;

/// The load of a server.
#[derive(Debug, Clone)]
pub struct Load {
    /// The name in records, as of the scenario's file.
    pub name: String,
    /// Sessions per second.
    pub rate: f64,
    /// Seconds of a slice.
    pub seconds: f64,
    /// Arguments of the load generator.
    pub arguments: Vec<String>,
    /// The load generator, if each worker need not find it by itself.
    pub generator: Option<PathBuf>,
}

impl Load {
    /// The slices of a round.
    pub fn slicing(&self) -> Slicing {
        Slicing { operations: Some(self.sessions()), alone: true, ..Slicing::OF_WORKERS }
    }

    /// The sessions of a slice.
    fn sessions(&self) -> u64 {
        (self.rate * self.seconds).ceil() as u64
    }
}

/// A server of a repository.
#[derive(Debug)]
pub struct ServerSubject {
    lines: CommandLines,
    load: Load,
    /// This program.
    program: PathBuf,
}

impl ServerSubject {
    /// A server's command line in this folder's repository, and the shell command that builds it here.
    pub fn new(line: String, build: Option<String>, load: Load) -> Result<ServerSubject> {
        ensure!(
            line.contains(PORT),
            "`--server '{line}'` has no {PORT}: write it where the command line takes the port to listen on"
        );
        let lines = CommandLines::here(vec![line], build)?;
        let program = std::env::current_exe().context("can't find this program")?;
        Ok(ServerSubject { lines, load, program })
    }

    /// The repository's root folder.
    pub fn repository(&self) -> &PathBuf {
        &self.lines.repository
    }

    /// The case of a server with this command line.
    pub fn case(&self, line: &str) -> SubjectCase {
        SubjectCase {
            program: line.to_owned(),
            id: line.to_owned(),
            set: vec![],
            key: CaseKey { benchmark: self.load.name.clone(), variant: String::new() },
            operations: 0,
            gated: true,
            metric: "cpu_per_request",
            durability: Durability::Unstated,
            slicing: self.load.slicing(),
        }
    }
}

impl Subject for ServerSubject {
    fn input(&self) -> Result<(u64, String)> {
        Ok((0, format!("a server under load: {} sessions per second", self.load.rate)))
    }

    fn root(&self) -> PathBuf {
        self.lines.root()
    }

    fn revision(&self, revision: &str) -> Result<Build> {
        self.lines.revision(revision)
    }

    fn working_tree(&self) -> Result<Build> {
        self.lines.working_tree()
    }

    /// A server may read any file.
    fn same(&self, base: &Build, new: &Build) -> Result<bool> {
        Ok(self.lines.changed_files(base, new)?.is_some_and(|files| files.is_empty()))
    }

    fn list(&self, _: &Build) -> Result<Chosen> {
        Ok(Chosen { cases: self.lines.lines.iter().map(|line| self.case(line)).collect(), left_out: vec![] })
    }

    fn choose(&self, listed: &[SubjectCase], filter: Option<&str>, _: &[String]) -> Result<Chosen> {
        Ok(Chosen::without_toggles(listed, filter))
    }

    fn counting(&self) -> Counting {
        Counting::No("a server under load has no exact counts".to_owned())
    }

    fn command(&self, build: &Build, case: &SubjectCase) -> CaseCommand {
        // No more sessions than there are can be under way.
        let users = self.load.sessions().clamp(1, MOST_USERS).to_string();
        let rate = self.load.rate.to_string();
        let mut arguments = [SERVE, "--rate", &rate, "--users", &users].map(str::to_owned).to_vec();
        arguments.extend(self.load.arguments.iter().map(|argument| format!("--load={argument}")));
        if let Some(loadgen) = &self.load.generator {
            arguments.extend(["--loadgen".to_owned(), loadgen.display().to_string()]);
        }
        CaseCommand {
            program: self.program.clone(),
            arguments,
            case: case.id.clone(),
            folder: Some(self.lines.folder_of(build)),
            ..CaseCommand::default()
        }
    }

    fn controls(&self, shared: &[SubjectCase]) -> Option<(SubjectCase, Vec<Control>)> {
        Some((shared.first()?.clone(), vec![Control::Same, Control::Slower { percent: MORE_PERCENT }]))
    }
}
