//! The trends that a report shows: what the stored history knows of a run's cases.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use baselines::history::changes::changes;
use baselines::history::{History, series};
use baselines::policy::Policy;
use baselines::{CaseKey, Run};
use harness::session::runs;
use harness::workspace;
use reports::{RawFile, Report};

/// The most commits of a trend: the last ones.
const COMMITS: usize = 120;

/// Adds the trends of a run to its report, and the history that they are of to the report's raw data.
pub fn attach(report: &mut Report, path: &Path) -> Result<()> {
    let history = history(path, &report.run)?;
    report.trends = changes(series::series(&history, |_| true), &Policy::standard(), runs::today())?;
    if !report.trends.is_empty() {
        report.raw.push(RawFile::new(&beside(path), history.to_text().into_bytes()));
    }
    Ok(())
}

/// The history beside a run that was saved from a page.
fn beside(run: &Path) -> PathBuf {
    run.with_extension("history.jsonl")
}

/// The history of a run's cases in its environment, with the metrics that block: from the file beside the run if there
/// is one, or from the stored history.
fn history(path_of_run: &Path, run: &Run) -> Result<History> {
    let beside = beside(path_of_run);
    let mut history = match beside.is_file() {
        true => History::read(&beside)?,
        false => History::open(&workspace::histories(), &run.header.environment.key())?,
    };
    history.commits.drain(..history.commits.len().saturating_sub(COMMITS));
    let cases: BTreeSet<&CaseKey> = run.measurements.iter().map(|measurement| &measurement.case).collect();
    let (policy, today) = (Policy::standard(), runs::today());
    for commit in &mut history.commits {
        commit.cases.retain(|values| cases.contains(&values.case));
        for values in &mut commit.cases {
            let blocks = |metric: &str| policy.limit(&values.case, metric, today).is_some_and(|limit| limit.blocks());
            values.values.retain(|metric, _| blocks(metric));
        }
    }
    Ok(history)
}
