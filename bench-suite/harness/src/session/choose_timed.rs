//! Chooses the cases whose times are measured in rounds.
//!
//! A case needs none if both sides execute the same machine code and count the same. The new side's profile names what
//! a case executes. If all of it and all that it calls is the same code on both sides, so is what the base executes,
//! also in operations that were not counted or on a CPU that valgrind does not simulate. The setup is not in the
//! profile: what it prepares in other places shows in the accesses that the simulated caches miss.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use baselines::compare::{MISPREDICTED, THREADS};
use baselines::delta::{Delta, Verdict};
use baselines::{CaseKey, Measurement};

use crate::build::checkout::Build;
use crate::build::machine_code::MachineCode;
use crate::subject::SubjectCase;

/// The cases whose times are judged: those that this tree or the base gates, or `everything` that was asked for. Counts
/// are cheap enough for every case; rounds of all of them may take the better part of an hour.
pub fn gated(shared: &[SubjectCase], base: &[SubjectCase], everything: bool) -> Vec<SubjectCase> {
    let before = |case: &SubjectCase| base.iter().any(|of| of.is(case) && of.gated);
    shared.iter().filter(|case| everything || case.gated || before(case)).cloned().collect()
}

/// The cases that controls may be made of: those with exact counts, as they do the same work in every process. Where
/// nothing was counted, all that are `timed`.
pub fn steady(shared: &[SubjectCase], timed: &[SubjectCase], counts: &[Delta]) -> Vec<SubjectCase> {
    let is_counted = |case: &&SubjectCase| counts.iter().any(|delta| delta.case == case.key);
    let counted: Vec<SubjectCase> = shared.iter().filter(is_counted).cloned().collect();
    if counted.is_empty() { timed.to_vec() } else { counted }
}

/// The cases among `cases` that execute the same code in two builds, by what was `measured` of both, the symbols of
/// what the new side `executed`, and the `deltas`.
pub fn same_code(
    cases: &[SubjectCase],
    [base, new]: [&Build; 2],
    measured: [&[Measurement]; 2],
    executed: &BTreeMap<CaseKey, BTreeSet<String>>,
    deltas: &[Delta],
) -> Result<BTreeSet<CaseKey>> {
    let counted = |case: &&SubjectCase| counts_the_same(&case.key, deltas) && predicts_alike(&case.key, measured);
    let mut by_program: BTreeMap<&str, Vec<&SubjectCase>> = BTreeMap::new();
    for case in cases.iter().filter(counted) {
        by_program.entry(&case.program).or_default().push(case);
    }
    let mut same = BTreeSet::new();
    for (program, cases) in by_program {
        let layouts = |build: &Build| build.find(program).and_then(|program| program.layouts.clone().ok());
        let (Some(base), Some(new)) = (layouts(base), layouts(new)) else { continue };
        let (base, new) = (MachineCode::of(&base)?, MachineCode::of(&new)?);
        for case in cases {
            let Some(functions) = executed.get(&case.key).filter(|_| has_one_thread(&case.key, measured[1])) else {
                continue;
            };
            let is_known = !functions.is_empty() && !functions.iter().any(|name| begins_another(name));
            if is_known && new.has_same_below(&base, functions.iter().map(String::as_str)) {
                same.insert(case.key.clone());
            }
        }
    }
    Ok(same)
}

/// The largest difference of the estimated cycles, as a share of them, by which the memory that both sides access may
/// be thought to lie alike. Where functions lie decides about some misses of the instruction cache.
pub const ALIKE: f64 = 0.005;

/// True if a case does as much on both sides.
fn counts_the_same(case: &CaseKey, deltas: &[Delta]) -> bool {
    let mut counts = deltas.iter().filter(|delta| delta.case == *case).peekable();
    let same = |delta: &Delta| match (&*delta.metric, delta.base.zip(delta.new)) {
        // They are summed in the estimated cycles.
        ("l1_hits" | "ll_hits" | "ram_hits", _) => true,
        ("estimated_cycles", Some((base, new))) => (new - base).abs() <= ALIKE * base,
        (_, both) => both.is_some_and(|(base, new)| base == new),
    };
    counts.peek().is_some() && counts.all(|delta| delta.verdict == Verdict::Equal && same(delta))
}

/// The cycles of a mispredicted branch, as the formula of Valgrind's manual for callgrind estimates them.
const MISPREDICTION: f64 = 10.0;

/// True if branches are predicted as well on both sides: the same code over data in another order is slower. Of the
/// cycles, they may differ as accesses do, because a predictor also depends on where branches lie.
fn predicts_alike(case: &CaseKey, measured: [&[Measurement]; 2]) -> bool {
    let [base, new] = measured.map(|of| counter(case, of, MISPREDICTED));
    let cycles = measured[0].iter().find(|of| of.case == *case && of.metric == "estimated_cycles");
    let (Some(base), Some(new), Some(cycles)) = (base, new, cycles) else { return false };
    let all = cycles.sample.median() * cycles.operations as f64;
    base.abs_diff(new) as f64 * MISPREDICTION <= ALIKE * all
}

