//! The error rates of the whole decision, from slices to verdicts, on simulated machines. Seeded: the same figures
//! always.
//!
//! `cargo test --release -p assay-baselines --test error_rates -- --nocapture` prints them. The noise is unkind: heavy
//! tails, preempted slices, drift within and across rounds, noise that comes in bursts, and a memory layout
//! that each process draws anew. What is not simulated is a layout that differs between two builds for good: that is a
//! real difference of the binaries, and `assay calibrate` measures it.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use baselines::CaseKey;
use baselines::policy::Policy;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal, StudentT};
use rand_pcg::Pcg64;
use stats::decision::Stage;
use stats::{Decision, NextAction, PairData, Procedure, binomial, descriptive, margin, next_steps, round_value};

const BENCHMARKS: usize = 20;
const SLICE_PAIRS: usize = 8;

/// A machine: shares of a slice's time, as standard deviations or scales.
#[derive(Clone, Copy)]
struct Noise {
    name: &'static str,
    /// Scale of Student's t for a slice.
    slice: f64,
    /// Its degrees of freedom: at 2 it has no variance.
    freedom: f64,
    /// How often a slice is preempted and takes up to three times as long.
    preempted: f64,
    /// How far two layouts of a process lie apart; each process draws one of two.
    layout: f64,
    /// The step of a random walk from slice to slice, which both sides share.
    drift: f64,
    /// How strongly the noise of a round swells and ebbs, from round to round.
    bursts: f64,
}

const CALM: Noise =
    Noise { name: "calm", slice: 0.01, freedom: 3.0, preempted: 0.01, layout: 0.0, drift: 0.001, bursts: 0.0 };
const HEAVY: Noise =
    Noise { name: "heavy tails", slice: 0.03, freedom: 2.0, preempted: 0.1, layout: 0.01, drift: 0.002, bursts: 0.8 };
const DRIFTING: Noise =
    Noise { name: "drifting", slice: 0.01, freedom: 3.0, preempted: 0.02, layout: 0.0, drift: 0.03, bursts: 0.5 };
const LOUD: Noise =
    Noise { name: "loud", slice: 0.08, freedom: 2.5, preempted: 0.2, layout: 0.1, drift: 0.02, bursts: 0.8 };
const ONE_PERCENT: Noise =
    Noise { name: "sigma 1%", slice: 0.012, freedom: 3.0, preempted: 0.02, layout: 0.008, drift: 0.003, bursts: 0.3 };
const THREE_PERCENT: Noise =
    Noise { name: "sigma 3%", slice: 0.03, freedom: 3.0, preempted: 0.05, layout: 0.04, drift: 0.01, bursts: 0.3 };

/// One benchmark on that machine, whose new side takes `shift` longer, in ln.
struct Simulated {
    noise: Noise,
    shift: f64,
    burst: f64,
    rng: Pcg64,
}

impl Simulated {
    fn new(noise: Noise, shift: f64, seed: u64) -> Simulated {
        Simulated { noise, shift, burst: 0.0, rng: Pcg64::seed_from_u64(seed) }
    }

    /// A fresh process of each side, and 8 pairs of slices in an order drawn anew for every pair.
    fn round(&mut self) -> f64 {
        let noise = self.noise;
        let tails = StudentT::new(noise.freedom).unwrap();
        let kick: f64 = StandardNormal.sample(&mut self.rng);
        self.burst = 0.8 * self.burst + 0.6 * kick; // variance 1 in the long run
        let scale = noise.slice * (noise.bursts * self.burst).exp();
        let layout: [f64; 2] = std::array::from_fn(|_| if self.rng.random_bool(0.3) { noise.layout } else { 0.0 });
        let mut level = 0.0;
        let mut pairs_ns = [[0.0; 2]; SLICE_PAIRS];
        for pair_ns in &mut pairs_ns {
            let first = usize::from(self.rng.random_bool(0.5));
            for side in [first, 1 - first] {
                let step: f64 = StandardNormal.sample(&mut self.rng);
                level += noise.drift * (step + 0.5); // it also gets slower and slower
                let preempted =
                    if self.rng.random_bool(noise.preempted) { self.rng.random_range(0.0..1.1) } else { 0.0 };
                // A slice cannot be quicker than its work: the tail is cut where it would be.
                let wobble = (scale * tails.sample(&mut self.rng)).max(-0.7);
                let shift = if side == 1 { self.shift } else { 0.0 };
                pair_ns[side] = 5e6 * (shift + layout[side] + level + wobble + preempted).exp();
            }
        }
        round_value(&pairs_ns.map(|pair_ns| pair_ns[0]), &pairs_ns.map(|pair_ns| pair_ns[1])).unwrap()
    }
}

