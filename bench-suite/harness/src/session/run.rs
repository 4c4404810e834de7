//! Measures one side, lane by lane, into a new run.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use baselines::{CaseKey, Environment, JudgedBy, Lane, Measurement, Run, RunHeader, RunWriter};
use workloads::cases::{Case, Tag};
use workloads::input::{Input, Source};

use super::plan::{self, FinishedRun, RunProfile, Selection};
use super::rulebook::Rulebook;
use super::runs;
use crate::budget::Budget;
use crate::build::cargo::{self, OwnProgram};
use crate::lanes::counts::{self, CountPlan};
use crate::lanes::{self, Plan, unsteady};
use crate::subject::memory::MemorySubject;
use crate::subject::{NothingToMeasure, Subject, SubjectCase};
use crate::workspace;

/// The episodes that the load test repeats.
const EPISODES_UNDER_LOAD: usize = 64;

/// A selection's input, and its source for child processes.
pub fn input(selection: &Selection) -> Result<(Source, Input)> {
    let source = selection.source()?;
    let input = source.load(EPISODES_UNDER_LOAD)?;
    Ok((source, input))
}

/// The environment of a selection.
pub fn environment(selection: &Selection) -> Result<Environment> {
    plan::environment(&input(selection)?.1, selection.lanes().contains(&Lane::Counts))
}

/// Begins a run in the file that is asked for, or in a new one; it records what will judge it.
fn begin(
    output: Option<&Path>,
    profile: &str,
    environment: Environment,
    judged_by: Option<JudgedBy>,
) -> Result<(PathBuf, RunWriter)> {
    let path = output.map_or_else(|| runs::new_path(&environment, None), Path::to_owned);
    let writer = RunWriter::create(&path, RunHeader { judged_by, ..plan::header(profile, environment) })?;
    Ok((path, writer))
}

/// Measures the working tree of a subject that is not the memory: counts, and times of its workers.
pub fn measure_subject(subject: &dyn Subject, selection: &Selection, output: Option<&Path>) -> Result<FinishedRun> {
    Ok(measure_like(subject, selection, output, None)?.0)
}

/// The same to be judged by a stored baseline: as many operations of each case are counted. Also returns the cases
/// whose counts differ from run to run: they can't be judged, and where one is worse all the same the run is invalid.
pub fn measure_against(
    subject: &dyn Subject,
    selection: &Selection,
    stored: &Run,
    rulebook: &Rulebook,
) -> Result<(FinishedRun, Vec<CaseKey>)> {
    measure_like(subject, selection, None, Some((stored, rulebook)))
}

fn measure_like(
    subject: &dyn Subject,
    selection: &Selection,
    output: Option<&Path>,
    stored: Option<(&Run, &Rulebook)>,
) -> Result<(FinishedRun, Vec<CaseKey>)> {
    for lane in [Lane::Load, Lane::Effect] {
        ensure!(
            !selection.lanes.contains(&lane),
            "the lane {lane} is the memory's: here are `counts`, `time` and `source`"
        );
    }
    let build = subject.working_tree()?;
    let listed = subject.list(&build)?;
    NothingToMeasure::of(selection.filter.as_deref(), &[(&build, &listed)])?;
    let chosen = subject.choose(&listed.cases, selection.filter.as_deref(), &selection.set)?;
    let environment = plan::environment_of(subject, &build, &[(&build, &listed)], selection)?;
    let judged_by = stored.map(|(_, rulebook)| rulebook.judged_by.clone());
    let (path, mut writer) = begin(output, "full", environment, judged_by)?;
    for (what, why) in build.skipped.iter().chain(&listed.left_out).chain(&chosen.left_out) {
        writer.skipped(what, why)?;
    }
    let mut cases = chosen.cases;
    for (case, why) in subject.size(&build, &mut cases, Budget::default()).failed {
        writer.invalid(case.label(), why)?;
    }
    for case in &mut cases {
        let is_it = |before: &&Measurement| before.case == case.key && before.metric == "instructions";
        if let Some(before) = stored.and_then(|(stored, _)| stored.measurements.iter().find(is_it)) {
            case.operations = before.operations;
        }
    }
    let mut unsteady = Vec::new();
    if selection.compares(Lane::Counts) {
        let (cases, repeat) = (&counts::countable(subject, &cases, &mut writer)?[..], selection.repeat);
        let plan = CountPlan { subject, build: &build, cases, repeat, budget: Budget::default() };
        counts::measure(plan, &mut writer, |_| false)?;
        if let Some((stored, rulebook)) = stored {
            let counted = writer.so_far();
            unsteady = unsteady::find(&[(plan, counted)], [stored, counted])?.cases;
            let remedy = "`--against` judges its times";
            unsteady::judge(plan, &unsteady, stored, &rulebook.policy, Some(remedy), &mut writer)?;
        }
    }
    if selection.compares(Lane::Time) {
        lanes::worker_times::measure(subject, &build, &cases, &mut writer)?;
    }
    if selection.lanes.contains(&Lane::Source) {
        measure_source(&subject.root().join("Cargo.toml"), selection, &mut writer)?;
    }
    let unsteady = unsteady.into_iter().map(|case: SubjectCase| case.key).collect();
    Ok((FinishedRun { path, run: writer.finish()? }, unsteady))
}

