//! `assay history`: the exact counts of many commits, and where they changed.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use baselines::exit_code::Exit;
use baselines::history::changes::{ChangedSeries, changes};
use baselines::history::{CommitRecord, History, series};
use clap::{Args, Subcommand};
use harness::build::git::repository_of;
use harness::recorded::selects;
use harness::session::backfill::{self, Backfill};
use harness::session::odd_runs::odd_runs;
use harness::session::plan::Selection;
use harness::session::rulebook::{BaseCommit, Rulebook};
use harness::session::runs;
use harness::{subject, workspace};
use reports::history::HistoryReport;

use super::cargo_args::CargoArgs;

/// Keep the counts of many commits, and find where they changed
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A history is of exact counts, one file for each environment (toolchain, valgrind, CPU as valgrind presents it), in
baselines/history. Commit it. A count changed where it differs by more than the policy's limit; METHODOLOGY.md has more.

Examples:
  assay history backfill v1.0..main --every 5 parse    count the benchmark `parse` at every fifth commit
  assay history add latest                             add the newest run
  assay history show                                   the commits between which something changed
  assay history site public                            pages for a static host")]
pub enum HistoryCommand {
    /// Add runs and baselines, at their commits
    Add(AddArgs),
    /// Show where series changed; ends with 100 if the policy's [history] blocks one
    Show(ShowHistoryArgs),
    /// Build and count earlier commits, the newest first; an interrupted backfill continues where it stopped
    Backfill(BackfillArgs),
    /// Write static pages: the trend of each series, with its changes
    Site(SiteArgs),
}

/// The folder of histories.
#[derive(Debug, Args)]
pub struct HistoryFolder {
    /// The folder of histories [default: baselines/history]
    #[arg(long, value_name = "FOLDER")]
    history: Option<PathBuf>,
}

/// `assay history add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Runs or baselines: paths, names in target/assay/runs, or `latest`
    #[arg(default_value = "latest")]
    runs: Vec<String>,

    #[command(flatten)]
    folder: HistoryFolder,
}

/// `assay history show`.
#[derive(Debug, Args)]
pub struct ShowHistoryArgs {
    /// Only benchmarks and variants that contain this text
    filter: Option<String>,

    #[command(flatten)]
    folder: HistoryFolder,

    /// The limits of metrics [default: baselines/policy.toml, or the built-in policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// `assay history backfill`.
#[derive(Debug, Args)]
pub struct BackfillArgs {
    /// The commits, as a range of git: those of B that A does not have, by first parents
    #[arg(value_name = "A..B")]
    range: String,

    /// Only benchmarks that contain this text
    filter: Option<String>,

    /// Only every N-th commit, from the newest
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,

    /// Retry commits that an earlier backfill left out, for instance because they did not build
    #[arg(long)]
    retry: bool,

    #[command(flatten)]
    folder: HistoryFolder,

    #[command(flatten)]
    cargo: CargoArgs,
}

/// `assay history site`.
#[derive(Debug, Args)]
pub struct SiteArgs {
    /// The folder of the pages
    output: PathBuf,

    #[command(flatten)]
    shown: ShowHistoryArgs,
}

impl HistoryFolder {
    fn path(&self) -> PathBuf {
        self.history.clone().unwrap_or_else(workspace::histories)
    }
}

impl HistoryCommand {
    /// Runs the subcommand.
    pub fn execute(&self) -> Result<Exit> {
        match self {
            HistoryCommand::Add(add) => add.execute(),
            HistoryCommand::Show(show) => show.execute(),
            HistoryCommand::Backfill(backfill) => backfill.execute(),
            HistoryCommand::Site(site) => site.execute(),
        }
    }
}

impl AddArgs {
    fn execute(&self) -> Result<Exit> {
        let folder = self.folder.path();
        for named in &self.runs {
            let run = runs::read(&runs::find(named)?, false)?;
            ensure!(
                !run.header.is_foreign(),
                "{named} is another tool's, and names no commit: `assay baseline accept` keeps its counts"
            );
            let environment = &run.header.environment;
            let dated = backfill::date(&workspace::root(), &environment.commit);
            let mut record = CommitRecord::of_run(&run, &dated.unwrap_or_else(|| run.header.started_at.clone()))?;
            let mut history = History::open(&folder, &environment.key())?;
            // A run does not say if it has all benchmarks: the next backfill still counts what another one left.
            record.filters = history.find(&record.commit).map(|known| known.filters.clone()).unwrap_or_default();
            println!(
                "{}: {} cases of {}",
                History::path(&folder, &history.environment).display(),
                record.cases.len(),
                record.commit
            );
            tell_other_series(&history, &record);
            history.add(record);
            history.write(&folder)?;
        }
        Ok(Exit::Ok)
    }
}

/// Says which cases were counted over another number of operations than in the history: between two series, a change is
/// not seen.
fn tell_other_series(history: &History, record: &CommitRecord) {
    for values in &record.cases {
        let before = history.operations(&values.case).filter(|before| *before != values.operations);
        if let Some(before) = before {
            eprintln!(
                "note: {} was counted over {} operations, and over {before} in the history: this begins another series \
                 (a backfill counts as the history does)",
                values.case, values.operations
            );
        }
    }
}

impl ShowHistoryArgs {
    fn execute(&self) -> Result<Exit> {
        let reports = self.reports()?;
        for report in &reports {
            print!("{}", reports::history::text(report));
        }
        let changes = || reports.iter().flat_map(|report| &report.series).flat_map(|one| &one.changes);
        Ok(match changes().any(|change| change.blocks) {
            true => Exit::Regressed,
            false if reports.iter().all(|report| report.series.is_empty()) => self.nothing(),
            false => Exit::Ok,
        })
    }

