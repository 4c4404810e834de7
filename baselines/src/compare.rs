//! Two runs side by side: the change of every metric of every case, and the verdict on it.
//!
//! Exact metrics are judged by the policy's limits, if the environments allow it. Sampled metrics of two stored runs
//! are never judged: that takes rounds that alternate both sides in one session, which bring their own verdicts.

use std::collections::{BTreeMap, BTreeSet};

use crate::cause::{FunctionDelta, attribute, attribute_blocks};
use crate::delta::{Comparison, Delta, Verdict, less_work};
use crate::environment::Difference;
use crate::metric::ERRORS;
use crate::policy::{Limit, Policy};
use crate::{Assume, Better, CaseKey, FunctionCost, Lane, Measurement, Metric, Run, Sample};

/// Compares two runs under a policy on a day (exceptions expire).
pub fn compare(base: &Run, new: &Run, policy: &Policy, today: jiff::civil::Date) -> Comparison {
    fn key(measurement: &Measurement) -> (&CaseKey, &str) {
        (&measurement.case, &measurement.metric)
    }
    let differences = base.header.environment.count_differences(&new.header.environment);
    let foreign = new.header.is_foreign();
    let sessions = if foreign { FOREIGN_SESSIONS } else { TWO_SESSIONS };
    let remembered: BTreeMap<_, _> = base.measurements.iter().map(|before| (key(before), before)).collect();
    // Absolute limits are those of one operation, and another tool's values may be of any number of them.
    let absolute = |limit: Limit| if foreign { 0.0 } else { limit.absolute };
    let limit = |of: &Measurement| {
        let limit = policy.limit(&of.case, &of.metric, today)?;
        Some(Limit { absolute: absolute(limit), ..limit })
    };
    let (costs_before, costs_now) = (costs(base), costs(new));
    let judge = |before: &Measurement, after: &Measurement| {
        let cause = || match (costs_before.get(&before.case), costs_now.get(&after.case)) {
            (Some(base), Some(new)) if after.metric == "allocations" => {
                attribute_blocks((base, total(before)), (new, total(after)))
            }
            _ => attribute(&before.functions, &after.functions),
        };
        let redefined = |why: String| policy.redefined(&after.case, &after.metric, today, &why);
        judge(before, after, &differences, sessions, limit(after), redefined, cause)
    };
    let mut deltas: Vec<Delta> = Vec::with_capacity(new.measurements.len());
    deltas.extend(new.measurements.iter().map(|after| match remembered.get(&key(after)) {
        Some(before) => judge(before, after),
        // Baselines keep no errors, and a run without any may not say so.
        None if after.metric == ERRORS && value(after) > 0.0 => {
            judge(&Measurement { sample: Sample::zero(), ..after.clone() }, after)
        }
        None => added(after, limit(after)),
    }));
    let measured: BTreeSet<_> = new.measurements.iter().map(key).collect();
    let missing = base.measurements.iter().filter(|before| !measured.contains(&key(before)));
    deltas.extend(missing.map(|before| {
        let accepted = policy.accepts_redefinition(&before.case, today);
        lacking(before, &differences, limit(before), accepted)
    }));
    Comparison { differences, deltas }
}

/// The costs by function of each case.
fn costs(run: &Run) -> BTreeMap<&CaseKey, &[FunctionCost]> {
    let known = run.measurements.iter().filter(|measurement| !measurement.functions.is_empty());
    known.map(|measurement| (&measurement.case, &measurement.functions[..])).collect()
}

/// What the first repetition, of which the costs by function are, counted of all operations.
fn total(of: &Measurement) -> f64 {
    of.sample.values()[0] * of.operations as f64
}

/// Why sampled values of two stored runs are not judged, with the remedy.
const TWO_SESSIONS: &str = "sampled in two sessions: `assay gate --against REV` measures both sides in one";
/// The same of runs of other tools, which Assay can't repeat.
const FOREIGN_SESSIONS: &str = "sampled in two sessions, between which the machine may have changed: shown, not judged";

fn added(after: &Measurement, limit: Option<Limit>) -> Delta {
    let why = "the base does not have it: accept a new baseline to judge it".to_owned();
    delta(after, [None, Some(value(after))], limit, (Verdict::Added, why))
}

/// The delta of a measurement that the new run lacks. What would not be judged if it were there can't block, nor what
/// somebody `accepted`.
fn lacking(before: &Measurement, differences: &[Difference], limit: Option<Limit>, accepted: Option<String>) -> Delta {
    let limit = limit.filter(|_| accepted.is_none());
    let judged = if differences.is_empty() {
        let remedy = accepted.unwrap_or_else(|| {
            "measure or restore it, or have a [[redefinition]] in the base's policy accept that".to_owned()
        });
        (Verdict::Missing, format!("the base has it, the new run does not: {remedy}"))
    } else {
        (Verdict::Incomparable, other_environment(differences))
    };
    let limit = limit.filter(|_| !Metric::find(&before.metric).is_some_and(is_bound_to_session));
    delta(before, [Some(value(before)), None], limit, judged)
}

/// What is compared: the median, of errors the most.
fn value(of: &Measurement) -> f64 {
    if of.metric == ERRORS { of.sample.extremes().1 } else { of.sample.median() }
}

