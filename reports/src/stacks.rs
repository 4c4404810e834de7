//! Folded stacks as a tree, and what functions cost by themselves and with all that they call, on both sides.
//!
//! A function that calls itself counts once in the stack that it begins.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Error, Result};

/// Parses folded stacks (`outer;inner 42` a line). Refuses bad lines, which inferno would drop, and sums that the
/// picture's script can't count.
pub fn parse(folded: &str) -> Result<Vec<(String, u64)>> {
    let wrong = |reason: String| Error::Flamegraph(reason);
    let mut lines = Vec::new();
    let mut total: u64 = 0;
    for (number, line) in folded.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let (stack, cost) = line
            .trim()
            .rsplit_once(' ')
            .and_then(|(stack, cost)| Some((stack.trim(), cost.parse::<u64>().ok()?)))
            .filter(|(stack, _)| !stack.is_empty())
            .ok_or_else(|| {
                wrong(format!("line {} of the folded stacks is not `outer;inner cost`: {line:?}", number + 1))
            })?;
        total = total
            .checked_add(cost)
            .filter(|total| *total < 1 << 53)
            .ok_or_else(|| wrong("the costs sum to more than 2^53".to_owned()))?;
        // A `;` ends a frame, also the one of `[u8; 8]`; frames never begin with a space.
        lines.push((stack.replace("; ", ", "), cost));
    }
    if total == 0 { Err(wrong("the folded stacks have no cost".to_owned())) } else { Ok(lines) }
}

/// One function, base and new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionSum {
    /// Its name.
    pub function: String,
    /// The cost of its own instructions, base and new.
    pub itself: [u64; 2],
    /// The cost with all that it calls, base and new.
    pub total: [u64; 2],
}

/// The functions of two sets of stacks: those that changed most by themselves first, or the dearest if there is no
/// base.
pub fn functions(base: Option<&str>, new: &str) -> Result<Vec<FunctionSum>> {
    let mut sums: BTreeMap<String, FunctionSum> = BTreeMap::new();
    for (side, folded) in [base, Some(new)].into_iter().enumerate() {
        let Some(folded) = folded else { continue };
        for (stack, cost) in parse(folded)? {
            let frames: Vec<&str> = stack.split(';').collect();
            for (place, function) in frames.iter().enumerate() {
                let sum = sums.entry((*function).to_owned()).or_default();
                if place + 1 == frames.len() {
                    sum.itself[side] += cost;
                }
                if !frames[..place].contains(function) {
                    sum.total[side] += cost;
                }
            }
        }
    }
    let mut sums: Vec<FunctionSum> = sums.into_iter().map(|(function, sum)| FunctionSum { function, ..sum }).collect();
    let importance = |sum: &FunctionSum| match base {
        Some(_) => sum.itself[1].abs_diff(sum.itself[0]),
        None => sum.itself[1],
    };
    sums.sort_by(|a, b| importance(b).cmp(&importance(a)).then_with(|| b.total.cmp(&a.total)));
    Ok(sums)
}

/// The change of one frame of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameChange {
    /// Of its own cost.
    pub itself: i64,
    /// Of its cost with all that it calls.
    pub total: i64,
}

/// The change of each frame by its place in a picture of the `new` side: its depth, 0 for all frames together, and the
/// cost of all that is drawn left of it. Frames that the base alone has are not drawn.
pub fn changes(new: &[(String, u64)], base: &[(String, u64)]) -> BTreeMap<(usize, u64), FrameChange> {
    /// Own cost and total by path; the empty path is all.
    fn paths(lines: &[(String, u64)]) -> BTreeMap<&str, [u64; 2]> {
        let mut paths: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
        for (stack, cost) in lines {
            paths.entry(stack).or_default()[0] += cost;
            for end in ends(stack) {
                paths.entry(&stack[..end]).or_default()[1] += cost;
            }
        }
        paths
    }
    let (now, before) = (paths(new), paths(base));
    let mut sorted: Vec<&(String, u64)> = new.iter().collect();
    sorted.sort_unstable();
    let (mut left, mut seen, mut changes) = (0, BTreeSet::new(), BTreeMap::new());
    for (stack, cost) in sorted {
        for (depth, end) in ends(stack).enumerate() {
            let path = &stack[..end];
            if seen.insert(path) {
                let [after, base] = [&now, &before].map(|side| side.get(path).copied().unwrap_or_default());
                let change = |which: usize| after[which] as i64 - base[which] as i64;
                changes.entry((depth, left)).or_insert(FrameChange { itself: change(0), total: change(1) });
            }
        }
        left += cost;
    }
    changes
}

/// Where each path to a frame of a stack ends, beginning with the empty one.
fn ends(stack: &str) -> impl Iterator<Item = usize> {
    [0].into_iter().chain(stack.match_indices(';').map(|(end, _)| end)).chain([stack.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "main;run;hash 100\nmain;run;gone 10\nmain;run 50\n";
    const NEW: &str = "main;run 50\nmain;run;hash 180\nmain;run;hash;run 20\n";

    #[test]
    fn functions_sum_to_the_whole() {
        let sums = functions(Some(BASE), NEW).expect("parses");
        let whole = |side: usize| sums.iter().map(|sum| sum.itself[side]).sum::<u64>();
        assert_eq!((whole(0), whole(1)), (160, 250));
        assert_eq!((sums[0].function.as_str(), sums[0].itself, sums[0].total), ("hash", [100, 180], [100, 200]));
        let run = sums.iter().find(|sum| sum.function == "run").expect("there");
        assert_eq!((run.itself, run.total), ([50, 70], [160, 250]), "a function in itself counts once");
        assert_eq!(functions(None, NEW).expect("parses")[0].function, "hash");
    }

    #[test]
    fn a_frame_has_the_change_of_all_below_it() {
        let changes = changes(&parse(NEW).expect("parses"), &parse(BASE).expect("parses"));
        let at = |depth, left| (changes[&(depth, left)].itself, changes[&(depth, left)].total);
        assert_eq!((at(0, 0), at(1, 0), at(2, 0)), ((0, 90), (0, 90), (0, 90)), "all, main, run");
        assert_eq!(at(3, 50), (80, 100), "hash, behind the 50 of run itself");
        assert_eq!(at(4, 230), (20, 20), "run in hash");
    }
}
