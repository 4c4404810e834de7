//! Builds the pairs to measure: the cases that both sides have, and the controls with a known outcome.

use std::collections::BTreeMap;

use baselines::paired::{Control, Pair};

use super::worker_program::WorkerProgram;
use crate::build::checkout::Build;
use crate::build::layouts::Layouts;
use crate::subject::{Subject, SubjectCase};

/// The slower control's extra work, in per cent.
pub const SLOWER_PERCENT: f64 = 5.0;

/// A pair to measure.
#[derive(Debug, Clone)]
pub struct Job {
    /// The pair; its operations in a slice are set when they are known.
    pub pair: Pair,
    /// The base's program.
    pub base: WorkerProgram,
    /// The new side's program.
    pub new: WorkerProgram,
}

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The build to run.
    pub build: &'a Build,
    /// The layouts of its programs, by name, if every round has a new one.
    pub layouts: Option<&'a BTreeMap<String, Layouts>>,
}

impl<'a> Side<'a> {
    /// The program that serves a case, with `extra_percent` of extra work.
    pub fn program(self, subject: &dyn Subject, case: &SubjectCase, extra_percent: f64) -> WorkerProgram {
        WorkerProgram {
            command: subject.command(self.build, case),
            layouts: self.layouts.and_then(|layouts| layouts.get(&case.program)).cloned(),
            extra_percent,
            slicing: case.slicing,
        }
    }
}

/// A pair of one case on two programs.
pub fn job(case: &SubjectCase, base_name: &str, base: WorkerProgram, new: WorkerProgram) -> Job {
    Job {
        pair: Pair {
            case: case.key.clone(),
            base: base_name.to_owned(),
            metric: case.metric.to_owned(),
            operations: 0,
            randomized_layout: base.layouts.is_some(),
            durability: case.durability,
            control: None,
        },
        base,
        new,
    }
}

/// A pair for each case.
pub fn jobs(subject: &dyn Subject, cases: &[SubjectCase], base: Side<'_>, new: Side<'_>) -> Vec<Job> {
    let pair = |case: &SubjectCase| {
        let [base_program, new_program] = [base, new].map(|side| side.program(subject, case, 0.0));
        job(case, &base.build.name, base_program, new_program)
    };
    cases.iter().map(pair).collect()
}

/// The subject's controls on one side, of one of these cases: its program against itself, and against itself with extra
/// work.
pub fn controls(subject: &dyn Subject, cases: &[SubjectCase], side: Side<'_>) -> Vec<Job> {
    let Some((case, controls)) = subject.controls(cases) else { return vec![] };
    let program = |extra| side.program(subject, &case, extra);
    let control = |control| {
        let extra = if let Control::Slower { percent } = control { percent } else { 0.0 };
        let mut job = job(&case, &side.build.name, program(0.0), program(extra));
        job.pair.control = Some(control);
        job
    };
    controls.into_iter().map(control).collect()
}
