//! The exact counts of a base, kept beside its program: nothing but the program and the case decides them.

use std::path::Path;

use anyhow::{Context, Result};
use baselines::{Run, RunHeader, RunWriter};

use crate::subject::SubjectCase;

/// The counts in a file, and new ones from `count` for the cases that it lacks, which are added to it. A failure is not
/// kept: the next session tries again.
pub fn kept_or_counted(
    path: &Path,
    header: RunHeader,
    cases: &[SubjectCase],
    count: impl FnOnce(&[SubjectCase], &mut RunWriter) -> Result<()>,
) -> Result<Run> {
    let kept = Run::read(path, false).unwrap_or_else(|_| Run::new(header.clone()));
    let is_of = |case: &SubjectCase| {
        kept.measurements.iter().any(|kept| kept.case == case.key && kept.operations == case.operations)
    };
    let missing: Vec<SubjectCase> = cases.iter().filter(|case| !is_of(case)).cloned().collect();
    if missing.len() < cases.len() {
        let (number, all) = (cases.len() - missing.len(), cases.len());
        eprintln!("counts of the base: {number} of {all} cases are kept since {}", kept.header.started_at);
    }
    if missing.is_empty() {
        return Ok(Run { invalid: vec![], skipped: vec![], ..kept });
    }
    // Another gate may count the same base meanwhile: each has a file of its own, and the last one's is kept.
    let folder = path.parent().context("the file of counts is in no folder")?;
    let own = tempfile::Builder::new().prefix("counting-").tempdir_in(folder).context("can't keep the counts")?;
    let file = own.path().join("counts.jsonl");
    let mut writer = RunWriter::create(&file, header)?;
    let mut old = kept.measurements.into_iter().filter(|kept| missing.iter().all(|case| case.key != kept.case));
    old.try_for_each(|kept| writer.measurement(kept))?;
    count(&missing, &mut writer)?;
    if writer.so_far().measurements.is_empty() {
        return Ok(writer.so_far().clone()); // there is nothing to keep
    }
    let run = writer.finish()?;
    std::fs::rename(&file, path).with_context(|| format!("can't keep the counts as {}", path.display()))?;
    Ok(run)
}

#[cfg(test)]
mod tests {
    use baselines::{CaseKey, Durability, Environment, Measurement, Sample};

    use super::*;
    use crate::schedule::worker_program::Slicing;

    fn case(benchmark: &str, operations: u64) -> SubjectCase {
        SubjectCase {
            program: "worker".to_owned(),
            id: benchmark.to_owned(),
            set: vec![],
            key: CaseKey { benchmark: benchmark.to_owned(), variant: String::new() },
            operations,
            gated: true,
            metric: "cpu_time",
            durability: Durability::Memory,
            slicing: Slicing::OF_WORKERS,
        }
    }

    /// Counts every case as `value`. Returns what the cases have afterwards, and the number of failures.
    fn counted(path: &Path, cases: &[SubjectCase], value: f64, failure: Option<&str>) -> (Vec<f64>, usize) {
        let header = RunHeader::new("assay gate", "quick", Environment::detect(1, "generated"));
        let count = |missing: &[SubjectCase], writer: &mut RunWriter| {
            for case in missing {
                match failure {
                    Some(why) => writer.invalid("the case", why)?,
                    None => {
                        let sample = Sample::new(vec![value])?;
                        let measured = Measurement::new(case.key.clone(), "instructions", sample, case.durability);
                        writer.measurement(measured.over(case.operations))?;
                    }
                }
            }
            Ok(())
        };
        let run = kept_or_counted(path, header, cases, count).expect("counted");
        let of = |case: &SubjectCase| {
            let found = run.measurements.iter().find(|measured| measured.case == case.key);
            found.map_or(f64::NAN, |measured| measured.sample.median())
        };
        (cases.iter().map(of).collect(), run.invalid.len())
    }

    #[test]
    fn what_was_counted_is_kept_and_only_the_rest_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("counts.jsonl");
        let [log, get] = [case("step/log", 20), case("episode/get", 20)];
        let both = [log.clone(), get.clone()];
        assert_eq!(counted(&path, std::slice::from_ref(&log), 1.0, None), (vec![1.0], 0));
        let (values, failures) = counted(&path, &both, 2.0, Some("the disk is full"));
        assert!(values[0] == 1.0 && values[1].is_nan() && failures == 1, "{values:?}: a failure is not kept");
        assert_eq!(counted(&path, &both, 3.0, None), (vec![1.0, 3.0], 0));
        assert_eq!(counted(&path, &both, 4.0, None), (vec![1.0, 3.0], 0), "all are kept");
        let once = [case("step/log", 1), get];
        assert_eq!(counted(&path, &once, 5.0, None), (vec![5.0, 3.0], 0), "another number of operations");
        std::fs::write(&path, "{").expect("damaged");
        assert_eq!(counted(&path, &both, 6.0, None), (vec![6.0, 6.0], 0), "what can't be read is counted again");
    }

    #[test]
    fn two_gates_may_count_one_base_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("counts.jsonl");
        let case = case("step/log", 20);
        let header = || RunHeader::new("assay gate", "quick", Environment::detect(1, "generated"));
        let count = |_: &[SubjectCase], writer: &mut RunWriter| {
            assert_eq!(counted(&path, std::slice::from_ref(&case), 1.0, None), (vec![1.0], 0), "the other one");
            let sample = Sample::new(vec![1.0])?;
            let measured = Measurement::new(case.key.clone(), "instructions", sample, case.durability);
            Ok(writer.measurement(measured.over(case.operations))?)
        };
        let run = kept_or_counted(&path, header(), std::slice::from_ref(&case), count).expect("counted");
        assert_eq!(run.measurements.len(), 1);
        assert_eq!(counted(&path, std::slice::from_ref(&case), 2.0, None), (vec![1.0], 0), "it is kept");
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 1);
    }
}
