//! `assay gate`: did this change make anything worse?

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use baselines::baseline::{self, BaselineLookup};
use baselines::exit::Exit;
use baselines::policy::Policy;
use baselines::{Lane, Run};
use clap::Args;
use reports::Format;

use super::run::{self, Profile, Selection};
use super::runs;
use super::versus::Versus;
use super::{compare, judged, project};
use crate::runner::valgrind;
use crate::{cases, revision, workspace};

/// Fail if something is worse than the stored baseline, or than another revision
#[derive(Debug, Args)]
#[command(after_help = "\
The baseline of this environment is looked up in baselines/stored. Where there is none, accept one:
  assay run --lane counts && assay baseline accept --reason \"first\"

Examples:
  assay gate                             all exact counts against the stored baseline
  assay gate retrieve                    those of the retrieval benchmarks only
  assay gate --against main              counts and times of 20 benchmarks against another revision, in one session
  assay gate retrieve --against HEAD~1   those of the retrieval benchmarks only
  assay gate --run latest                judge a run that is there already, and measure nothing
  assay gate --run target/gungraun --baselines counts    judge what gungraun left by what was accepted of it
  assay gate --project assay.toml --against HEAD~1       a criterion bench of any project, base and working tree in turn")]
pub struct Gate {
    #[command(flatten)]
    selection: Selection,

    /// Build this revision and measure against it, instead of judging by a stored baseline
    #[arg(long, value_name = "REV", conflicts_with_all = ["run", "baselines"])]
    against: Option<String>,

    /// With --against: gate the criterion bench that this file names, of any project, instead of our own
    #[arg(long, value_name = "FILE", requires = "against")]
    project: Option<PathBuf>,

    /// With --against: after this many seconds of measuring times, what needs more rounds is inconclusive
    #[arg(long, value_name = "SECONDS", requires = "against")]
    budget: Option<u64>,

    /// Judge this stored run instead of measuring
    #[arg(long, value_name = "RUN")]
    run: Option<String>,

    /// Where accepted baselines lie [default: baselines/stored]
    #[arg(long, value_name = "FOLDER")]
    baselines: Option<PathBuf>,

    /// How far metrics may move [default: the built-in policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Also print the verdicts in this format: markdown, junit, json or github
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

impl Gate {
    /// Measures, judges, reports.
    ///
    /// # Errors
    /// The measuring failed, or the policy or a baseline can't be read.
    pub fn execute(&self) -> Result<Exit> {
        if let (Some(file), Some(against)) = (&self.project, &self.against) {
            return project::execute(&project::Gate {
                file,
                against,
                filter: self.selection.filter.as_deref(),
                policy: self.policy.as_deref(),
                budget: self.budget.map(Duration::from_secs),
                format: self.format,
            });
        }
        let policy = compare::standard_policy(self.policy.as_deref())?;
        if let Some(revision) = &self.against {
            return self.execute_against(revision, &policy);
        }
        let folder = self.baselines.clone().unwrap_or_else(workspace::stored_baselines);
        let (path, new) = match &self.run {
            Some(named) => {
                let path = runs::find(named)?;
                let run = runs::read(&path, false)?;
                (path, run)
            }
            None => {
                let mut selection = self.selection.clone();
                if selection.lane.is_empty() {
                    selection.lane = vec![Lane::Counts];
                }
                if let (true, Some(why)) = (selection.lane.contains(&Lane::Counts), valgrind::missing()) {
                    bail!("exact counts can't be gated: {why}");
                }
                let measured = run::measure(&selection, Profile::Full, None)?;
                (measured.path, measured.run)
            }
        };
        let (against, mut base) = match baseline::find(&folder, &new.header.environment)? {
            BaselineLookup::Found(path, run) => (path, *run),
            BaselineLookup::Incomparable(path, run) => (path, *run),
            BaselineLookup::Empty => bail!(
                "there is no baseline in {}: `assay run --lane counts` and then `assay baseline accept --reason \"..\"` make one",
                folder.display()
            ),
        };
        self.narrow(&mut base, &new)?;
        let judgement = compare::judge(&base, &new, &policy);
        let exit = judgement.outcome.exit();
        let mut report = runs::report(&path, new)?;
        if judgement.comparison.deltas.iter().any(|delta| !delta.cause.is_empty()) {
            let commit = base.header.environment.commit.get(..12).unwrap_or(&base.header.environment.commit);
            report.notes.push(format!("`assay profile CASE --against {commit}` draws the call stacks of both sides"));
        }
        report.judgement = Some(judgement);
        report.against = Some(format!("baseline {}", against.display()));
        let page = super::report::publish(&report, &path)?;
        print!("{}", reports::render(&report, self.format.unwrap_or(Format::Text))?);
        if self.format.is_none() {
            println!("\nrun:    {}\nreport: {}", path.display(), page.display());
        } else {
            eprintln!("report: {}", page.display());
        }
        Ok(exit)
    }

    /// Measures this tree and another revision in one session.
    fn execute_against(&self, revision: &str, policy: &Policy) -> Result<Exit> {
        let base = revision::build(revision)?;
        let budget = self.budget.map(Duration::from_secs);
        let judged = Versus { selection: &self.selection, policy, budget }.revision(&base, None)?;
        judged::publish(judged, &base.name(), self.format)
    }

    /// Leaves in the base what this gate was asked to look at: a benchmark that was filtered out, or that a brief run leaves out, is not missing.
    fn narrow(&self, base: &mut Run, new: &Run) -> Result<()> {
        let asked = self.selection.filter.is_some() || !self.selection.set.is_empty();
        let mut not_quick = Vec::new();
        if new.header.profile == Profile::Quick.name() {
            for listed in cases::LISTED {
                not_quick.extend(Some(listed.resolve(&[])?).filter(|case| !case.is_quick()).map(|case| case.record()));
            }
        }
        base.measurements.retain(|before| {
            let measured = || new.measurements.iter().any(|measurement| measurement.case == before.case);
            !(asked || not_quick.contains(&before.case)) || measured()
        });
        Ok(())
    }
}
