//! Why a count moved: the cost by function of base and new, split into "called more often" and "dearer a call".
//!
//! The split is the one-factor-at-a-time decomposition with the base's cost: `calls = (n1 - n0) * c0 / n0` and `cost = total - calls`, so
//! that the two always sum to the function's change, and all functions to the benchmark's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::FunctionCost;

/// How one function's own cost moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionDelta {
    /// The demangled name.
    pub function: String,
    /// Instructions in the base.
    pub base: u64,
    /// Instructions now.
    pub new: u64,
    /// `new - base`: always `by_calls + by_cost`.
    pub delta: i64,
    /// What the changed number of calls explains, at the base's cost a call.
    pub by_calls: i64,
    /// What the changed cost a call explains.
    pub by_cost: i64,
}

/// The functions that moved, the largest change first. The deltas sum to the change of the whole.
pub fn attribute(base: &[FunctionCost], new: &[FunctionCost]) -> Vec<FunctionDelta> {
    let mut costs: BTreeMap<&str, [(u64, u64); 2]> = BTreeMap::new();
    for (side, functions) in [base, new].into_iter().enumerate() {
        for cost in functions {
            let entry = &mut costs.entry(cost.function.as_str()).or_default()[side];
            entry.0 += cost.instructions;
            entry.1 += cost.calls;
        }
    }
    let mut deltas: Vec<FunctionDelta> = costs
        .into_iter()
        .filter(|(_, [before, after])| before.0 != after.0)
        .map(|(function, [before, after])| split(function, before, after))
        .collect();
    deltas
        .sort_by(|a, b| b.delta.unsigned_abs().cmp(&a.delta.unsigned_abs()).then_with(|| a.function.cmp(&b.function)));
    deltas
}

fn split(function: &str, (base, calls_base): (u64, u64), (new, calls_new): (u64, u64)) -> FunctionDelta {
    let delta = signed(new) - signed(base);
    let by_calls = match calls_base {
        // New in the profile, or entered without a call that the profiler saw: all of it comes from being called.
        0 if base == 0 => delta,
        0 => 0,
        _ => {
            let more = i128::from(calls_new) - i128::from(calls_base);
            i64::try_from(more * i128::from(base) / i128::from(calls_base)).unwrap_or(delta)
        }
    };
    FunctionDelta { function: function.to_owned(), base, new, delta, by_calls, by_cost: delta - by_calls }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(function: &str, instructions: u64, calls: u64) -> FunctionCost {
        FunctionCost { function: function.into(), instructions, calls }
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
}
