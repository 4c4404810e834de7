//! The changes of a history: between which commits a series changed, by how much, and if that blocks.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::series::{Point, Series};
use crate::metric::{Assume, Better};
use crate::policy::{Limit, Policy};
use crate::{Metric, Result};
use stats::change_points::{ChangePoint, change_points};
use stats::descriptive::median_in_place;
use stats::exact_changes::{is_noisy, steps_and_drifts};

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

/// A place where a series changed.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesChange {
    /// The position of the last point before the change: the change was made after its commit.
    pub from: usize,
    /// The position of the first point after the change: the change was made by its commit at the latest. The points
    /// in between, if there are any, are those of a drift.
    pub at: usize,
    /// The value before: of exact values that of the point `from`, else the median since the change before.
    pub before: f64,
    /// The value after: of exact values that of the point `at`, else the median up to the next change.
    pub after: f64,
    /// The probability of such a split in series of pure noise, corrected for the number of series; none of exact
    /// values, which have no noise.
    pub p_value: Option<f64>,
    /// It is for the worse, and beyond the policy's limit of the metric.
    pub is_worse: bool,
    /// It fails `assay history show`. One that a later change took back does not.
    pub blocks: bool,
}

impl SeriesChange {
    /// The change as a share of what was before; none if that was 0.
    pub fn relative(&self) -> Option<f64> {
        (self.before != 0.0).then(|| self.after / self.before - 1.0)
    }

    /// The last point before the change and the first one after it.
    pub fn between<'a>(&self, series: &'a Series) -> (&'a Point, &'a Point) {
        (&series.points[self.from], &series.points[self.at])
    }

    /// True if many small changes add up to this one.
    pub fn is_drift(&self) -> bool {
        self.at - self.from > 1
    }
}

/// The changes of all series. Exact values changed where they differ by more than the policy's limit. Where there is no
/// limit, or the values can't be exact, change points are found by E-divisive with means, corrected together.
///
/// # Errors
/// A metric is not in the table, or a value is not finite.
pub fn changes(all: Vec<Series>, policy: &Policy, today: Date) -> Result<Vec<ChangedSeries>> {
    let mut exact = Vec::with_capacity(all.len());
    let mut sampled = Vec::with_capacity(all.len());
    for series in &all {
        let values = series.values();
        let steps = exact_changes(Metric::named(&series.metric)?, &values, limit_of(series, policy, today))?;
        // What is exact takes no part in the correction for many series.
        sampled.push(if steps.is_some() { vec![] } else { values });
        exact.push(steps);
    }
    let points = change_points(&sampled, LEVEL, SEED)?;
    let dates = dates(&all);
    let mut changed = Vec::with_capacity(all.len());
    for (((series, exact), values), points) in all.into_iter().zip(exact).zip(sampled).zip(points) {
        let better = Metric::named(&series.metric)?.better;
        let limit = limit_of(&series, policy, today);
        let mut changes = exact.unwrap_or_else(|| between_medians(&values, &points));
        let is_worse = |before: f64, after: f64| {
            let worse = match better {
                Better::Lower => after - before,
                Better::Higher => before - after,
            };
            limit.is_some_and(|limit| worse > limit.allowed(before))
        };
        let last = changes.last().map(|change| change.after);
        for change in &mut changes {
            change.is_worse = is_worse(change.before, change.after);
            let stays = last.is_some_and(|last| is_worse(change.before, last));
            let is_recent = since(&series.points[change.at..], &dates) <= policy.history.recent;
            let blocks = is_recent && policy.history.blocks() && limit.is_some_and(Limit::blocks);
            change.blocks = change.is_worse && stays && blocks;
        }
        changed.push(ChangedSeries { series, changes });
    }
    Ok(changed)
}

/// The date of each commit that some series has, in order.
fn dates(all: &[Series]) -> Vec<String> {
    let points = all.iter().flat_map(|series| &series.points);
    let commits: BTreeSet<(&str, &str)> = points.map(|point| (point.date.as_str(), point.commit.as_str())).collect();
    commits.into_iter().map(|(date, _)| date.to_owned()).collect()
}

