//! The values of one metric of one case, commit by commit.

use std::collections::BTreeMap;

use super::{CommitRecord, History};
use crate::CaseKey;

/// A line of values, by date.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The key of the environment.
    pub environment: String,
    /// The case.
    pub case: CaseKey,
    /// The name of the metric.
    pub metric: String,
    /// The number of operations behind each value.
    pub operations: u64,
    /// The points: at least one.
    pub points: Vec<Point>,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The full commit.
    pub commit: String,
    /// Its date, RFC 3339 in UTC.
    pub date: String,
    /// The value for one operation, in the metric's unit.
    pub value: f64,
}

impl Series {
    /// The values alone.
    pub fn values(&self) -> Vec<f64> {
        self.points.iter().map(|point| point.value).collect()
    }
}

/// All series of a history whose case is `wanted`, by case and metric.
pub fn series(history: &History, wanted: impl Fn(&CaseKey) -> bool) -> Vec<Series> {
    let mut all: BTreeMap<(&CaseKey, &str, u64), Vec<Point>> = BTreeMap::new();
    for CommitRecord { commit, date, cases, .. } in &history.commits {
        for case in cases.iter().filter(|values| wanted(&values.case)) {
            for (metric, value) in &case.values {
                let point = Point { commit: commit.clone(), date: date.clone(), value: *value };
                all.entry((&case.case, metric, case.operations)).or_default().push(point);
            }
        }
    }
    let named = |((case, metric, operations), points): ((&CaseKey, &str, u64), Vec<Point>)| Series {
        environment: history.environment.clone(),
        case: case.clone(),
        metric: metric.to_owned(),
        operations,
        points,
    };
    all.into_iter().map(named).collect()
}