/// How one benchmark of a suite ended.
struct Ended {
    decision: Decision,
    bound: f64,
    rounds: usize,
}

/// The built-in policy's limit and tolerance for times, as shares.
fn allowed() -> (f64, f64) {
    let case = CaseKey { benchmark: "step/log".into(), variant: String::new() };
    let limit = Policy::standard().limit(&case, "cpu_time", jiff::civil::date(2026, 1, 1)).unwrap();
    (limit.relative, limit.tolerance)
}

/// A whole suite under the gate's own rules, from the first round to the last decision.
fn run(suite: &mut [Simulated]) -> Vec<Ended> {
    let (limit, tolerance) = (margin(allowed().0).unwrap(), margin(allowed().1).unwrap());
    let mut data = vec![(Vec::new(), Vec::new()); suite.len()];
    loop {
        let benchmarks: Vec<PairData<'_>> =
            data.iter().map(|(screen, confirm)| PairData { limit, tolerance, screen, confirm }).collect();
        let steps = next_steps(&Procedure::default(), &benchmarks, 0).unwrap();
        if steps.iter().all(|step| step.decision().is_some()) {
            let ended = steps.iter().zip(&data).map(|(step, data)| Ended {
                decision: step.decision().unwrap(),
                bound: step.evidence.unwrap().bound.unwrap(),
                rounds: data.0.len() + data.1.len(),
            });
            return ended.collect();
        }
        for ((step, data), simulated) in steps.iter().zip(&mut data).zip(suite.iter_mut()) {
            if let NextAction::Measure { stage, rounds } = step.action {
                let values = if stage == Stage::Screen { &mut data.0 } else { &mut data.1 };
                values.extend((0..rounds).map(|_| simulated.round()));
            }
        }
    }
}

/// Suites of benchmarks that all take `shift` longer, as a share.
fn suites(noise: Noise, shift: f64, suites: usize) -> Vec<Vec<Ended>> {
    let one = |suite| {
        let seeds = (0..BENCHMARKS).map(|benchmark| seed(suite, benchmark));
        run(&mut seeds.map(|seed| Simulated::new(noise, shift.ln_1p(), seed)).collect::<Vec<_>>())
    };
    (0..suites).map(one).collect()
}

fn count(ended: &[Ended], decision: Decision) -> usize {
    ended.iter().filter(|ended| ended.decision == decision).count()
}

/// The seed of a benchmark: one stream for each, whatever the others draw.
fn seed(suite: usize, benchmark: usize) -> u64 {
    (suite * BENCHMARKS + benchmark) as u64
}

/// 1.4826 times the median absolute deviation of the rounds: the sigma of normal noise that spreads as far.
fn sigma(noise: Noise) -> f64 {
    let mut simulated = Simulated::new(noise, 0.0, 1 << 40);
    let rounds: Vec<f64> = (0..2000).map(|_| simulated.round()).collect();
    let center = descriptive::median(&rounds).unwrap();
    let deviations: Vec<f64> = rounds.iter().map(|round| (round - center).abs()).collect();
    1.4826 * descriptive::median(&deviations).unwrap()
}

/// Both promises for identical code, whatever the noise: at most 1% of the suites hold a false verdict of change, and
/// in at most 1% any bound lies below the truth.
#[test]
fn identical_code_seldom_turns_a_suite_red_and_bounds_hold() {
    for (noise, number) in [(CALM, 300), (HEAVY, 300), (DRIFTING, 300), (LOUD, 100)] {
        let ended = suites(noise, 0.0, number);
        let any = |wrong: fn(&Ended) -> bool| ended.iter().filter(|suite| suite.iter().any(wrong)).count();
        let changed = any(|ended| matches!(ended.decision, Decision::Regressed | Decision::Improved));
        let (broken, open) = (any(|ended| ended.bound < 0.0), any(|ended| ended.decision == Decision::Inconclusive));
        let rounds: usize = ended.iter().flatten().map(|ended| ended.rounds).sum();
        println!(
            "A/A {:<12} sigma {:4.1}% | {number} suites of {BENCHMARKS}: {changed} with a false verdict, {broken} with a bound \
             that does not hold, {open} undecided | {:.1} rounds per benchmark",
            noise.name,
            100.0 * sigma(noise),
            rounds as f64 / (number * BENCHMARKS) as f64,
        );
        assert!(changed as f64 <= 0.01 * number as f64, "{}: {changed} of {number} suites", noise.name);
        assert!(broken as f64 <= 0.01 * number as f64, "{}: {broken} of {number} suites", noise.name);
    }
}

