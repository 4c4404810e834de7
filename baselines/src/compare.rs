//! Two runs beside each other: how far every metric of every case moved, and what that means.
//!
//! Exact metrics are judged by the policy's limits, where the environments allow it. Sampled times of two stored runs are never judged: only
//! rounds that alternate both sides in one session can be, and those bring their own verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cause::{FunctionDelta, attribute};
use crate::environment::Difference;
use crate::policy::{Action, Limit, Policy};
use crate::{Assume, Better, Case, Measurement, Metric, Run};

/// What a change means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Worse than the policy allows.
    Regressed,
    /// Better by more than the policy's limit.
    Improved,
    /// Inside the limits.
    Equal,
    /// The evidence decides neither way. Never shown as green.
    Inconclusive,
    /// The two numbers don't mean the same: the reason says why.
    Incomparable,
    /// The base has it, the new run does not.
    Missing,
    /// The new run has it, the base does not.
    Added,
    /// The measurement can't be believed.
    Invalid,
}

/// One metric of one case in both runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// The case.
    pub case: Case,
    /// The metric's name.
    pub metric: String,
    /// The median of the base's sample, in the metric's unit.
    pub base: Option<f64>,
    /// The median of the new sample, in the metric's unit.
    pub new: Option<f64>,
    /// The change as a part of the base: 0.01 is one per cent more.
    pub relative: Option<f64>,
    /// The 99% interval of `relative`, where it was sampled in rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// What it means.
    pub verdict: Verdict,
    /// Whether this metric may fail the gate.
    pub blocks: bool,
    /// The rule or the reason, for the reader.
    pub why: String,
    /// Where a changed count lies, the largest change first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cause: Vec<FunctionDelta>,
}

/// All deltas of two runs, in the order of the new run and then of the base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What differs between the environments and bears on exact counts.
    pub differences: Vec<Difference>,
    /// One a metric of a case.
    pub deltas: Vec<Delta>,
}

impl Verdict {
    /// The word in reports and records.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Regressed => "regressed",
            Verdict::Improved => "improved",
            Verdict::Equal => "equal",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Incomparable => "incomparable",
            Verdict::Missing => "missing",
            Verdict::Added => "added",
            Verdict::Invalid => "invalid",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Compares two runs under a policy on a day (exceptions expire).
pub fn compare(base: &Run, new: &Run, policy: &Policy, today: jiff::civil::Date) -> Comparison {
    let differences = base.header.environment.count_differences(&new.header.environment);
    let remembered: BTreeMap<(&Case, &str), &Measurement> = index(base);
    let mut seen = BTreeSet::new();
    let mut deltas = Vec::with_capacity(new.measurements.len());
    for measurement in &new.measurements {
        let key = (&measurement.case, measurement.metric.as_str());
        seen.insert(key);
        let limit = policy.limit(&measurement.case, &measurement.metric, today);
        deltas.push(match remembered.get(&key) {
            Some(before) => judge(before, measurement, &differences, limit),
            None => one_sided(measurement, Verdict::Added, limit),
        });
    }
    for measurement in &base.measurements {
        if !seen.contains(&(&measurement.case, measurement.metric.as_str())) {
            let limit = policy.limit(&measurement.case, &measurement.metric, today);
            deltas.push(one_sided(measurement, Verdict::Missing, limit));
        }
    }
    Comparison { differences, deltas }
}

fn index(run: &Run) -> BTreeMap<(&Case, &str), &Measurement> {
    run.measurements.iter().map(|measurement| ((&measurement.case, measurement.metric.as_str()), measurement)).collect()
}

fn one_sided(measurement: &Measurement, verdict: Verdict, limit: Option<Limit>) -> Delta {
    let median = Some(measurement.sample.median());
    let (base, new) = if verdict == Verdict::Missing { (median, None) } else { (None, median) };
    let why = match verdict {
        Verdict::Missing => "the base has it, the new run does not: measure it, or accept a new baseline without it",
        _ => "the base does not have it: accept a new baseline to judge it",
    };
    Delta {
        case: measurement.case.clone(),
        metric: measurement.metric.clone(),
        base,
        new,
        relative: None,
        interval: None,
        verdict,
        blocks: blocks(limit),
        why: why.to_owned(),
        cause: vec![],
    }
}

fn blocks(limit: Option<Limit>) -> bool {
    limit.is_some_and(|limit| limit.action == Action::Block)
}

fn judge(base: &Measurement, new: &Measurement, differences: &[Difference], limit: Option<Limit>) -> Delta {
    let (before, after) = (base.sample.median(), new.sample.median());
    let (verdict, why) = match Metric::find(&new.metric) {
        None => (Verdict::Invalid, "the metric is not in the table".to_owned()),
        Some(_) if base.durability != new.durability => {
            (Verdict::Incomparable, format!("durability differs: base {}, new {}", base.durability, new.durability))
        }
        Some(_) if base.operations != new.operations => (
            Verdict::Incomparable,
            format!("taken over {} operations in the base, {} now", base.operations, new.operations),
        ),
        Some(_) if !differences.is_empty() => {
            let fields: Vec<_> = differences.iter().map(|difference| difference.field.as_str()).collect();
            (Verdict::Incomparable, format!("numbers hold for one environment only: {} differ", fields.join(", ")))
        }
        Some(metric) if metric.assume == Assume::Sampled && metric.name != "errors" => (
            Verdict::Incomparable,
            "sampled in two sessions: `assay gate --against REV` measures both sides in one".to_owned(),
        ),
        Some(metric) => match limit {
            Some(limit) => within(metric, before, after, limit),
            None => (Verdict::Incomparable, "no rule of the policy names it: shown, not judged".to_owned()),
        },
    };
    let moved = matches!(verdict, Verdict::Regressed | Verdict::Improved);
    Delta {
        case: new.case.clone(),
        metric: new.metric.clone(),
        base: Some(before),
        new: Some(after),
        relative: relative(before, after),
        interval: None,
        verdict,
        blocks: blocks(limit),
        why,
        cause: if moved { attribute(&base.functions, &new.functions) } else { vec![] },
    }
}

/// The change as a part of the base; nothing where the base is 0 and the new value is not.
pub fn relative(base: f64, new: f64) -> Option<f64> {
    if base == new {
        Some(0.0)
    } else if base == 0.0 {
        None
    } else {
        Some((new - base) / base.abs())
    }
}

fn within(metric: &Metric, base: f64, new: f64, limit: Limit) -> (Verdict, String) {
    let why = format!(
        "limit {:.3}% and {}, {}",
        limit.relative * 100.0,
        metric.show(limit.absolute),
        if limit.action == Action::Block { "blocks" } else { "advises" }
    );
    let change = new - base;
    let past = change.abs() > limit.absolute && change.abs() > limit.relative * base.abs();
    let worse = match metric.better {
        Better::Lower => change > 0.0,
        Better::Higher => change < 0.0,
    };
    let verdict = match (past, worse) {
        (false, _) => Verdict::Equal,
        (true, true) => Verdict::Regressed,
        (true, false) => Verdict::Improved,
    };
    (verdict, why)
}
