//! A delta in words, which several formats share, and what it says at all.

use baselines::Metric;
use baselines::delta::{Delta, Verdict};

use crate::numbers::{percent, percent_at_most};

/// The words behind a verdict that would block, if the policy said so.
pub fn advises(delta: &Delta) -> &'static str {
    let may_block = matches!(delta.verdict, Verdict::Regressed | Verdict::Missing | Verdict::Inconclusive);
    if may_block && !delta.blocks { " (advises)" } else { "" }
}

/// `+1.30% [+1.10%, +1.50%] at most +1.70%`; empty if there is no base.
pub fn change(delta: &Delta) -> String {
    let interval =
        delta.interval.map(|[low, high]| format!(" [{}, {}]", percent(low), percent(high))).unwrap_or_default();
    let bound = bound(delta).map(|bound| format!(" {bound}")).unwrap_or_default();
    delta.relative.map(|relative| format!("{}{interval}{bound}", percent(relative))).unwrap_or_default()
}

/// `at most +1.70%`: what is beyond is ruled out.
pub fn bound(delta: &Delta) -> Option<String> {
    delta.bound.map(|bound| format!("at most {}", percent_at_most(bound.at_most)))
}

/// True if it says something of the change: its row has its functions and its causes.
pub fn is_changed(delta: &Delta) -> bool {
    !matches!(delta.verdict, Verdict::Equal | Verdict::Added | Verdict::Incomparable)
}

/// `12.35M to 12.51M`.
pub fn sides(delta: &Delta) -> String {
    format!("{} to {}", value(delta, delta.base), value(delta, delta.new))
}

/// One side of a delta as people read it; `-` if that side does not have it.
pub fn value(delta: &Delta, side: Option<f64>) -> String {
    match (side, Metric::find(&delta.metric)) {
        (None, _) => "-".to_owned(),
        (Some(value), Some(metric)) => metric.show(value),
        (Some(value), None) => value.to_string(),
    }
}