/// A counter of a case.
fn counter(case: &CaseKey, measured: &[Measurement], name: &str) -> Option<u64> {
    measured.iter().filter(|of| of.case == *case).find_map(|of| of.counters.get(name).copied())
}

/// True if a case's process had no other thread in the end.
fn has_one_thread(case: &CaseKey, measured: &[Measurement]) -> bool {
    counter(case, measured, THREADS) == Some(1)
}

/// True for a function of C that begins another thread or process, whose work is not counted.
fn begins_another(function: &str) -> bool {
    const BEGIN: [&str; 5] = ["pthread_create", "clone", "fork", "vfork", "posix_spawn"];
    BEGIN.iter().any(|begin| function.trim_start_matches('_').starts_with(begin))
}

#[cfg(test)]
mod tests {
    use workloads::cases::{self, Tag};

    use super::*;
    use crate::subject::memory::MemorySubject;

    fn delta(metric: &str, base: f64, new: f64) -> Delta {
        let (base, new) = (Some(base), Some(new));
        Delta { base, new, ..Delta::of_same_code(&case(), metric, true) }
    }

    fn case() -> CaseKey {
        CaseKey { benchmark: "uri".to_owned(), variant: String::new() }
    }

    #[test]
    fn counts_are_the_same_but_for_what_placement_does() {
        let same = |metric: &str, base: f64, new: f64| {
            counts_the_same(&case(), &[delta("instructions", 100.0, 100.0), delta(metric, base, new)])
        };
        assert!(same("allocations", 2.0, 2.0));
        assert!(!same("allocations", 2.0, 1.0), "less is another count, too");
        assert!(same("ram_hits", 0.10, 0.15));
        assert!(same("estimated_cycles", 1000.0, 1005.0) && !same("estimated_cycles", 1000.0, 1006.0));
        assert!(!counts_the_same(&case(), &[]), "nothing was counted");
        let missing = Delta { new: None, ..delta("instructions", 100.0, 100.0) };
        assert!(!counts_the_same(&case(), &[missing]));
        let invalid = Delta { verdict: Verdict::Invalid, ..delta("instructions", 100.0, 100.0) };
        assert!(!counts_the_same(&case(), &[invalid]));
    }

    #[test]
    fn branches_that_are_predicted_worse_are_slower() {
        let measured = |mispredicted: Option<u64>| {
            let of = |metric: &str, value: f64| {
                let sample = baselines::Sample::new(vec![value]).expect("finite");
                Measurement::new(case(), metric, sample, baselines::Durability::Memory).over(20)
            };
            let counters = mispredicted.map(|branches| (MISPREDICTED.to_owned(), branches)).into_iter().collect();
            [of("estimated_cycles", 1000.0), of("instructions", 900.0).with_counters(counters)]
        };
        let alike = |base, new| predicts_alike(&case(), [&measured(base), &measured(new)]);
        assert!(alike(Some(100), Some(110)), "100 of 20,000 cycles");
        assert!(!alike(Some(100), Some(111)) && !alike(Some(111), Some(100)));
        assert!(!alike(None, Some(0)) && !alike(Some(0), None), "one side was not counted so");
    }

    #[test]
    fn work_of_other_threads_is_not_known() {
        let measured = |threads: Option<u64>| {
            let sample = baselines::Sample::new(vec![1.0]).expect("finite");
            let counters = threads.map(|threads| (THREADS.to_owned(), threads)).into_iter().collect();
            let of = Measurement::new(case(), "instructions", sample, baselines::Durability::Memory);
            has_one_thread(&case(), &[of.with_counters(counters)])
        };
        assert!(measured(Some(1)) && !measured(Some(2)) && !measured(None));
        assert!(begins_another("__pthread_create_2_1") && begins_another("clone3") && begins_another("vfork"));
        assert!(!begins_another("_ZN3std6thread5spawn17h0123456789abcdefE") && !begins_another("malloc"));
    }

    #[test]
    fn every_case_is_counted_and_the_gated_ones_are_timed() {
        let cases = cases::select(None, &[]).expect("selects").cases;
        let shared: Vec<SubjectCase> = cases.iter().map(|case| MemorySubject::case(case, &[])).collect();
        let tagged = cases.iter().filter(|case| case.has(Tag::Gated)).count();
        assert!(tagged > 0 && tagged < cases.len());
        assert_eq!(gated(&shared, &[], false).len(), tagged);
        assert_eq!(gated(&shared, &[], true).len(), cases.len());
    }
}
