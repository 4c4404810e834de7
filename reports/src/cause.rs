//! The cause of a changed count in words: the functions, and whether they were called more often or cost more per call.

use baselines::cause::FunctionDelta;
use baselines::delta::Delta;

use crate::names::printable;
use crate::numbers::{plural, signed};

/// The functions to name and the rest: together the whole change.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown<'a> {
    /// The largest changes, the largest first.
    pub functions: &'a [FunctionDelta],
    /// The number of other functions that changed.
    pub rest: usize,
    /// The change of the others together.
    pub rest_delta: i64,
    /// The change of all of them.
    pub total: i64,
}

/// The `limit` largest changes, and the sum of the others.
pub fn largest(cause: &[FunctionDelta], limit: usize) -> Shown<'_> {
    let (functions, rest) = cause.split_at(limit.min(cause.len()));
    let sum = |deltas: &[FunctionDelta]| deltas.iter().map(|delta| delta.delta).sum::<i64>();
    Shown { functions, rest: rest.len(), rest_delta: sum(rest), total: sum(cause) }
}

/// The scope of the functions' changes, as the end of a sentence: a delta is for one operation, its cause for all
/// measured operations. Empty if that is the same.
pub fn scope(delta: &Delta) -> &'static str {
    let total: i64 = delta.cause.iter().map(|function| function.delta).sum();
    match (delta.base, delta.new) {
        (Some(base), Some(new)) if (total as f64 - (new - base)).abs() > 1.0 => ", over all operations together",
        _ => "",
    }
}

/// The change of a function in words: `costlier per call`, or both parts if both changed.
pub fn explain(delta: &FunctionDelta) -> String {
    let calls = if delta.by_calls > 0 { "called more often" } else { "called less often" };
    let cost = if delta.by_cost > 0 { "costlier per call" } else { "cheaper per call" };
    match (delta.by_calls, delta.by_cost) {
        // One that was there and allocated nothing costs more per call now.
        (_, 0) if delta.base == 0 => "new".to_owned(),
        (_, 0) if delta.new == 0 => "gone".to_owned(),
        (0, _) => cost.to_owned(),
        (_, 0) => calls.to_owned(),
        (by_calls, by_cost) => format!("{} {calls}, {} {cost}", signed(by_calls), signed(by_cost)),
    }
}

/// The caller that calls it more or less often; none if the number of calls did not change.
pub fn caller(delta: &FunctionDelta) -> Option<String> {
    delta.caller.as_deref().filter(|_| delta.by_calls != 0).map(printable)
}

/// [`explain`] and [`caller`] as plain text.
pub fn told(delta: &FunctionDelta) -> String {
    format!("{}{}", explain(delta), caller(delta).map(|caller| format!(", by {caller}")).unwrap_or_default())
}

/// Whose doing a change is, with the evidence; none if that was not looked into.
pub fn doing(delta: &Delta) -> Option<String> {
    delta.doing.as_ref().map(|doing| format!("whose doing: {}: {}", doing.whose, doing.evidence))
}

/// The change of the functions that are not named, in words; none if all are named.
pub fn explain_rest(shown: &Shown<'_>) -> Option<String> {
    (shown.rest > 0).then(|| format!("{}, {} together", plural(shown.rest, "more function"), signed(shown.rest_delta)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(base: u64, new: u64, by_calls: i64, by_cost: i64) -> FunctionDelta {
        FunctionDelta { function: "f".into(), base, new, delta: by_calls + by_cost, by_calls, by_cost, caller: None }
    }

    #[test]
    fn each_part_has_its_words() {
        let said: Vec<_> = [
            delta(10, 30, 20, 0),
            delta(30, 10, 0, -20),
            delta(10, 40, 20, 10),
            delta(10, 10_000, 11_000, -1_010),
            delta(0, 5, 5, 0),
            delta(5, 0, -5, 0),
            delta(0, 20, 0, 20),
        ]
        .iter()
        .map(explain)
        .collect();
        assert_eq!(
            said,
            [
                "called more often",
                "cheaper per call",
                "+20 called more often, +10 costlier per call",
                "+11,000 called more often, -1,010 cheaper per call",
                "new",
                "gone",
                "costlier per call",
            ]
        );
    }

    #[test]
    fn who_calls_is_told_where_calls_moved() {
        let called = FunctionDelta { caller: Some("memory::\u{1b}append".into()), ..delta(10, 30, 20, 0) };
        assert_eq!(told(&called), "called more often, by memory::\\u{1b}append");
        assert_eq!(told(&FunctionDelta { caller: called.caller, ..delta(10, 30, 0, 20) }), "costlier per call");
    }

    #[test]
    fn what_is_shown_and_the_rest_are_the_whole() {
        let cause = [delta(0, 9, 9, 0), delta(0, 4, 4, 0), delta(3, 1, -2, 0)];
        let shown = largest(&cause, 1);
        assert_eq!(shown.total, 11);
        assert_eq!(shown.functions[0].delta + shown.rest_delta, shown.total);
        assert_eq!(explain_rest(&shown).as_deref(), Some("2 more functions, +2 together"));
        assert_eq!(explain_rest(&largest(&cause, 5)), None);
    }
}
