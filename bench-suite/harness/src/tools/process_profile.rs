//! The instructions of a whole process under callgrind, from its start to its end, with those of the processes that it
//! starts.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use baselines::FunctionCost;

use super::bounded::{self, last_lines};
use super::callgrind::{self, CallgrindProfile};
use super::function_costs::{self, SEPARATE_CALLERS};
use super::valgrind::valgrind;
use crate::budget::Budget;
use crate::workspace;

/// The function of the C library below which a program does its work, as callgrind names it.
const MAIN: &str = "(below main)";

/// A program and how it is run.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// The program's file.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [String],
    /// The folder that it runs in.
    pub folder: &'a Path,
    /// The crates of its source, if it is Rust.
    pub crates: &'a [String],
    /// The time that is left: then it is killed.
    pub budget: Budget,
}

/// The counts of a whole process.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessCounts {
    /// Its instructions.
    pub instructions: u64,
    /// Instructions by function: for functions of its crates with those of libraries that they call; without crates,
    /// for each by itself.
    pub functions: Vec<FunctionCost>,
    /// Folded call stacks, outermost frame first.
    pub folded: String,
}

/// Counts a process.
pub fn count(invocation: Invocation<'_>) -> Result<ProcessCounts> {
    let profile = profile(invocation)?;
    // Every function contains nothing, so each stands for itself.
    let root = if invocation.crates.is_empty() { "" } else { MAIN };
    let functions = function_costs::functions(&profile, root, invocation.crates);
    let sum: u64 = functions.iter().map(|function| function.instructions).sum();
    ensure!(sum == profile.total, "the functions sum to {sum}, callgrind's total is {}", profile.total);
    Ok(ProcessCounts { instructions: profile.total, functions, folded: function_costs::folded(&profile, MAIN) })
}

fn profile(Invocation { program, arguments, folder, crates, budget }: Invocation<'_>) -> Result<CallgrindProfile> {
    let out = workspace::temporary("process-")?;
    let file = out.path().join("callgrind.%p");
    let mut command = valgrind();
    command.args(["--tool=callgrind", "--quiet", "--trace-children=yes", "--dump-line=no", "--demangle=no"]);
    if !crates.is_empty() {
        command.arg(SEPARATE_CALLERS);
    }
    command.arg(format!("--callgrind-out-file={}", file.to_str().context("the path of a profile is not UTF-8")?));
    command.arg(program).args(arguments).current_dir(folder);
    let output = bounded::output(&mut command, "valgrind", budget.at_most(Duration::MAX))?;
    let said = last_lines(&[], &output.stderr);
    ensure!(output.status.success(), "under callgrind, {} ended with {}: {said}", program.display(), output.status);
    let mut sum = CallgrindProfile::default();
    for entry in std::fs::read_dir(out.path()).context("can't read the profiles")? {
        let path = entry.context("can't read the profiles")?.path();
        let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        let profile = callgrind::parse(&text)?;
        sum.total += profile.total;
        for (context, cost) in profile.contexts {
            let all = sum.contexts.entry(context).or_default();
            all.instructions += cost.instructions;
            all.calls += cost.calls;
        }
    }
    ensure!(sum.total > 0, "callgrind saw no instruction of {}", program.display());
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::valgrind;

    #[test]
    fn a_process_is_counted_with_what_it_starts() {
        if let Some(why) = valgrind::missing() {
            println!("skipped: {why}");
            return;
        }
        let within = |script: &str, budget: Budget| {
            let arguments = ["-c".to_owned(), script.to_owned()];
            let (program, folder) = (Path::new("/bin/sh"), Path::new("/"));
            count(Invocation { program, arguments: &arguments, folder, crates: &[], budget })
        };
        let of = |script: &str| within(script, Budget::default());
        let (one, two) = (of("true").expect("counted"), of("/bin/sh -c true; true").expect("counted"));
        assert!(one.functions.len() > 5 && one.instructions > 50_000, "{}", one.instructions);
        assert!(two.instructions > one.instructions * 3 / 2, "{} {}", one.instructions, two.instructions);
        let error = of("echo no >&2; exit 4").expect_err("fails").to_string();
        assert!(error.contains("exit status: 4") && error.ends_with(" no"), "{error}");
        let second = Budget::start(Some(Duration::from_secs(1)));
        let error = within("exec sleep 600", second).expect_err("the time is up").to_string();
        assert!(error.ends_with("it was killed"), "{error}");
    }

    #[test]
    fn a_file_of_options_in_the_folder_changes_nothing() {
        if let Some(why) = valgrind::missing() {
            println!("skipped: {why}");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(".valgrindrc"), "--callgrind:toggle-collect=no_such_function\n")
            .expect("writes");
        let (program, budget) = (Path::new("/bin/true"), Budget::default());
        let invocation = Invocation { program, arguments: &[], folder: folder.path(), crates: &[], budget };
        assert!(count(invocation).expect("counted").instructions > 1000);
    }
}