/// Only values of one session tell anything of it.
fn is_bound_to_session(metric: &Metric) -> bool {
    metric.assume == Assume::Sampled && metric.name != ERRORS
}

fn other_environment(differences: &[Difference]) -> String {
    let fields: Vec<_> = differences.iter().map(|difference| difference.field.as_str()).collect();
    format!("numbers hold for one environment only: {} differ", fields.join(", "))
}

/// A delta without an interval and a cause.
fn delta(of: &Measurement, [base, new]: [Option<f64>; 2], limit: Option<Limit>, judged: (Verdict, String)) -> Delta {
    let relative = base.zip(new).and_then(|(base, new)| relative(base, new));
    let blocks = limit.is_some_and(Limit::blocks);
    Delta { base, new, relative, ..Delta::new(of.case.clone(), &of.metric, judged, blocks) }
}

fn judge(
    base: &Measurement,
    new: &Measurement,
    differences: &[Difference],
    sessions: &str,
    limit: Option<Limit>,
    redefined: impl FnOnce(String) -> (Verdict, String),
    cause: impl FnOnce() -> Vec<FunctionDelta>,
) -> Delta {
    let (before, after) = (value(base), value(new));
    let incomparable = |why: String| (Verdict::Incomparable, why);
    let (verdict, why) = match Metric::find(&new.metric) {
        None => (Verdict::Invalid, "the metric is not in the table".to_owned()),
        Some(_) if !differences.is_empty() => incomparable(other_environment(differences)),
        Some(metric) if is_bound_to_session(metric) => incomparable(sessions.to_owned()),
        Some(metric) => match (redefinition(metric, base, new), limit) {
            (Some(why), _) => redefined(why),
            (None, Some(limit)) => repeatedly(metric, base, new, limit),
            (None, None) => incomparable("no rule of the policy names it: shown, not judged".to_owned()),
        },
    };
    let moved = matches!(verdict, Verdict::Regressed | Verdict::Improved);
    let cause = if moved { cause() } else { vec![] };
    Delta { cause, ..delta(new, [Some(before), Some(after)], limit, (verdict, why)) }
}

/// The counter of a process's threads.
pub const THREADS: &str = "threads";

/// The counter of branches that callgrind's predictor got wrong in the counted operations. It depends on addresses.
pub const MISPREDICTED: &str = "mispredicted_branches";

/// How the new side's case means something else than the base's.
fn redefinition(metric: &Metric, base: &Measurement, new: &Measurement) -> Option<String> {
    if base.durability != new.durability {
        return Some(format!("durability differs: base {}, new {}", base.durability, new.durability));
    }
    if base.operations != new.operations {
        return Some(format!("taken over {} operations in the base, {} now", base.operations, new.operations));
    }
    if let (Some(before), Some(now)) = (&base.input, &new.input)
        && before != now
    {
        return Some(format!("it works on another input: base {before}, here {now}"));
    }
    let threads = |of: &Measurement| of.counters.get(THREADS).copied();
    if let (Some(1), Some(threads @ 2..)) = (threads(base), threads(new)) {
        return Some(format!("it has {threads} threads, the base has one: only the first is counted"));
    }
    let done = |name| new.counters.get(name).copied().unwrap_or(0);
    less_work(
        (base.counters.iter())
            .filter(|(name, _)| metric.lane == Lane::Counts && ![THREADS, MISPREDICTED].contains(&name.as_str()))
            .map(|(name, before)| (name, *before, done(name))),
    )
}

/// The change as a share of the base. None if the base is 0 and the new value is not.
pub fn relative(base: f64, new: f64) -> Option<f64> {
    if base == new { Some(0.0) } else { (base != 0.0).then(|| (new - base) / base.abs()) }
}

/// The verdict on the medians. Where they are within the limit and the worst repetitions are not, that is not decided:
/// a cost that is there in two of five processes is one.
fn repeatedly(metric: &Metric, base: &Measurement, new: &Measurement, limit: Limit) -> (Verdict, String) {
    let (verdict, why) = within(metric, value(base), value(new), limit);
    let worst = |of: &Measurement| match (metric.better, of.sample.extremes()) {
        (Better::Lower, (_, most)) => most,
        (Better::Higher, (least, _)) => least,
    };
    let (before, after) = (worst(base), worst(new));
    if verdict == Verdict::Regressed || within(metric, before, after, limit).0 != Verdict::Regressed {
        return (verdict, why);
    }
    let (before, after) = (metric.show(before), metric.show(after));
    let why =
        format!("{why}: the median is within it, the worst repetition is not ({before} in the base, {after} now)");
    (Verdict::Inconclusive, why)
}

fn within(metric: &Metric, base: f64, new: f64, limit: Limit) -> (Verdict, String) {
    let action = if limit.blocks() { "blocks" } else { "advises" };
    let why = match limit.relative == 0.0 && limit.absolute == 0.0 {
        true => format!("no rise is allowed, {action}"),
        false => format!("limit {:.3}% and {}, {action}", limit.relative * 100.0, metric.show(limit.absolute)),
    };
    let change = new - base;
    let past = change.abs() > limit.allowed(base);
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
