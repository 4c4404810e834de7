//! A benchmark of a site, with the file of its page.

use baselines::CaseKey;
use baselines::history::changes::ChangedSeries;
use baselines::history::series::Series;

/// A benchmark in one environment.
pub(super) struct Benchmark<'a> {
    pub(super) environment: &'a str,
    pub(super) case: &'a CaseKey,
    /// The file of its page.
    pub(super) file: String,
    pub(super) series: Vec<&'a ChangedSeries>,
}

impl Benchmark<'_> {
    pub(super) fn is_of(&self, series: &Series) -> bool {
        *self.case == series.case && self.environment == series.environment
    }

    pub(super) fn changes(&self) -> usize {
        self.series.iter().map(|one| one.changes.len()).sum()
    }
}
