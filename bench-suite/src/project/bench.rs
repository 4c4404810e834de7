//! One process of a criterion bench: started with little to do and a folder of its own, and read from the raw samples that it leaves.
//!
//! Criterion's comparison with the last run never happens, because there is none in the folder. What it resamples is kept short and not read.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};

use super::Definition;
use crate::foreign;
use crate::pair::place;

/// What is run.
#[derive(Debug, Clone, Copy)]
pub struct Process<'a> {
    /// The bench.
    pub program: &'a Path,
    /// The folder it runs in: its package.
    pub package: &'a Path,
    /// The project.
    pub definition: &'a Definition,
}

impl Process<'_> {
    /// The median of each benchmark that `filter` matches, ns an iteration.
    ///
    /// # Errors
    /// The bench failed, or left nothing.
    pub fn run(&self, filter: Option<&str>, core: Option<usize>) -> Result<BTreeMap<String, f64>> {
        let home = tempfile::Builder::new().prefix("criterion-").tempdir().context("no folder for samples")?;
        let effort = self.definition.effort;
        let mut command = Command::new(self.program);
        command
            .args(["--bench", "--noplot", "--quiet", "--nresamples", "1001"])
            .args(["--warm-up-time", &effort.warm_up_s.to_string()])
            .args(["--measurement-time", &effort.measurement_s.to_string()])
            .args(["--sample-size", &effort.samples.to_string()])
            .args(filter)
            .current_dir(self.package)
            .env("CARGO_MANIFEST_DIR", self.package)
            .env("CRITERION_HOME", home.path())
            .envs(&self.definition.environment)
            .stdin(Stdio::null());
        // The child stays where the thread is that starts it.
        let output = std::thread::scope(|scope| {
            let started = scope.spawn(|| {
                if let Some(core) = core {
                    place::stay(core)?;
                }
                command.output().with_context(|| format!("can't start {}", self.program.display()))
            });
            started.join().unwrap_or_else(|_| Err(anyhow!("the thread that ran the bench panicked")))
        })?;
        ensure!(
            output.status.success(),
            "the bench failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let medians = foreign::medians_ns(home.path())?;
        ensure!(
            !medians.is_empty(),
            "the bench left no samples: nothing matches the filter, or `{}` is no bench of criterion's (`harness = false`)",
            self.definition.bench
        );
        Ok(medians)
    }
}

/// A filter of criterion's that matches these names and no others.
pub fn exactly<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let escaped = names.map(|name| {
        let letters = name.chars().map(|letter| match letter {
            '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' | '#' | '&' | '-'
            | '~' => {
                format!("\\{letter}")
            }
            letter => letter.to_string(),
        });
        letters.collect::<String>()
    });
    format!("^(?:{})$", escaped.collect::<Vec<_>>().join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_patterns() {
        assert_eq!(exactly(["u64[0]/itoa", "a+b"].into_iter()), r"^(?:u64\[0\]/itoa|a\+b)$");
    }
}