/// How many commits are measured since a change: those of its series from it on, or of all series if these go on
/// without it. A benchmark may be gone, and a toolchain too.
fn since(points: &[Point], dates: &[String]) -> usize {
    let before = points.first().map_or(0, |first| dates.partition_point(|date| *date < first.date));
    points.len().max(dates.len() - before)
}

fn limit_of(series: &Series, policy: &Policy, today: Date) -> Option<Limit> {
    policy.limit(&series.case, &series.metric, today)
}

/// The changes of exact values, not judged yet; none of a series that must be tested.
fn exact_changes(metric: &Metric, values: &[f64], limit: Option<Limit>) -> Result<Option<Vec<SeriesChange>>> {
    let Some(limit) = limit.filter(|_| metric.assume == Assume::Exact) else { return Ok(None) };
    let allowed = |value: f64| limit.allowed(value);
    if is_noisy(values, allowed) {
        return Ok(None);
    }
    let found = steps_and_drifts(values, allowed)?.into_iter();
    Ok(Some(found.map(|step| change(step.from, step.to, [values[step.from], values[step.to]], None)).collect()))
}

/// The change points of a series with noise, with the medians between them, not judged yet.
fn between_medians(values: &[f64], points: &[ChangePoint]) -> Vec<SeriesChange> {
    let ends = points.iter().map(|point| point.at).chain([values.len()]);
    let bounds: Vec<usize> = std::iter::once(0).chain(ends).collect();
    let medians: Vec<f64> =
        bounds.windows(2).map(|part| median_in_place(&mut values[part[0]..part[1]].to_vec())).collect();
    let sides = points.iter().zip(medians.windows(2));
    sides.map(|(point, sides)| change(point.at - 1, point.at, [sides[0], sides[1]], Some(point.p_value))).collect()
}

