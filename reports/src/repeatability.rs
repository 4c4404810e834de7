//! Repeated counts: the counts lane promises exact numbers, and this checks that repetitions gave the same ones.
//!
//! Only exact metrics with more than one value are looked at.

use baselines::{Assume, CaseKey, Lane, Run};

/// The repeated samples of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeatability<'a> {
    /// Every repeated sample of the counts lane: those that differ first, the widest first, then in the order of the
    /// run.
    pub samples: Vec<Repeated<'a>>,
}

/// One repeated sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeated<'a> {
    /// The case.
    pub case: &'a CaseKey,
    /// The metric's name.
    pub metric: &'a str,
    /// The values, in the order of measuring.
    pub values: &'a [f64],
    /// The distance between the extremes as a share of the median; 0 if all values are identical.
    pub relative_range: f64,
}

/// Every repeated sample of the counts lane; none if nothing was repeated.
pub fn of(run: &Run) -> Option<Repeatability<'_>> {
    let mut samples: Vec<_> = run
        .measurements
        .iter()
        .filter(|measurement| measurement.sample.values().len() > 1)
        .filter(|measurement| {
            measurement.metric().is_ok_and(|metric| metric.lane == Lane::Counts && metric.assume == Assume::Exact)
        })
        .map(|measurement| Repeated {
            case: &measurement.case,
            metric: &measurement.metric,
            values: measurement.sample.values(),
            relative_range: measurement.sample.relative_range(),
        })
        .collect();
    samples.sort_by(|a, b| b.relative_range.total_cmp(&a.relative_range));
    (!samples.is_empty()).then_some(Repeatability { samples })
}

impl Repeatability<'_> {
    /// The number of samples whose values are identical.
    pub fn identical(&self) -> usize {
        self.samples.iter().filter(|sample| sample.relative_range == 0.0).count()
    }

    /// The largest relative range.
    pub fn worst(&self) -> f64 {
        self.samples.first().map_or(0.0, |sample| sample.relative_range)
    }

    /// `118 of 120 identical, the rest at most 0.004% apart`.
    pub fn sentence(&self) -> String {
        let (identical, total) = (self.identical(), self.samples.len());
        if identical == total {
            format!("{identical} of {total} identical")
        } else {
            format!("{identical} of {total} identical, the rest at most {} apart", crate::numbers::spread(self.worst()))
        }
    }
}
