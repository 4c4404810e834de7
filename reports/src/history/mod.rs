//! The history of a project, as text for a terminal and as a site of static pages.
//!
//! It shows what [`baselines::history`] found and judges nothing.

mod benchmark;
mod page;
mod site;
mod text;
pub(crate) mod trend;

use baselines::history::changes::{ChangedSeries, SeriesChange};
use baselines::history::series::Series;
use baselines::history::{CommitRecord, OddRun};
use baselines::metric::Better;
use baselines::{Metric, Unit};

pub use site::site;
pub use text::render as text;

use crate::numbers::percent;

/// The history of one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryReport {
    /// The key of the environment.
    pub environment: String,
    /// The commits, by date.
    pub commits: Vec<CommitRecord>,
    /// The odd runs among them.
    pub odd: Vec<OddRun>,
    /// The series that are shown, with their changes.
    pub series: Vec<ChangedSeries>,
}

/// The first letters of a commit.
fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// The day of a date in RFC 3339.
fn day(date: &str) -> &str {
    date.get(..10).unwrap_or(date)
}

/// A value of a series as people read it.
fn shown(series: &Series, value: f64) -> String {
    unit(series).show(value)
}

fn unit(series: &Series) -> Unit {
    Metric::find(&series.metric).map_or(Unit::Count, |metric| metric.unit)
}

/// `+27.6%`; where there was nothing before, `new`.
fn size(change: &SeriesChange) -> String {
    change.relative().map_or_else(|| "new".to_owned(), percent)
}

/// What a change means for the gate; of a drift, over how many commits it goes.
fn meaning(series: &Series, change: &SeriesChange) -> String {
    let grows = change.after > change.before;
    let is_good = Metric::find(&series.metric).is_some_and(|metric| grows == (metric.better == Better::Higher));
    let meaning = match change {
        SeriesChange { blocks: true, .. } => "worse, blocks",
        SeriesChange { is_worse: true, .. } => "worse",
        _ if is_good => "better",
        _ => "within the limit",
    };
    match change.is_drift() {
        true => format!("{meaning}, little by little over {} commits", change.at - change.from),
        false => meaning.to_owned(),
    }
}

/// All changes, the newest first.
fn newest_first(series: &[ChangedSeries]) -> Vec<(&Series, &SeriesChange)> {
    let all = series.iter().flat_map(|one| one.changes.iter().map(move |change| (&one.series, change)));
    let mut all: Vec<_> = all.collect();
    let date = |(series, change): &(&Series, &SeriesChange)| change.between(series).1.date.clone();
    all.sort_by_key(|entry| std::cmp::Reverse(date(entry)));
    all
}
