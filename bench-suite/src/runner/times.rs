//! Wall times by criterion: starts the bench, and reads the raw samples that it leaves.
//!
//! Shown and stored, never judged: criterion's times of two sessions say nothing about two programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use baselines::{Measurement, Sample};
use serde::Deserialize;

use crate::cases::Case;
use crate::input::Source;
use crate::workspace;

/// How long criterion takes.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Seconds of warm-up a case.
    pub warm_up_s: f64,
    /// Seconds of measuring a case.
    pub measurement_s: f64,
    /// Samples a case, at least 10.
    pub samples: u32,
}

/// Times cases one after the other, in one process a case.
///
/// # Errors
/// The bench failed: its own messages are on stderr. Or it left no sample.
pub fn time(
    case: &Case,
    program: &Path,
    folder: &Path,
    source: &Source,
    set: &[String],
    effort: Effort,
) -> Result<Measurement> {
    let output = Command::new(program)
        // Criterion's own resampling is not used: what is kept are its raw samples.
        .args(["--bench", "--noplot", "--quiet", "--nresamples", "1001"])
        .args(["--warm-up-time", &effort.warm_up_s.to_string()])
        .args(["--measurement-time", &effort.measurement_s.to_string()])
        .args(["--sample-size", &effort.samples.to_string()])
        .arg(format!("^{}$", case.id))
        .current_dir(workspace::root().join("bench-suite"))
        .env("CRITERION_HOME", folder)
        .env("ASSAY_SET", set.join(","))
        .envs(source.variables())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start {}", program.display()))?;
    ensure!(
        output.status.success(),
        "criterion failed ({}): {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let path: PathBuf = folder.join(case.id).join("new/sample.json");
    let text = std::fs::read(&path).with_context(|| format!("criterion left no sample at {}", path.display()))?;
    Ok(Measurement {
        case: case.record(),
        metric: "wall_time".to_owned(),
        sample: parse(&text).with_context(|| format!("{}", path.display()))?,
        operations: 1,
        durability: case.durability(),
        counters: Default::default(),
        functions: vec![],
    })
}

#[derive(Deserialize)]
struct Raw {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// Nanoseconds an operation, one value a sample, of criterion's `sample.json`.
///
/// # Errors
/// Not criterion's, empty, or not finite.
pub fn parse(text: &[u8]) -> Result<Sample> {
    let raw: Raw = serde_json::from_slice(text).context("not criterion's sample.json")?;
    ensure!(raw.iters.len() == raw.times.len(), "{} iteration counts for {} times", raw.iters.len(), raw.times.len());
    Ok(Sample::new(raw.iters.iter().zip(&raw.times).map(|(iterations, time)| time / iterations).collect())?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(parse(b"{").is_err());
    }
}
