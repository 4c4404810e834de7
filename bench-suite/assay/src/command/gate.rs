//! `assay gate`: fails if a change made something worse.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use baselines::baseline::{self, BaselineLookup};
use baselines::exit_code::Exit;
use baselines::gate::Judgement;
use baselines::policy::Policy;
use baselines::{Environment, Lane, Run};
use clap::Args;
use harness::build::base::{self, Base};
use harness::foreign::{Parts, StoredCounts};
use harness::recorded::Recorded;
use harness::session::ab::AbSession;
use harness::session::judging::{Judged, judge, standard_policy};
use harness::session::plan::{FinishedRun, RunProfile, Selection};
use harness::session::{run, runs};
use harness::subject::definition::Definition;
use harness::subject::project::ProjectSubject;
use harness::tools::valgrind;
use harness::workspace;
use reports::Format;
use workloads::cases::{self, Tag};

use super::publish;
use super::selection::SelectionArgs;

/// Fail if something is worse than the stored baseline, or than another revision
#[derive(Debug, Args)]
#[command(after_help = "\
The gate takes the baseline of this environment from baselines/stored. If there is none, accept one:
  assay run --lane counts && assay baseline accept --reason \"first\"

Examples:
  assay gate                             all exact counts against the stored baseline
  assay gate retrieve                    only the retrieval benchmarks
  assay gate --against main              counts and times of 20 cases against where HEAD left main, in one session
  assay gate retrieve --against HEAD~1   only the retrieval benchmarks
  assay gate --run latest                judge a stored run, and measure nothing
  assay gate --run target/gungraun --baselines counts    judge gungraun's output by an accepted one
  assay gate --project assay.toml --against HEAD~1       the criterion bench of any project")]
pub struct GateArgs {
    #[command(flatten)]
    selection: SelectionArgs,

    /// Build where HEAD left this revision (their merge base) and measure against it, instead of comparing with a
    /// stored baseline
    #[arg(long, value_name = "REV", conflicts_with_all = ["run", "baselines"])]
    against: Option<String>,

    /// With --against: measure against REV itself
    #[arg(long, requires = "against")]
    exact_base: bool,

    /// With --against: gate another project's criterion bench, which this file describes
    #[arg(long, value_name = "FILE", requires = "against")]
    project: Option<PathBuf>,

    /// With --against: after this many seconds of the time lane, pairs that need more rounds are inconclusive
    #[arg(long, value_name = "SECONDS", requires = "against")]
    budget: Option<u64>,

    /// Judge this stored run instead of measuring
    #[arg(long, value_name = "RUN")]
    run: Option<String>,

    /// The folder of accepted baselines [default: baselines/stored]
    #[arg(long, value_name = "FOLDER")]
    baselines: Option<PathBuf>,

    /// The limits of metrics [default: the built-in policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Also print the verdicts in this format: markdown, junit, json or github
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

impl GateArgs {
    /// Measures, judges, reports.
    pub fn execute(&self) -> Result<Exit> {
        let policy = standard_policy(self.policy.as_deref())?;
        if let Some(revision) = &self.against {
            let (selection, budget) = (self.selection.selection(), self.budget.map(Duration::from_secs));
            let session = AbSession { selection: &selection, policy: &policy, budget };
            let judged = match &self.project {
                Some(file) => {
                    let subject = ProjectSubject::new(Definition::read(file)?, selection.filter.as_deref());
                    let base = self.base(subject.repository(), revision)?;
                    Judged { against: base.said, ..session.project(&subject, &base.commit, self.policy.is_some())? }
                }
                None => {
                    let base = self.base(&workspace::root(), revision)?;
                    Judged { against: base.said, ..session.revisions(&base.commit, None)? }
                }
            };
            return publish::judged(judged, self.format);
        }
        let folder = self.baselines.clone().unwrap_or_else(workspace::stored_baselines);
        let FinishedRun { path, run: new } = match &self.run {
            Some(named) => {
                let path = runs::find(named)?;
                FinishedRun { run: runs::read(&path, false)?, path }
            }
            None => {
                let selection = self.counted()?;
                let environment = run::environment(&selection)?;
                // Differences that rule out a comparison are reported before anything is measured.
                let (against, base) = stored(&folder, &environment)?;
                let differences = base.header.environment.count_differences(&environment);
                if !differences.is_empty() {
                    eprintln!("can't compare with {}: its environment differs", against.display());
                    differences.iter().for_each(|difference| eprintln!("  {difference}"));
                    eprintln!(
                        "accept a baseline of this environment: `assay run --lane counts`, `assay baseline accept`"
                    );
                    return Ok(Exit::Nothing);
                }
                run::measure(&selection, RunProfile::Full, None)?
            }
        };
        if new.header.is_foreign() {
            return self.foreign(&folder, &path, new, &policy);
        }
        let (against, mut base) = stored(&folder, &new.header.environment)?;
        let asked = self.selection.filter.is_some() || !self.selection.set.is_empty();
        narrow(&mut base, &new, asked)?;
        let judgement = judge(&base, &new, &policy);
        let exit = judgement.outcome.exit();
        let mut report = publish::report(&path, new)?;
        if judgement.comparison.deltas.iter().any(|delta| !delta.cause.is_empty()) {
            let commit = base.header.environment.commit.get(..12).unwrap_or(&base.header.environment.commit);
            report.notes.push(format!("`assay profile CASE --against {commit}` draws the call stacks of both sides"));
        }
        report.judgement = Some(judgement);
        report.against = Some(format!("baseline {}", against.display()));
        publish::print_and_write(&report, &path, self.format)?;
        Ok(exit)
    }

