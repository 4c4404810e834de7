//! The gate's rules on recorded rounds: how often it is red or undecided, and finds a slowdown, case by case.
//!
//! The calibration records keep the value of every round. This draws rounds of each case from those with equal sides,
//! with replacement, turns each round at random (the sides could be swapped), and adds a shift. What suites have in
//! common is lost by that; suites of the record scatter no more than rounds that are drawn so.
//!
//! ```text
//! cargo nextest run --release -p assay-baselines --run-ignored all --no-capture -E 'test(recorded_rounds)'
//! ```

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::collections::BTreeMap;
use std::path::Path;

use baselines::CaseKey;
use baselines::calibration::{self, Judge};
use baselines::policy::Policy;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use stats::decision::Stage;
use stats::{Decision, NextAction, PairData, Procedure, margin, next_steps};

/// Suites a row.
const SUITES: usize = 500;

/// The recorded rounds of each case under one condition.
type Pool = BTreeMap<String, Vec<f64>>;

fn pools() -> BTreeMap<String, Pool> {
    let record = Path::new(env!("CARGO_MANIFEST_DIR")).join("calibration/amd-epyc-2-cores.jsonl");
    let mut pools: BTreeMap<String, Pool> = BTreeMap::new();
    for suite in calibration::read(&record).unwrap() {
        let of_time = suite.condition.judge == Judge::Assay && !suite.condition.under_load;
        if !of_time || !suite.invalid.is_empty() {
            continue;
        }
        let pool = pools.entry(suite.condition.name()).or_default();
        for case in suite.cases.iter().filter(|case| case.extra_percent == 0.0 && case.metric == "cpu_time") {
            let rounds = case.screen.iter().map(|millionths| *millionths as f64 / 1e6);
            pool.entry(case.case.clone()).or_default().extend(rounds);
        }
    }
    pools
}

/// One suite: each case's decision, rounds and bound.
fn run(pool: &Pool, shifts: &[f64], procedure: &Procedure, random: &mut Pcg64) -> Vec<(Decision, usize, f64)> {
    let case = CaseKey { benchmark: "step/log".into(), variant: String::new() };
    let allowed = Policy::standard().limit(&case, "cpu_time", jiff::civil::date(2026, 1, 1)).unwrap();
    let (limit, tolerance) = (margin(allowed.relative).unwrap(), margin(allowed.tolerance).unwrap());
    let mut data = vec![(Vec::new(), Vec::new()); pool.len()];
    loop {
        let pairs: Vec<PairData<'_>> =
            data.iter().map(|(screen, confirm)| PairData { limit, tolerance, screen, confirm }).collect();
        let steps = next_steps(procedure, &pairs, 0).unwrap();
        if steps.iter().all(|step| step.decision().is_some()) {
            let ended = steps.iter().zip(&data).map(|(step, (screen, confirm))| {
                let bound = step.evidence.unwrap().bound.unwrap();
                (step.decision().unwrap(), screen.len() + confirm.len(), bound.exp_m1())
            });
            return ended.collect();
        }
        for (((step, data), rounds), shift) in steps.iter().zip(&mut data).zip(pool.values()).zip(shifts) {
            if let NextAction::Measure { stage, rounds: more } = step.action {
                let values = if stage == Stage::Screen { &mut data.0 } else { &mut data.1 };
                values.extend((0..more).map(|_| {
                    let drawn = rounds[random.random_range(0..rounds.len())];
                    shift.ln_1p() + if random.random() { drawn } else { -drawn }
                }));
            }
        }
    }
}

/// How often a case was called slower, is undecided, and was tried.
#[derive(Default, Clone)]
struct Row {
    slower: usize,
    undecided: usize,
    of: usize,
}

fn table(name: &str, pool: &Pool) {
    let procedure = Procedure::default();
    println!("\n{name}: {SUITES} suites of {} cases a row", pool.len());
    for (number, shift) in [0.0, 0.01, 0.02, 0.03, 0.05, 0.10].into_iter().enumerate() {
        let mut random = Pcg64::seed_from_u64(number as u64);
        let (mut red, mut undecided, mut rounds, mut largest) = (0, 0, 0, Vec::new());
        let mut rows = vec![Row::default(); pool.len()];
        for suite in 0..SUITES {
            // Every fourth case is slower, another one in each suite.
            let is_slower = |case: usize| (case + suite).is_multiple_of(4);
            let shifts: Vec<f64> = (0..pool.len()).map(|case| if is_slower(case) { shift } else { 0.0 }).collect();
            let ended = run(pool, &shifts, &procedure, &mut random);
            let any = |decision| ended.iter().any(|(ended, ..)| *ended == decision);
            red += usize::from(any(Decision::Regressed));
            undecided += usize::from(any(Decision::Inconclusive) && !any(Decision::Regressed));
            rounds += ended.iter().map(|(_, rounds, _)| rounds).sum::<usize>();
            largest.push(ended.iter().map(|(.., bound)| *bound).fold(0.0, f64::max));
            for (case, (decision, ..)) in ended.iter().enumerate().filter(|(case, _)| is_slower(*case)) {
                rows[case].of += 1;
                rows[case].slower += usize::from(*decision == Decision::Regressed);
                rows[case].undecided += usize::from(*decision == Decision::Inconclusive);
            }
        }
        largest.sort_by(f64::total_cmp);
        let share = |part: usize, of: usize| 100.0 * part as f64 / of as f64;
        println!(
            "+{:<2.0}%: {:5.1}% red, {:5.1}% undecided, {:5.1} rounds per case, half of the suites rule out {:.1}% or less",
            100.0 * shift,
            share(red, SUITES),
            share(undecided, SUITES),
            rounds as f64 / (SUITES * pool.len()) as f64,
            100.0 * largest[SUITES / 2],
        );
        let mut shown: Vec<(&String, &Row)> = pool.keys().zip(&rows).collect();
        shown.sort_by_key(|(_, row)| (row.slower * 1000 / row.of, row.undecided));
        let cases: Vec<String> = (shown.iter())
            .map(|(case, row)| format!("{case} {:.0}/{:.0}", share(row.slower, row.of), share(row.undecided, row.of)))
            .collect();
        println!("      slower/undecided %: {}", cases.join(", "));
    }
}

#[test]
#[ignore = "takes minutes: a table for the rules, not a check"]
fn recorded_rounds() {
    for (name, mut pool) in pools() {
        table(&name, &pool);
        if name == "idle, two builds" {
            // The spread that this case has when unchanged functions lie alike on both sides.
            let json = pool.get_mut("codec_encode_median_json").unwrap();
            json.iter_mut().for_each(|round| *round *= 2.6 / 8.6);
            table("idle, two builds, JSON encoding scaled from 8.6% to 2.6%", &pool);
        }
    }
}
