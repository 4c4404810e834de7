//! What two builds show by themselves, so that nothing need be measured: they are one program, or of two compilers.

use anyhow::Result;
use baselines::delta::Comparison;
use baselines::gate::{self, Judgement};
use baselines::{Environment, RunWriter};

use crate::build::checkout::Build;

/// The environment of a build: what was found in this folder, by the compiler of its own source.
pub fn environment(found: Environment, build: &Build) -> Environment {
    if build.commit.is_empty() {
        return found;
    }
    let (commit, rustc) = (build.commit.clone(), build.rustc.clone());
    Environment { commit, dirty: build.dirty, rustc, ..found }
}

/// The judgement of a base that needs no measurement, recorded in the run of the new side. `same` says that both are
/// one program.
pub fn judge(same: bool, base: &Build, writer: &mut RunWriter) -> Result<Option<Judgement>> {
    if same {
        eprintln!("both revisions build the same program: nothing to measure");
        writer.same_program()?;
        return Ok(Some(Judgement::same_program()));
    }
    let here = writer.so_far().header.environment.clone();
    let differences = environment(here.clone(), base).count_differences(&here);
    if differences.is_empty() {
        return Ok(None);
    }
    for difference in &differences {
        eprintln!("can't compare: {difference}");
    }
    let said: Vec<String> = differences.iter().map(ToString::to_string).collect();
    writer.skipped("all cases", format!("{}: give both revisions one toolchain", said.join("; ")))?;
    Ok(Some(gate::judge(Comparison { differences, deltas: vec![] }, &[], &[])))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use baselines::gate::GateOutcome;
    use baselines::{Run, RunHeader};
    use workloads::input::Source;

    use super::*;
    use crate::subject::Subject;
    use crate::subject::memory::MemorySubject;

    fn build(folder: &Path, name: &str, content: &str, rustc: &str) -> Build {
        let program = folder.join(name);
        std::fs::write(&program, content).expect("written");
        let subject = MemorySubject { source: Source::default() };
        let built = subject.in_place(program).expect("lies in a folder");
        Build { commit: "0123456789abcdef".to_owned(), rustc: rustc.to_owned(), ..built }
    }

    /// Judges two builds, and reads what the run says afterwards.
    fn judged(base: (&str, &str), new: (&str, &str)) -> Option<(Judgement, Run)> {
        let folder = tempfile::tempdir().expect("a folder");
        let base = build(folder.path(), "base", base.0, base.1);
        let new = build(folder.path(), "new", new.0, new.1);
        let path = folder.path().join("run.jsonl");
        let environment = environment(Environment::detect(1, "generated"), &new);
        let mut writer = RunWriter::create(&path, RunHeader::new("assay gate", "quick", environment)).expect("a run");
        let subject = MemorySubject { source: Source::default() };
        let judgement = super::judge(subject.same(&base, &new).expect("read"), &base, &mut writer).expect("judged")?;
        writer.finish().expect("not empty");
        Some((judgement, Run::read(&path, false).expect("reads")))
    }

    #[test]
    fn one_program_passes_without_a_measurement_and_the_run_says_why() {
        let (judgement, run) = judged(("program", "rustc 1"), ("program", "rustc 1")).expect("nothing to measure");
        assert_eq!(judgement.outcome, GateOutcome::Passed);
        assert!(judgement.summary.contains("both revisions build the same program"), "{}", judgement.summary);
        assert!(run.same_program && run.measurements.is_empty() && run.skipped.is_empty());
    }

    #[test]
    fn another_compiler_is_said_before_anything_is_measured() {
        let (judgement, run) = judged(("program", "rustc 1"), ("other", "rustc 2")).expect("nothing to measure");
        assert_eq!(judgement.outcome, GateOutcome::Nothing, "not a pass");
        assert!(judgement.summary.contains("rustc: base rustc 1, here rustc 2"), "{}", judgement.summary);
        assert!(run.skipped[0].why.contains("one toolchain"), "{:?}", run.skipped);
    }

    #[test]
    fn two_programs_are_measured() {
        assert!(judged(("program", "rustc 1"), ("programs", "rustc 1")).is_none());
    }
}