    /// The base of HEAD for a revision.
    fn base(&self, repository: &Path, revision: &str) -> Result<Base> {
        let base = base::choose(repository, revision, self.exact_base)?;
        eprintln!("{}", base.said);
        Ok(base)
    }

    /// Judges what another tool counted by what was accepted of it.
    fn foreign(&self, folder: &Path, path: &Path, new: Run, policy: &Policy) -> Result<Exit> {
        let Some(StoredCounts { base, files, others }) = StoredCounts::find(folder, &new)? else {
            let parts = Parts::of(&new);
            match parts.names()[..] {
                [] => eprintln!(
                    "{} has no exact counts, so nothing of it can be gated: `assay compare BASE NEW` shows two runs side \
                        by side",
                    path.display()
                ),
                ref benches => eprintln!(
                    "there is no baseline of {} in {}: `assay baseline accept {} --baselines {1} --reason \"..\"` makes \
                        one",
                    benches.join(", "),
                    folder.display(),
                    path.display()
                ),
            }
            return Ok(Exit::Nothing);
        };
        let judgement = judge(&base, &new, policy);
        let exit = judgement.outcome.exit();
        let mut report = publish::report(path, new)?;
        if !others.is_empty() {
            report
                .notes
                .push(format!("nothing of {} is in this run: its baseline was not looked at", others.join(", ")));
        }
        report.judgement = Some(judgement);
        let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        report.against = Some(format!("baseline {}", files.join(", ")));
        publish::print_and_write(&report, path, self.format)?;
        Ok(exit)
    }

    /// What is measured against a stored baseline: counts, unless other lanes are named.
    fn counted(&self) -> Result<Selection> {
        let mut selection = self.selection.selection();
        if selection.lanes.is_empty() {
            selection.lanes = vec![Lane::Counts];
        }
        if let (true, Some(why)) = (selection.lanes.contains(&Lane::Counts), valgrind::missing()) {
            bail!("exact counts can't be gated: {why}");
        }
        Ok(selection)
    }
}

/// The baseline of an environment, or the one that differs least.
fn stored(folder: &Path, environment: &Environment) -> Result<(PathBuf, Run)> {
    match baseline::find(folder, environment)? {
        BaselineLookup::Found(path, run) | BaselineLookup::Incomparable(path, run) => Ok((path, *run)),
        BaselineLookup::Empty => bail!(
            "there is no baseline in {}: `assay run --lane counts` and then `assay baseline accept --reason \"..\"` \
                make one",
            folder.display()
        ),
    }
}

/// Removes cases from the base that the new run did not select: those that were filtered out (`asked`), and those that
/// a quick run leaves out, are not missing.
pub fn narrow(base: &mut Run, new: &Run, asked: bool) -> Result<()> {
    let mut not_quick = Vec::new();
    if new.header.profile == RunProfile::Quick.name() {
        for listed in cases::LISTED.iter().filter(|listed| !listed.has(Tag::Quick)) {
            not_quick.push(listed.resolve(&[])?.key());
        }
    }
    base.measurements.retain(|before| {
        let measured = || new.measurements.iter().any(|measurement| measurement.case == before.case);
        !(asked || not_quick.contains(&before.case)) || measured()
    });
    Ok(())
}

/// The judgement of a run by its environment's stored baseline, with the baseline's file; `None` if no baseline fits.
pub fn by_baseline(new: &Run, asked: bool, policy: &Policy) -> Result<Option<(PathBuf, Judgement)>> {
    let BaselineLookup::Found(path, mut base) =
        baseline::find(&workspace::stored_baselines(), &new.header.environment)?
    else {
        return Ok(None);
    };
    narrow(&mut base, new, asked)?;
    Ok(Some((path, judge(&base, new, policy))))
}
