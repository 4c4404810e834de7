//! The exact counts of a base, kept beside its program: nothing but the program decides them.

use std::path::Path;

use anyhow::Result;
use baselines::{Run, RunHeader, RunWriter};

/// The counts in a file, if they are whole and valid; otherwise new ones from `count`, which are written there. A
/// failure is not kept: the next session tries again.
pub fn kept_or_counted(
    path: &Path,
    header: RunHeader,
    count: impl FnOnce(&mut RunWriter) -> Result<()>,
) -> Result<Run> {
    if let Ok(kept) = Run::read(path, false)
        && kept.invalid.is_empty()
        && kept.skipped.is_empty()
    {
        eprintln!("counts of the base: kept since {}", kept.header.started_at);
        return Ok(kept);
    }
    let mut writer = RunWriter::create(path, header)?;
    count(&mut writer)?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use baselines::{CaseKey, Durability, Environment, Measurement, Sample};

    use super::*;

    #[test]
    fn valid_counts_are_kept_and_failures_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("counts.jsonl");
        let measured = |value: f64, failure: Option<&str>| {
            let header = RunHeader::new("assay gate", "quick", Environment::detect(1, "generated"));
            let count = |writer: &mut RunWriter| {
                let case = CaseKey { benchmark: "step/log".into(), variant: "store=memory".into() };
                let sample = Sample::new(vec![value])?;
                writer.measurement(Measurement::new(case, "instructions", sample, Durability::Memory))?;
                failure.into_iter().try_for_each(|why| Ok(writer.invalid("episode/get", why)?))
            };
            let run = kept_or_counted(&path, header, count).expect("counted");
            (run.measurements[0].sample.median(), run.invalid.len())
        };
        assert_eq!(measured(1.0, Some("the disk is full")), (1.0, 1));
        assert_eq!(measured(2.0, Some("valgrind was killed")), (2.0, 1), "a failure is not kept");
        assert_eq!(measured(3.0, None), (3.0, 0));
        assert_eq!(measured(4.0, None), (3.0, 0), "kept");
        std::fs::write(&path, "{").expect("damaged");
        assert_eq!(measured(5.0, None), (5.0, 0), "what can't be read is counted again");
    }
}
