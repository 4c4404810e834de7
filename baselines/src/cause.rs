//! The cause of a changed count: the cost by function on both sides, split into "called more often" and "costlier
//! per call".
//!
//! With the same toolchain and dependencies, libraries are the same code on both sides, so their callers cause their
//! cost. If both sides know these callers ([`FunctionCost::library`]), only functions of the project are listed, each
//! with the cost of its library calls: one more allocation shows in the function that allocates, and not in `malloc`.
//! Otherwise every function stands for itself.
//!
//! Heap blocks are attributed in the same way, to the functions of the project that have them allocated.
//!
//! The split is the one-factor-at-a-time decomposition with the base's cost: `calls = (n1 - n0) * c0 / n0` and
//! `cost = total - calls`. The two always sum to the function's change, and all functions to the benchmark's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::FunctionCost;

/// The change of one function's cost, in instructions or in heap blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionDelta {
    /// The demangled name.
    pub function: String,
    /// The cost in the base.
    pub base: u64,
    /// The cost now.
    pub new: u64,
    /// `new - base`: always `by_calls + by_cost`.
    pub delta: i64,
    /// The part that the changed number of calls explains, at the base's cost per call.
    pub by_calls: i64,
    /// The part that the changed cost per call explains.
    pub by_cost: i64,
    /// The caller whose number of calls moved most in the direction of `by_calls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
}

/// One function on one side.
#[derive(Default, Clone, Copy)]
struct Side<'a> {
    instructions: u64,
    calls: u64,
    callers: Option<&'a BTreeMap<String, u64>>,
}