/// The limit that blocks is the policy's: a slowdown within it turns no more suites red than the level allows, one a
/// little beyond it is found.
#[test]
fn the_policys_limit_is_what_blocks() {
    let (limit, tolerance) = allowed();
    let red = |shift: f64| {
        let ended = suites(CALM, shift, 100);
        let red = |suite: &&Vec<Ended>| count(suite, Decision::Regressed) > 0;
        let (suites, cases) = (
            ended.iter().filter(red).count(),
            ended.iter().map(|suite| count(suite, Decision::Regressed)).sum::<usize>(),
        );
        println!("+{:.2}%: {suites} of 100 suites red, {cases} of 2000 benchmarks", 100.0 * shift);
        (suites, cases)
    };
    for within in [limit - 0.005, limit] {
        let (suites, _) = red(within);
        assert!(suites as f64 <= 100.0 * Procedure::default().suite_level(), "{suites} suites at +{within}");
    }
    let (_, found) = red(limit + 0.01);
    assert!(found >= 1900, "{found} of 2000 at a limit of {limit} + 1%");

    // And the tolerance is what can't pass.
    let passed: usize = suites(CALM, tolerance, 100).iter().map(|suite| count(suite, Decision::Equal)).sum();
    assert_eq!(passed, 0, "of 2000 that are worse by the tolerance");
}

/// Runs suites in which every fourth benchmark takes `slowdown` longer; gives found, called equal, and all slowed.
fn power(noise: Noise, slowdown: f64, suites: usize) -> (u64, u64, u64) {
    let (mut found, mut equal, mut missed, mut slowed, mut false_red) = (0, 0, 0, 0, 0);
    for suite in 0..suites {
        let is_slow = |benchmark: usize| benchmark.is_multiple_of(4);
        let mut simulated: Vec<Simulated> = (0..BENCHMARKS)
            .map(|benchmark| {
                let shift = if is_slow(benchmark) { slowdown.ln_1p() } else { 0.0 };
                Simulated::new(noise, shift, seed(suite, benchmark) ^ (1 << 50))
            })
            .collect();
        for (benchmark, ended) in run(&mut simulated).iter().enumerate() {
            let regressed = ended.decision == Decision::Regressed;
            if is_slow(benchmark) {
                slowed += 1;
                found += u64::from(regressed);
                equal += u64::from(ended.decision == Decision::Equal);
                missed += u64::from(ended.decision == Decision::Inconclusive);
            } else {
                false_red += u64::from(regressed);
            }
        }
    }
    println!(
        "+{:<2.0}% {:<9} sigma {:.1}% | {found} of {slowed} found (rate above {:.1}% at 95%), {missed} inconclusive, {equal} equal | \
         {false_red} false among {} unchanged beside them",
        100.0 * slowdown,
        noise.name,
        100.0 * sigma(noise),
        100.0 * binomial::lower_bound(found, slowed, 0.95).unwrap(),
        suites * BENCHMARKS - slowed as usize,
    );
    (found, equal, slowed)
}

#[test]
fn real_slowdowns_are_found_and_never_pass() {
    // (noise, slowdown, share that must be found)
    for (noise, slowdown, least) in [
        (ONE_PERCENT, 0.03, 0.95),
        (ONE_PERCENT, 0.05, 0.99),
        (ONE_PERCENT, 0.10, 1.0),
        (THREE_PERCENT, 0.03, 0.0),
        (THREE_PERCENT, 0.05, 0.80),
        (THREE_PERCENT, 0.10, 0.99),
        (LOUD, 0.10, 0.0),
        (LOUD, 0.20, 0.0),
    ] {
        let (found, equal, slowed) = power(noise, slowdown, 100);
        // What the tolerance allows may pass.
        let passed = if slowdown > allowed().1 { equal } else { 0 };
        assert_eq!(passed, 0, "+{}% on a {} machine was called equal", 100.0 * slowdown, noise.name);
        let share = found as f64 / slowed as f64;
        assert!(share >= least, "+{}% on a {} machine: {share} found", 100.0 * slowdown, noise.name);
    }
}
