//! Runs a criterion bench with little effort and a folder for its output, and reads the raw samples in it.
//!
//! The folder is new, so criterion does not compare with an earlier run. Its resampling is kept short, and not read.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use baselines::Sample;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use worker::pin;

/// Criterion's effort on one benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Effort {
    /// Samples: criterion needs at least 10.
    pub samples: u32,
    /// Seconds of warm-up.
    pub warm_up_s: f64,
    /// Seconds of measurement.
    pub measurement_s: f64,
}

impl Default for Effort {
    /// Small, because a verdict comes from many processes.
    fn default() -> Effort {
        Effort { samples: 10, warm_up_s: 0.05, measurement_s: 0.1 }
    }
}

impl Effort {
    /// Rejects values that criterion rejects.
    pub fn check(self) -> Result<()> {
        ensure!(self.samples >= 10, "`effort.samples` is {}: give at least 10", self.samples);
        for (name, seconds) in [("warm_up_s", self.warm_up_s), ("measurement_s", self.measurement_s)] {
            ensure!(seconds.is_finite() && seconds > 0.0, "`effort.{name}` is {seconds}: give more than 0 seconds");
        }
        Ok(())
    }
}

/// A criterion bench to run.
#[derive(Debug, Clone)]
pub struct CriterionBench<'a> {
    /// The program.
    pub program: &'a Path,
    /// The working directory: its package.
    pub package: PathBuf,
    /// Its environment variables.
    pub variables: Vec<(String, String)>,
    /// The core that it is pinned to.
    pub core: Option<usize>,
    /// The longest duration.
    pub deadline: Duration,
}

impl CriterionBench<'_> {
    /// Runs the benchmarks that match a filter, with `home` as the output folder. Returns its stdout.
    pub fn run<S: AsRef<OsStr>>(&self, home: &Path, arguments: impl IntoIterator<Item = S>) -> Result<String> {
        let mut command = Command::new(self.program);
        command
            .args(["--bench", "--noplot", "--color", "never"])
            .args(arguments)
            .current_dir(&self.package)
            .env("CARGO_MANIFEST_DIR", &self.package)
            .env("CRITERION_HOME", home)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let (sender, ended) = std::sync::mpsc::channel();
        // The child inherits the core of the thread that starts it.
        let output = std::thread::scope(|scope| {
            let started = scope.spawn(|| -> Result<_> {
                if let Some(core) = self.core {
                    pin::pin_to_core(core)?;
                }
                let child = command.spawn().with_context(|| format!("can't start {}", self.program.display()))?;
                let id =
                    i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("the bench has no process id")?;
                Ok((child, id))
            });
            let (child, id) =
                started.join().unwrap_or_else(|_| Err(anyhow!("the thread that starts the bench panicked")))?;
            // After the deadline there is no receiver.
            scope.spawn(move || drop(sender.send(child.wait_with_output())));
            match ended.recv_timeout(self.deadline) {
                Ok(output) => output.context("can't wait for the bench"),
                Err(_) => {
                    kill_process(id, Signal::KILL).context("can't kill the bench, which hangs")?;
                    bail!("the bench did not end within {:?}: it was killed", self.deadline)
                }
            }
        })?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "criterion failed ({}): {}", output.status, stderr.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The arguments for an effort and a filter.
pub fn briefly(effort: Effort, filter: Option<&str>) -> Vec<String> {
    let mut arguments: Vec<String> = ["--quiet", "--nresamples", "1001"].map(str::to_owned).into();
    arguments.extend([
        format!("--warm-up-time={}", effort.warm_up_s),
        format!("--measurement-time={}", effort.measurement_s),
        format!("--sample-size={}", effort.samples),
    ]);
    arguments.extend(filter.map(str::to_owned));
    arguments
}

/// A criterion filter that matches exactly these names.
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

#[derive(Deserialize)]
struct Raw {
    iters: Vec<f64>,
    /// `null` is what JSON has for NaN and infinities.
    times: Vec<Option<f64>>,
}

/// The sample in criterion's `sample.json`: nanoseconds an operation, one value a sample.
pub fn parse(text: &[u8]) -> Result<Sample> {
    let raw: Raw = serde_json::from_slice(text).context("not criterion's sample.json")?;
    ensure!(raw.iters.len() == raw.times.len(), "{} iteration counts for {} times", raw.iters.len(), raw.times.len());
    let times = raw.times.into_iter().zip(&raw.iters).map(|(time, iterations)| Some(time? / iterations));
    let times: Option<Vec<f64>> = times.collect();
    Ok(Sample::new(times.context("a time is `null`: criterion measured NaN or an infinity")?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_patterns() {
        assert_eq!(exactly(["u64[0]/itoa", "a+b"].into_iter()), r"^(?:u64\[0\]/itoa|a\+b)$");
    }

    #[test]
    fn samples_are_times_of_one_operation() {
        let sample = parse(br#"{"sampling_mode":"Linear","iters":[1.0,2.0],"times":[10.0,30.0]}"#).expect("parses");
        assert_eq!(sample.values(), [10.0, 15.0]);
    }

    #[test]
    fn what_is_no_sample_is_said() {
        assert!(parse(br#"{"iters":[],"times":[]}"#).is_err());
        assert!(parse(br#"{"iters":[0.0],"times":[1.0]}"#).is_err(), "a time of no iteration is not finite");
        assert!(parse(br#"{"iters":[1.0],"times":[]}"#).is_err());
        let nan = parse(br#"{"iters":[1.0,1.0],"times":[null,3.0]}"#).expect_err("NaN").to_string();
        assert!(nan.contains("NaN"), "{nan}");
        assert!(parse(b"{").is_err());
    }

    #[test]
    fn a_bench_that_hangs_is_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let bench = CriterionBench {
            program: Path::new("/bin/sh"),
            package: folder.path().to_owned(),
            variables: vec![("ENV".to_owned(), String::new())],
            core: None,
            deadline: Duration::from_millis(200),
        };
        // A shell with an unknown option ends at once with a message.
        let failed = format!("{:#}", bench.run(folder.path(), ["x"]).expect_err("no bench"));
        assert!(failed.contains("criterion failed"), "{failed}");
        let script = folder.path().join("hangs");
        std::fs::write(&script, "#!/bin/sh\nwhile :; do :; done\n").expect("written");
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("executable");
        let hanging = CriterionBench { program: &script, ..bench.clone() };
        let killed = format!("{:#}", hanging.run(folder.path(), ["x"]).expect_err("hangs"));
        assert!(killed.contains("was killed"), "{killed}");
    }
}