/// The functions that changed, the largest change first. The deltas sum to the change of the whole.
pub fn attribute(base: &[FunctionCost], new: &[FunctionCost]) -> Vec<FunctionDelta> {
    let owned = is_owned(base) && is_owned(new);
    let mut costs: BTreeMap<&str, [Side<'_>; 2]> = BTreeMap::new();
    for (side, functions) in [base, new].into_iter().enumerate() {
        for cost in functions.iter().filter(|cost| !owned || cost.library.is_some()) {
            let entry = &mut costs.entry(cost.function.as_str()).or_default()[side];
            entry.instructions += cost.instructions + if owned { cost.library.unwrap_or(0) } else { 0 };
            entry.calls += cost.calls;
            entry.callers = Some(&cost.callers);
        }
    }
    let mut deltas: Vec<FunctionDelta> = costs
        .into_iter()
        .filter(|(_, [before, after])| before.instructions != after.instructions)
        .map(|(function, [before, after])| split(function, before, after))
        .collect();
    deltas
        .sort_by(|a, b| b.delta.unsigned_abs().cmp(&a.delta.unsigned_abs()).then_with(|| a.function.cmp(&b.function)));
    deltas
}

/// The functions whose number of heap blocks changed, likewise. A side has its costs by function, and the number of all
/// its blocks. None if the functions of a side do not sum to that: an older version did not say it.
pub fn attribute_blocks(base: (&[FunctionCost], f64), new: (&[FunctionCost], f64)) -> Vec<FunctionDelta> {
    match (in_blocks(base), in_blocks(new)) {
        (Some(base), Some(new)) => attribute(&base, &new),
        _ => vec![],
    }
}

/// The costs by function, with blocks in the place of instructions; none if these are not all blocks.
fn in_blocks((functions, all): (&[FunctionCost], f64)) -> Option<Vec<FunctionCost>> {
    let blocks = |cost: &FunctionCost| cost.allocations.unwrap_or(0);
    let of = |cost: &FunctionCost| FunctionCost { instructions: blocks(cost), library: None, ..cost.clone() };
    let sum: u64 = functions.iter().map(blocks).sum();
    (sum as f64 == all.round()).then(|| functions.iter().map(of).collect())
}

/// The functions of the project, with their library calls, are the whole cost.
fn is_owned(functions: &[FunctionCost]) -> bool {
    let whole: u64 = functions.iter().map(|cost| cost.instructions).sum();
    let project = functions.iter().filter_map(|cost| cost.library.map(|library| cost.instructions + library));
    project.sum::<u64>() == whole
}

fn split(function: &str, base: Side<'_>, new: Side<'_>) -> FunctionDelta {
    let delta = signed(new.instructions) - signed(base.instructions);
    let by_calls = match base.calls {
        // New in the profile or gone from it: all of it comes from being called.
        0 if base.instructions == 0 || new.instructions + new.calls == 0 => delta,
        // Entered without a call that the profiler saw.
        0 => 0,
        calls => {
            let more = i128::from(new.calls) - i128::from(calls);
            i64::try_from(more * i128::from(base.instructions) / i128::from(calls)).unwrap_or(delta)
        }
    };
    FunctionDelta {
        function: function.to_owned(),
        base: base.instructions,
        new: new.instructions,
        delta,
        by_calls,
        by_cost: delta - by_calls,
        caller: caller(base, new, by_calls.signum()),
    }
}

/// The caller whose calls moved most in a direction.
fn caller(base: Side<'_>, new: Side<'_>, direction: i64) -> Option<String> {
    let calls = |side: Side<'_>, name: &String| {
        side.callers.and_then(|callers| callers.get(name)).map_or(0, |calls| signed(*calls))
    };
    let names = [base, new].into_iter().filter_map(|side| side.callers).flat_map(BTreeMap::keys);
    let moved = names.map(|name| ((calls(new, name) - calls(base, name)) * direction, name));
    // Of equals the first by name: `max_by_key` gives the last.
    moved
        .filter(|(calls, _)| *calls > 0)
        .max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, name)| name.clone())
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(function: &str, instructions: u64, calls: u64) -> FunctionCost {
        FunctionCost { function: function.into(), instructions, calls, ..FunctionCost::default() }
    }

    fn ours(function: &str, instructions: u64, library: u64, callers: &[(&str, u64)]) -> FunctionCost {
        FunctionCost {
            library: Some(library),
            callers: callers.iter().map(|(caller, calls)| ((*caller).to_owned(), *calls)).collect(),
            ..cost(function, instructions, callers.iter().map(|(_, calls)| calls).sum())
        }
    }

    #[test]
    fn the_parts_sum_to_the_whole() {
        let base = [cost("hash", 1000, 10), cost("gone", 50, 1), cost("same", 7, 7)];
        let new = [cost("hash", 2400, 20), cost("fresh", 30, 3), cost("same", 7, 7)];
        let deltas = attribute(&base, &new);
        let total: i64 = deltas.iter().map(|delta| delta.delta).sum();
        assert_eq!(total, 1400 - 50 + 30);
        assert!(deltas.iter().all(|delta| delta.delta == delta.by_calls + delta.by_cost));
        assert_eq!((deltas[0].function.as_str(), deltas[0].by_calls, deltas[0].by_cost), ("hash", 1000, 400));
        assert_eq!(deltas.len(), 3, "what did not move is not listed");
    }

    #[test]
    fn what_a_library_costs_more_is_its_callers() {
        let base = [ours("work", 100, 40, &[("root", 2)]), ours("root", 10, 0, &[("main", 1)]), cost("malloc", 40, 2)];
        let new = [
            ours("work", 104, 90, &[("root", 2)]),
            ours("root", 10, 0, &[("main", 1)]),
            cost("malloc", 70, 4),
            cost("(other)", 20, 1),
        ];
        let deltas = attribute(&base, &new);
        assert_eq!(deltas.len(), 1, "{deltas:?}");
        assert_eq!((deltas[0].function.as_str(), deltas[0].by_calls, deltas[0].by_cost), ("work", 0, 54));
        // A profile of an older version does not say for whom libraries worked: every function stands for itself.
        let older = [cost("work", 100, 2), cost("root", 10, 1), cost("malloc", 40, 2)];
        assert_eq!(attribute(&older, &new).iter().map(|delta| delta.delta).sum::<i64>(), 54);
        assert_eq!(attribute(&older, &new)[0].function, "malloc");
    }

    #[test]
    fn who_allocates_more_is_named_if_all_blocks_are_known() {
        let allocating = |blocks: u64, of: FunctionCost| FunctionCost { allocations: Some(blocks), ..of };
        let malloc = cost("malloc", 40, 2);
        let base = [allocating(20, ours("work", 100, 40, &[("root", 20)])), ours("box", 9, 0, &[("work", 20)])];
        let new = [
            allocating(20, ours("work", 100, 40, &[("root", 20)])),
            allocating(40, ours("box", 9, 80, &[("work", 20)])),
            malloc,
        ];
        let deltas = attribute_blocks((&base, 20.0), (&new, 60.0));
        assert_eq!(deltas.len(), 1, "{deltas:?}");
        assert_eq!((deltas[0].function.as_str(), deltas[0].delta, deltas[0].by_cost), ("box", 40, 40));
        assert_eq!(attribute_blocks((&new, 60.0), (&base, 20.0))[0].delta, -40);
        assert!(attribute_blocks((&base, 20.0), (&new, 61.0)).is_empty(), "C code made one, too");
        assert!(attribute_blocks((&[ours("work", 100, 40, &[])], 20.0), (&new, 60.0)).is_empty(), "an older version");
    }

    #[test]
    fn who_calls_more_often_is_named() {
        let base = [ours("hash", 1000, 0, &[("index", 5), ("store", 5)])];
        let new = [ours("hash", 1600, 0, &[("index", 11), ("store", 5)])];
        assert_eq!(attribute(&base, &new)[0].caller.as_deref(), Some("index"));
        assert_eq!(attribute(&new, &base)[0].caller.as_deref(), Some("index"), "less often, by the same");
        let dearer = [ours("hash", 1100, 0, &[("index", 5), ("store", 5)])];
        assert_eq!(attribute(&base, &dearer)[0].caller, None);
    }
}
