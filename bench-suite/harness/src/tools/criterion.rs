//! Runs a criterion bench with little effort and a folder for its output, and reads the raw samples in it.
//!
//! The folder is new, so criterion does not compare with an earlier run. Its resampling is kept short, and not read.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use baselines::Sample;
use serde::Deserialize;

use super::bounded;

/// Criterion's effort on one benchmark.
#[derive(Debug, Clone, Copy, PartialEq)]
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

/// A criterion bench to run.
#[derive(Debug, Clone)]
pub struct CriterionBench<'a> {
    /// The program.
    pub program: &'a Path,
    /// The working directory: its package.
    pub package: PathBuf,
    /// Its environment variables.
    pub variables: Vec<(String, String)>,
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
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        let output = bounded::output(&mut command, "the bench", self.deadline)?;
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

/// The sample in criterion's `sample.json`: nanoseconds per operation, one value per sample.
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
