//! How to run a worker program for one case, whichever tool it runs under.

use std::path::PathBuf;
use std::process::Command;

/// A worker program, its case, and everything else that decides what it does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CaseCommand {
    /// The program's file.
    pub program: PathBuf,
    /// The arguments before the case: of an interpreter, its script.
    pub arguments: Vec<String>,
    /// The case's identifier.
    pub case: String,
    /// The overridden toggles.
    pub set: Vec<String>,
    /// Its environment variables.
    pub variables: Vec<(String, String)>,
    /// The working directory; without one, that of this process.
    pub folder: Option<PathBuf>,
}

impl CaseCommand {
    /// Adds the case, its toggles, its variables and its working directory to a command that starts the program.
    pub fn configure<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        self.place(command).arg(&self.case).args(self.set.iter().flat_map(|pair| ["--set", pair]))
    }

    /// The same without the case and its toggles.
    pub fn place<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.args(&self.arguments).envs(self.variables.iter().map(|(name, value)| (name, value)))
    }
}