/// Counts variants of the memory's cases that no list has into a new run file.
pub fn count(selection: &Selection, cases: &[Case]) -> Result<FinishedRun> {
    let (source, input) = input(selection)?;
    let environment = plan::environment(&input, true)?;
    let (path, mut writer) = begin(None, "full", environment, None)?;
    let subject = MemorySubject { source };
    let build = subject.built()?;
    let cases: Vec<SubjectCase> = cases.iter().map(|case| MemorySubject::case(case, &case.written())).collect();
    let cases = &counts::countable(&subject, &cases, &mut writer)?[..];
    let plan = CountPlan { subject: &subject, build: &build, cases, repeat: 1, budget: Budget::default() };
    counts::measure(plan, &mut writer, |_| false)?;
    Ok(FinishedRun { path, run: writer.finish()? })
}

/// Measures the source of the cargo workspace of this folder, and nothing else.
pub fn source(selection: &Selection, output: Option<&Path>, judged_by: Option<JudgedBy>) -> Result<FinishedRun> {
    let (path, mut writer) = begin(output, "full", plan::environment_of_source(selection), judged_by)?;
    measure_source(&workspace::root().join("Cargo.toml"), selection, &mut writer)?;
    Ok(FinishedRun { path, run: writer.finish()? })
}

fn measure_source(manifest: &Path, selection: &Selection, writer: &mut RunWriter) -> Result<()> {
    lanes::source::measure(manifest, runs::newest_with_functions()?.as_ref(), selection.filter.as_deref(), writer)
}

/// Measures a selection into a new run file, which records what will judge it.
pub fn measure(
    selection: &Selection,
    profile: RunProfile,
    output: Option<&Path>,
    judged_by: Option<JudgedBy>,
) -> Result<FinishedRun> {
    let (source, input) = input(selection)?;
    let (selected, left_out) = profile.choose(selection)?;
    let lanes = selection.lanes();
    if lanes.iter().all(|lane| matches!(lane, Lane::Counts | Lane::Time))
        && selected.cases.is_empty()
        && selected.left_out.is_empty()
    {
        NothingToMeasure::of(selection.filter.as_deref(), &[])?;
    }
    let programs = cargo::build(&selection.programs())?;
    let environment = plan::environment(&input, lanes.contains(&Lane::Counts))?;
    let (path, mut writer) = begin(output, profile.name(), environment, judged_by)?;
    for (what, why) in &selected.left_out {
        writer.skipped(what, why)?;
    }
    if left_out > 0 {
        writer.skipped(format!("{left_out} cases"), "a quick run leaves them out: `--profile full` measures them")?;
    }
    let plan = Plan {
        cases: &selected.cases,
        filter: selection.filter.as_deref(),
        set: &selection.set,
        source: &source,
        input: &input,
        programs: &programs,
        full: profile == RunProfile::Full,
    };
    let mut stacks = Vec::new();
    for lane in lanes {
        match lane {
            Lane::Counts => {
                let subject = MemorySubject { source: source.clone() };
                let build = &subject.in_place(plan.program(OwnProgram::Worker)?.to_owned())?;
                let cases: Vec<SubjectCase> =
                    selected.cases.iter().map(|case| MemorySubject::case(case, &selection.set)).collect();
                let is_profiled =
                    |case: &SubjectCase| selected.cases.iter().any(|of| of.id == case.id && of.has(Tag::Profiled));
                let (subject, cases) = (&subject, &counts::countable(&subject, &cases, &mut writer)?[..]);
                let plan = CountPlan { subject, build, cases, repeat: selection.repeat, budget: Budget::default() };
                stacks = counts::measure(plan, &mut writer, is_profiled)?.stacks;
            }
            Lane::Time => lanes::criterion_times::measure(&plan, &mut writer)?,
            Lane::Load => lanes::load::measure(&plan, &mut writer)?,
            Lane::Effect => lanes::effect::measure(&plan, &mut writer)?,
            Lane::Source => measure_source(&workspace::root().join("Cargo.toml"), selection, &mut writer)?,
        }
    }
    let run = writer.finish()?;
    if !stacks.is_empty() {
        runs::write_stacks(&path, &stacks)?;
    }
    Ok(FinishedRun { path, run })
}
