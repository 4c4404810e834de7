//! The changes of a history: between which commits a series changed, by how much, and if that blocks.

use jiff::civil::Date;

use super::series::{Point, Series};
use crate::metric::Better;
use crate::policy::Policy;
use crate::{Metric, Result};
use stats::change_points::change_points;
use stats::descriptive::median_in_place;

/// The probability of any change point in series of pure noise, at most.
pub const LEVEL: f64 = 0.05;

/// The seed of the permutations.
const SEED: u64 = 20_260_122;

/// A series and its changes.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedSeries {
    /// The series.
    pub series: Series,
    /// The changes, by date; often none.
    pub changes: Vec<SeriesChange>,
}

/// A place where a series changed for good.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesChange {
    /// The position of the first point after the change. The change was made after the commit of the point before it,
    /// and at the latest by the commit of this point.
    pub at: usize,
    /// The median between the change before and this one.
    pub before: f64,
    /// The median between this change and the next one.
    pub after: f64,
    /// The probability of such a split in series of pure noise, corrected for the number of series.
    pub p_value: f64,
    /// It is for the worse, and beyond the policy's limit of the metric.
    pub is_worse: bool,
    /// It fails `assay history show`.
    pub blocks: bool,
}

impl SeriesChange {
    /// The change as a share of what was before; none if that was 0.
    pub fn relative(&self) -> Option<f64> {
        (self.before != 0.0).then(|| self.after / self.before - 1.0)
    }

    /// The last point before the change and the first one after it.
    pub fn between<'a>(&self, series: &'a Series) -> (&'a Point, &'a Point) {
        (&series.points[self.at - 1], &series.points[self.at])
    }
}

/// The changes of all series, corrected together.
///
/// # Errors
/// A metric is not in the table, or a value is not finite.
pub fn changes(all: Vec<Series>, policy: &Policy, today: Date) -> Result<Vec<ChangedSeries>> {
    let values: Vec<Vec<f64>> = all.iter().map(Series::values).collect();
    let found = change_points(&values, LEVEL, SEED)?;
    let mut changed = Vec::with_capacity(all.len());
    for ((series, values), points) in all.into_iter().zip(values).zip(found) {
        let metric = Metric::named(&series.metric)?;
        let limit = policy.limit(&series.case, &series.metric, today);
        let ends = points.iter().map(|point| point.at).chain([values.len()]);
        let bounds: Vec<usize> = std::iter::once(0).chain(ends).collect();
        let medians: Vec<f64> =
            bounds.windows(2).map(|part| median_in_place(&mut values[part[0]..part[1]].to_vec())).collect();
        let change = |(point, sides): (_, &[f64])| {
            let stats::change_points::ChangePoint { at, p_value } = point;
            let worse = match metric.better {
                Better::Lower => sides[1] - sides[0],
                Better::Higher => sides[0] - sides[1],
            };
            let allowed = |limit: crate::policy::Limit| limit.absolute.max(limit.relative * sides[0].abs());
            let is_worse = limit.is_some_and(|limit| worse > allowed(limit));
            let is_recent = values.len() - at <= policy.history.recent;
            let blocks = is_worse && is_recent && policy.history.blocks() && limit.is_some_and(|limit| limit.blocks());
            SeriesChange { at, before: sides[0], after: sides[1], p_value, is_worse, blocks }
        };
        let changes = points.into_iter().zip(medians.windows(2)).map(change).collect();
        changed.push(ChangedSeries { series, changes });
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::CaseKey;

    fn series(metric: &str, values: impl Iterator<Item = f64>) -> Series {
        let point = |(number, value)| Point { commit: format!("c{number}"), date: format!("{number:03}"), value };
        Series {
            environment: "x86_64".to_owned(),
            case: CaseKey { benchmark: "parse".to_owned(), variant: String::new() },
            metric: metric.to_owned(),
            operations: 20,
            points: values.enumerate().map(point).collect(),
        }
    }

    fn step(base: f64, by: f64) -> impl Iterator<Item = f64> {
        (0..40).map(move |at| base + f64::from(at % 2) + if at >= 30 { by } else { 0.0 })
    }

    fn found(all: Vec<Series>, history: &str) -> Vec<ChangedSeries> {
        let text = format!("{}\n{history}", crate::policy::DEFAULT);
        let policy = Policy::parse(Path::new("p.toml"), &text).expect("parses");
        changes(all, &policy, "2026-01-01".parse().expect("a date")).expect("judged")
    }

    #[test]
    fn a_change_names_the_commits_and_the_values_around_it() {
        let found = found(vec![series("instructions", step(1000.0, 100.0)), series("branches", step(50.0, 0.0))], "");
        let change = &found[0].changes[..];
        let [change] = change else { panic!("one change: {change:?}") };
        assert_eq!((change.before, change.after, change.is_worse, change.blocks), (1000.5, 1100.5, true, false));
        let (before, after) = change.between(&found[0].series);
        assert_eq!((before.commit.as_str(), after.commit.as_str()), ("c29", "c30"));
        assert!(change.p_value <= LEVEL && found[1].changes.is_empty());
    }

    #[test]
    fn only_what_is_worse_beyond_the_limit_and_recent_blocks_and_only_if_asked_for() {
        let blocks = |metric: &str, base: f64, by: f64, history: &str| {
            let found = found(vec![series(metric, step(base, by))], history);
            let [change] = &found[0].changes[..] else { panic!("one change: {:?}", found[0].changes) };
            (change.is_worse, change.blocks)
        };
        let block = "[history]\naction = \"block\"\n";
        assert_eq!(blocks("instructions", 1e3, 1e2, block), (true, true));
        assert_eq!(blocks("instructions", 1e3, 1e2, ""), (true, false), "off by default");
        assert_eq!(blocks("instructions", 1e3, -1e2, block), (false, false), "better");
        assert_eq!(blocks("instructions", 1e6, 1e2, block), (false, false), "within the limit of 0.3%");
        assert_eq!(blocks("estimated_cycles", 1e4, 5e3, block), (true, false), "its rule advises");
        let old = "[history]\naction = \"block\"\nrecent = 9\n";
        assert_eq!(blocks("instructions", 1e3, 1e2, old), (true, false), "ten points ago");
    }
}
