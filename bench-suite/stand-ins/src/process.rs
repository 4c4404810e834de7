//! What this process is for, once it has read its arguments.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::arguments::{Arguments, Mode, USAGE};
use crate::{chance, json, placement, system};

/// The state of the process.
pub struct Process {
    /// What to do.
    pub arguments: Arguments,
    answers: Mutex<Box<dyn Write + Send>>,
    /// How often each identifier was given.
    given: Mutex<BTreeMap<String, u32>>,
    failed: Mutex<Vec<String>>,
}

impl Process {
    /// The process. The first call reads the arguments, and ends it if that is all there is to do.
    pub fn get() -> &'static Process {
        static PROCESS: OnceLock<Process> = OnceLock::new();
        PROCESS.get_or_init(|| Process::start().unwrap_or_else(|why| stop(2, &format!("{why}; --help says more"))))
    }

    fn start() -> Result<Process, String> {
        let arguments = Arguments::read()?;
        let mut answers: Box<dyn Write + Send> = Box::new(std::io::stdout());
        let taken = || system::take_stdout().map_err(|error| format!("can't take stdout for answers: {error}"));
        match arguments.mode {
            Mode::Help => leave_with(answers, USAGE),
            Mode::Cpu => {
                let features: Vec<String> = system::cpu_features().into_iter().map(json::string).collect();
                leave_with(taken()?, &format!("[{}]\n", features.join(",")))
            }
            Mode::Once => {
                let replaced = crate::REPLACED;
                eprintln!("built with Assay's stand-in for {replaced}: each benchmark runs once, nothing is timed");
            }
            Mode::Names | Mode::List | Mode::Serve | Mode::Count => {
                answers = taken()?;
                chance::pin(arguments.seed);
            }
        }
        if arguments.mode == Mode::Count {
            placement::begin_heap_page();
        }
        placement::shift_heap(arguments.shift_bytes);
        arguments.core.map_or(Ok(()), system::pin_to_core)?;
        let (given, failed) = Default::default();
        Ok(Process { arguments, answers: Mutex::new(answers), given, failed })
    }

    /// Prints one line, at once. A process whose reader has gone ends.
    pub fn answer(&self, line: &str) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        // In one call, so that a reader never gets half a line.
        let written = answers.write_all(format!("{line}\n").as_bytes()).and_then(|()| answers.flush());
        if let Err(error) = written {
            stop(1, &format!("can't write to stdout: {error}"));
        }
    }

    /// The identifier; numbered, and said, if it was given before.
    pub fn unique(&self, id: String) -> String {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let times = given.entry(id.clone()).or_default();
        *times += 1;
        if *times == 1 {
            return id;
        }
        let numbered = format!("{id} #{times}");
        if matches!(self.arguments.mode, Mode::List | Mode::Once) {
            eprintln!("several benchmarks are named `{id}`: one of them is `{numbered}` here");
        }
        numbered
    }

    /// Remembers a failure, for the end.
    pub fn fail(&self, id: &str) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).push(id.to_owned());
    }

    /// What failed.
    pub fn failed(&self) -> Vec<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Ends the process with an error.
fn stop(code: i32, why: &str) -> ! {
    eprintln!("error: {why}");
    std::process::exit(code)
}

/// Ends the process with its output.
fn leave_with(mut to: Box<dyn Write + Send>, text: &str) -> ! {
    match to.write_all(text.as_bytes()) {
        Ok(()) => std::process::exit(0),
        Err(error) => stop(1, &format!("can't write to stdout: {error}")),
    }
}
