//! Repeated counts: the counts lane promises exact numbers, and this checks that repetitions gave the same ones.
//!
//! Only exact metrics with more than one value are looked at.

use baselines::{Assume, Lane, Measurement, Run};

/// The repeated counts of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeatability<'a> {
    /// The counts with several values: the widest range first, and identical ones in the order of the run.
    pub counts: Vec<&'a Measurement>,
}

/// The repeated counts of a run; none if nothing was repeated.
pub fn of(run: &Run) -> Option<Repeatability<'_>> {
    let is_count = |metric: &baselines::Metric| metric.lane == Lane::Counts && metric.assume == Assume::Exact;
    let mut counts: Vec<&Measurement> = (run.measurements.iter())
        .filter(|measurement| measurement.sample.values().len() > 1 && measurement.metric().is_ok_and(is_count))
        .collect();
    counts.sort_by(|a, b| b.sample.relative_range().total_cmp(&a.sample.relative_range()));
    (!counts.is_empty()).then_some(Repeatability { counts })
}

impl Repeatability<'_> {
    /// The number of counts whose values are identical.
    pub fn identical(&self) -> usize {
        self.counts.iter().filter(|count| count.sample.relative_range() == 0.0).count()
    }

    /// The largest relative range.
    pub fn worst(&self) -> f64 {
        self.counts.first().map_or(0.0, |count| count.sample.relative_range())
    }

    /// `118 of 120 identical, the rest at most 0.004% apart`.
    pub fn sentence(&self) -> String {
        let (identical, total) = (self.identical(), self.counts.len());
        let rest = match total - identical {
            0 => String::new(),
            _ => format!(", the rest at most {} apart", crate::numbers::spread(self.worst())),
        };
        format!("{identical} of {total} identical{rest}")
    }
}