    fn nothing(&self) -> Exit {
        let folder = self.folder.path();
        eprintln!(
            "there is no matching history in {}: `assay history backfill HEAD~20..HEAD` measures commits",
            folder.display()
        );
        Exit::Nothing
    }

    /// What judges: the policy of the base, as in a gate.
    fn rulebook(&self) -> Result<Rulebook> {
        let (root, own) = (workspace::root(), workspace::policy());
        let repository = repository_of(&root).unwrap_or(root);
        match BaseCommit::of_tree(&repository)? {
            Some(base) => Rulebook::of_base(base, self.policy.as_deref()),
            None => Rulebook::of_this_tree(self.policy.as_deref().or(own.is_file().then_some(&own))),
        }
    }

    /// The histories, with what is shown of them. All series are judged together, whatever is shown.
    fn reports(&self) -> Result<Vec<HistoryReport>> {
        let histories = History::list(&self.folder.path())?;
        let all = histories.iter().flat_map(|history| series::series(history, |_| true)).collect();
        let rulebook = self.rulebook()?;
        rulebook.notes.iter().for_each(|note| eprintln!("note: {note}"));
        let mut judged = changes(all, &rulebook.policy, runs::today())?;
        judged.retain(|one| selects(self.filter.as_deref(), "", &one.series.case));
        let report = |history: History| {
            let is_of = |one: &&ChangedSeries| one.series.environment == history.environment;
            let series = judged.iter().filter(is_of).cloned().collect();
            let odd = odd_runs(&history, &rulebook.policy, runs::today(), |_| true);
            HistoryReport { environment: history.environment, commits: history.commits, odd, series }
        };
        Ok(histories.into_iter().map(report).collect())
    }
}

impl BackfillArgs {
    fn execute(&self) -> Result<Exit> {
        let selection = Selection { filter: self.filter.clone(), ..Selection::default() };
        let subject = subject::here(selection.source()?, self.cargo.choice())?;
        let repository = backfill::repository(&*subject)?;
        let commits = backfill::commits(&repository, &self.range, self.every as usize)?;
        if commits.is_empty() {
            eprintln!("{}", backfill::no_commits(&repository, &self.range));
            return Ok(Exit::Nothing);
        }
        let folder = self.folder.path();
        let backfill = Backfill { subject: &*subject, selection: &selection, folder: &folder, retry: self.retry };
        let done = backfill.run(&commits)?;
        println!(
            "{} commits: {} measured, {} known, {} left out; `assay history show` tells where something changed",
            commits.len(),
            done.measured,
            done.known,
            done.left_out.len()
        );
        if done.left_out_before > 0 {
            eprintln!("note: {} left out by an earlier backfill: `--retry` tries again", done.left_out_before);
        }
        Ok(if done.measured + done.known == 0 { Exit::Nothing } else { Exit::Ok })
    }
}

impl SiteArgs {
    fn execute(&self) -> Result<Exit> {
        let reports = self.shown.reports()?;
        if reports.iter().all(|report| report.series.is_empty()) {
            return Ok(self.shown.nothing());
        }
        let pages = reports::history::site(&reports, &self.output)
            .with_context(|| format!("can't write the site into {}", self.output.display()))?;
        println!("{}: {pages} pages", self.output.join("index.html").display());
        Ok(Exit::Ok)
    }
}