fn change(from: usize, at: usize, [before, after]: [f64; 2], p_value: Option<f64>) -> SeriesChange {
    SeriesChange { from, at, before, after, p_value, is_worse: false, blocks: false }
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

    /// 40 values, the last ten of them higher.
    fn step(base: f64, by: f64) -> impl Iterator<Item = f64> {
        (0..40).map(move |at| base + f64::from(at % 2) + if at >= 30 { by } else { 0.0 })
    }

    /// The commits between which a series changed, and the values on both sides.
    fn told(changed: &ChangedSeries) -> Vec<(&str, &str, f64, f64)> {
        let told = |change: &SeriesChange| {
            let (before, after) = change.between(&changed.series);
            (before.commit.as_str(), after.commit.as_str(), change.before, change.after)
        };
        changed.changes.iter().map(told).collect()
    }

    fn found(all: Vec<Series>, history: &str) -> Vec<ChangedSeries> {
        let text = format!("{}\n{history}", crate::policy::DEFAULT);
        let policy = Policy::parse(Path::new("p.toml"), &text).expect("parses");
        changes(all, &policy, "2026-01-01".parse().expect("a date")).expect("judged")
    }

    #[test]
    fn a_change_names_the_commits_and_the_values_around_it() {
        let found = found(vec![series("instructions", step(1000.0, 100.0)), series("branches", step(50.0, 0.0))], "");
        assert_eq!(told(&found[0]), [("c29", "c30", 1001.0, 1100.0)]);
        let change = &found[0].changes[0];
        assert_eq!((change.is_worse, change.blocks, change.p_value), (true, false, None));
        assert_eq!(told(&found[1]), []);
    }

    #[test]
    fn exact_counts_need_no_test() {
        // Of 35 commits nothing changed in most, one made it 28% slower and a later one took that back, as in httparse.
        let reverted = (0..35).map(|at| if (15..27).contains(&at) { 125.0 } else { 97.8 });
        let pulse = (0..35).map(|at| if at == 20 { 364.0 } else { 389.0 });
        let drift = (0..35).map(|at| 1000.0 + 2.0 * f64::from((at - 5_i32).clamp(0, 25)));
        let mut all =
            vec![series("instructions", reverted), series("instructions", pulse), series("instructions", drift)];
        // Many series that did not change take nothing away from these.
        all.extend((0..160).map(|number| series("instructions", (0..35).map(move |_| f64::from(number)))));
        let found = found(all, "");
        assert_eq!(told(&found[0]), [("c14", "c15", 97.8, 125.0), ("c26", "c27", 125.0, 97.8)]);
        assert_eq!(told(&found[1]), [("c19", "c20", 389.0, 364.0), ("c20", "c21", 364.0, 389.0)]);
        assert_eq!(told(&found[2]), [("c5", "c30", 1000.0, 1050.0)]);
        assert!(found[2].changes[0].is_drift() && !found[0].changes[0].is_drift());
        assert!(found[3..].iter().all(|one| one.changes.is_empty()));
    }

    #[test]
    fn what_is_not_exact_is_tested() {
        // Threads that race: every count is another one, by up to 4%.
        let noise = |by: f64| step(1000.0, by).zip(0..40_u32).map(|(value, at)| value + f64::from(at * 7 % 17) * 2.5);
        let noisy = vec![series("instructions", noise(0.0)), series("instructions", noise(100.0))];
        let found = found(noisy, "");
        assert_eq!(told(&found[0]), []);
        let [change] = &found[1].changes[..] else { panic!("one change: {:?}", found[1].changes) };
        assert!(change.at == 30 && change.p_value.is_some_and(|p| p <= LEVEL), "{change:?}");
    }

    #[test]
    fn what_has_no_limit_is_tested() {
        let found = found(vec![series("lines", step(1000.0, 100.0))], "");
        let [change] = &found[0].changes[..] else { panic!("one change: {:?}", found[0].changes) };
        assert_eq!((change.before, change.after, change.is_worse), (1000.5, 1100.5, false));
        assert!(change.p_value.is_some());
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
        assert_eq!(blocks("estimated_cycles", 1e4, 5e3, block), (true, false), "its rule advises");
        let within = found(vec![series("instructions", step(1e6, 1e2))], block);
        assert_eq!(within[0].changes, [], "within the limit of 0.3%");
        let old = "[history]\naction = \"block\"\nrecent = 9\n";
        assert_eq!(blocks("instructions", 1e3, 1e2, old), (true, false), "ten points ago");
    }

    #[test]
    fn what_was_taken_back_does_not_block() {
        let blocks = |after: f64| {
            let value = move |at: u32| match at {
                0..20 => 1000.0,
                20..30 => 1300.0,
                _ => after,
            };
            let found = found(vec![series("instructions", (0..40).map(value))], "[history]\naction = \"block\"\n");
            found[0].changes.iter().map(|change| (change.is_worse, change.blocks)).collect::<Vec<_>>()
        };
        assert_eq!(blocks(1000.0), [(true, false), (false, false)]);
        assert_eq!(blocks(1100.0), [(true, true), (false, false)], "not all of it");
        assert_eq!(blocks(1500.0), [(true, true), (true, true)]);
    }

    #[test]
    fn a_change_of_a_benchmark_that_is_gone_does_not_block_for_ever() {
        let block = "[history]\naction = \"block\"\nrecent = 10\n";
        let blocks = |commits: u32| {
            // Its last two commits are slower; the other series has all commits.
            let gone = series("instructions", (0..20).map(|at| if at < 18 { 1000.0 } else { 1100.0 }));
            let kept = series("instructions", (0..commits).map(|_| 50.0));
            let found = found(vec![gone, kept], block);
            let [change] = &found[0].changes[..] else { panic!("one change: {:?}", found[0].changes) };
            assert!(change.is_worse && change.at == 18, "{change:?}");
            change.blocks
        };
        assert!(blocks(20) && blocks(28), "ten commits are measured since");
        assert!(!blocks(29) && !blocks(100));
    }
}
