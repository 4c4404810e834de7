//! What must hold for all data: symmetry, order, duality, and agreement with counting by hand.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use stats::binomial::{lower_bound, upper_bound};
use stats::wilcoxon::signed_rank;
use stats::{
    Decision, Interval, Look, NextAction, PairData, PairState, Procedure, StatsError, descriptive, hodges_lehmann,
    holm, next_steps, round_value,
};

/// Always the same cases: a test that fails now and then is not believed.
fn config() -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(0x5eed), failure_persistence: None, ..ProptestConfig::default() }
}

/// Screen and fresh rounds about a shift, from silent to noisier than the shift, complete or not.
fn measured() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    (-0.08..0.08_f64, 0.0001..0.08_f64, 0_usize..24, 0_usize..230).prop_flat_map(|(shift, noise, screen, confirm)| {
        let round = move || (-noise..noise).prop_map(move |deviation| shift + deviation);
        (vec(round(), screen), vec(round(), confirm))
    })
}

fn complete() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    (-0.08..0.08_f64, 0.0001..0.08_f64).prop_flat_map(|(shift, noise)| {
        let round = move || (-noise..noise).prop_map(move |deviation| shift + deviation);
        (vec(round(), 20), vec(round(), 220))
    })
}

/// The steps of a suite with a limit, and a tolerance of twice as much.
fn steps_of(procedure: &Procedure, suite: &[(Vec<f64>, Vec<f64>)], limit: f64) -> Vec<PairState> {
    let pair = |(screen, confirm)| PairData { limit, tolerance: 2.0 * limit, screen, confirm };
    let suite: Vec<PairData<'_>> = suite.iter().map(|(screen, confirm)| pair((screen, confirm))).collect();
    next_steps(procedure, &suite, 0).unwrap()
}

fn interval(values: &[f64], confidence: f64) -> Interval {
    hodges_lehmann::estimate(values, confidence).unwrap().1
}

fn contains(interval: Interval, shift: f64) -> bool {
    (interval.low..=interval.high).contains(&shift)
}

fn negated(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| -value).collect()
}

fn midranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| other.abs() < value.abs()).count();
        let tied = values.iter().filter(|other| other.abs() == value.abs()).count();
        below as f64 + (tied + 1) as f64 / 2.0
    };
    values.iter().map(rank).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn signed_rank_counts_all_choices_of_signs(values in vec(-4_i32..=4, 1..11)) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let ranks: Vec<(f64, bool)> = midranks(&values)
            .into_iter()
            .zip(&values)
            .filter(|(_, value)| **value != 0.0)
            .map(|(rank, value)| (rank, *value > 0.0))
            .collect();
        let measured: f64 = ranks.iter().filter(|(_, positive)| *positive).map(|(rank, _)| rank).sum();
        let sums: Vec<f64> = (0..1_u32 << ranks.len())
            .map(|signs| (0..ranks.len()).filter(|i| signs >> i & 1 == 1).map(|i| ranks[i].0).sum())
            .collect();
        let share = |matches: &dyn Fn(&&f64) -> bool| sums.iter().filter(matches).count() as f64 / sums.len() as f64;
        let test = signed_rank(&values).unwrap();
        prop_assert_eq!(test.positive_ranks, measured);
        prop_assert_eq!(test.signed, ranks.len());
        prop_assert_eq!(test.p_greater, share(&|sum| **sum >= measured));
        prop_assert_eq!(test.p_less, share(&|sum| **sum <= measured));
    }

    #[test]
    fn the_interval_leaves_out_zero_exactly_if_the_test_rejects(
        values in vec(-1.0..1.3, 8..40),
        confidence in 0.5..0.99,
    ) {
        let interval = interval(&values, confidence);
        let test = signed_rank(&values).unwrap();
        prop_assert_eq!(!contains(interval, 0.0), test.p_two_sided <= 1.0 - confidence);
        prop_assert!(interval.confidence >= confidence);
        prop_assert!(contains(interval, hodges_lehmann::pseudo_median(&values).unwrap()));
    }

    #[test]
    fn estimates_move_with_the_values(values in vec(-1.0..1.0, 8..40), shift in -4_i32..4, factor in 1_i32..4) {
        // Powers of two and their sums are exact, up to the last bits of the values.
        let moved: Vec<f64> = values.iter().map(|v| v * f64::from(factor) + f64::from(shift)).collect();
        let (estimate, interval) = hodges_lehmann::estimate(&values, 0.99).unwrap();
        let (estimate_moved, interval_moved) = hodges_lehmann::estimate(&moved, 0.99).unwrap();
        for (plain, moved) in
            [(estimate, estimate_moved), (interval.low, interval_moved.low), (interval.high, interval_moved.high)]
        {
            prop_assert!((plain * f64::from(factor) + f64::from(shift) - moved).abs() < 1e-12);
        }
    }

    #[test]
    fn higher_confidence_never_narrows(values in vec(-1.0..1.0, 8..40), a in 0.5..0.99, b in 0.5..0.99) {
        let narrow = interval(&values, f64::min(a, b));
        let wide = interval(&values, f64::max(a, b));
        prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high && wide.confidence >= narrow.confidence);
    }

    #[test]
    fn too_few_rounds_are_refused(values in vec(-1.0..1.0, 1..8)) {
        let refused = hodges_lehmann::estimate(&values, 0.99);
        prop_assert_eq!(refused, Err(StatsError::TooFewRounds { given: values.len(), needed: 8, confidence: 0.99 }));
    }

    #[test]
    fn swapping_the_sides_negates_a_round(pairs in vec((1e3..1e9, 1e3..1e9), 1..12)) {
        let (base, new): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        prop_assert_eq!(round_value(&base, &new).unwrap(), -round_value(&new, &base).unwrap());
    }

    #[test]
    fn half_of_the_values_lie_on_each_side_of_the_median(values in vec(-1e6..1e6, 1..30)) {
        let median = descriptive::median(&values).unwrap();
        let half = values.len().div_ceil(2);
        prop_assert!(values.iter().filter(|value| **value <= median).count() >= half);
        prop_assert!(values.iter().filter(|value| **value >= median).count() >= half);
    }

    #[test]
    fn holm_rejects_no_less_than_bonferroni_and_no_more_than_plain(p in vec(0.0..1.0, 1..30), level in 0.001..0.2) {
        let adjusted = holm::adjusted(&p).unwrap();
        for (plain, adjusted) in p.iter().zip(&adjusted) {
            prop_assert!(adjusted >= plain && *adjusted <= (plain * p.len() as f64).min(1.0));
        }
        // By the words of Holm's paper: go up from the smallest, stop at the first that fails.
        let mut sorted = p.clone();
        sorted.sort_by(f64::total_cmp);
        let m = p.len();
        let rejected = (0..m).take_while(|&i| sorted[i] * (m - i) as f64 <= level).count();
        prop_assert_eq!(adjusted.iter().filter(|adjusted| **adjusted <= level).count(), rejected);
    }

    #[test]
    fn bounds_hold_the_observed_rate_and_mirror(trials in 1_u64..400, part in 0.0..=1.0, confidence in 0.5..0.999) {
        let successes = (trials as f64 * part) as u64;
        let observed = successes as f64 / trials as f64;
        let low = lower_bound(successes, trials, confidence).unwrap();
        let high = upper_bound(successes, trials, confidence).unwrap();
        prop_assert!(0.0 <= low && low <= observed && observed <= high && high <= 1.0);
        let failures = upper_bound(trials - successes, trials, confidence).unwrap();
        prop_assert!((low - (1.0 - failures)).abs() < 1e-12);
        prop_assert!(upper_bound(successes, trials, (1.0 + confidence) / 2.0).unwrap() >= high);
    }

    #[test]
    fn swapping_the_labels_mirrors_the_evidence(suite in vec(measured(), 1..8)) {
        // Bounds are asked for on one side only, so what passes on one side may go on when it is swapped.
        let swapped: Vec<_> = suite.iter().map(|(screen, _)| (negated(screen), vec![])).collect();
        let suite: Vec<_> = suite.into_iter().map(|(screen, _)| (screen, vec![])).collect();
        let plain = steps_of(&Procedure::default(), &suite, 0.02);
        for (step, swapped) in plain.iter().zip(steps_of(&Procedure::default(), &swapped, 0.02)) {
            prop_assert_eq!(step.evidence.is_some(), swapped.evidence.is_some());
            if let (Some(plain), Some(swapped)) = (step.evidence, swapped.evidence) {
                prop_assert_eq!(plain.estimate, -swapped.estimate);
                prop_assert_eq!((plain.interval.low, plain.interval.high), (-swapped.interval.high, -swapped.interval.low));
            }
        }
    }

    #[test]
    fn the_order_of_the_suite_does_not_matter(suite in vec(measured(), 2..8), turn in 1_usize..7) {
        let procedure = Procedure::default();
        let mut turned = suite.clone();
        let turn = turn % suite.len();
        turned.rotate_left(turn);
        let mut steps = steps_of(&procedure, &suite, 0.02);
        steps.rotate_left(turn);
        prop_assert_eq!(steps, steps_of(&procedure, &turned, 0.02));
    }

    #[test]
    fn slower_never_looks_better(data in complete(), more in 0.0..0.05) {
        // One look: over several, a slower sample may stop earlier, and so be judged on other rounds.
        let look = |rounds, test_level| Look { rounds, bound_level: 0.005, test_level };
        let procedure = Procedure { looks: vec![look(20, 0.0), look(160, 0.01)], ..Procedure::default() };
        let slower: Vec<f64> = data.0.iter().map(|v| v + more).collect();
        let slower = (slower, data.1.iter().map(|v| v + more).collect());
        let place = |data: &(Vec<f64>, Vec<f64>)| match steps_of(&procedure, std::slice::from_ref(data), 0.02)[0].decision() {
            Some(Decision::Improved) => -1,
            Some(Decision::Equal | Decision::Inconclusive) => 0,
            Some(Decision::Regressed) => 1,
            None => unreachable!("all rounds are there"),
        };
        prop_assert!(place(&slower) >= place(&data));
    }

    #[test]
    fn verdicts_say_what_the_evidence_says(suite in vec(complete(), 1..8), limit in 0.001..0.05) {
        for step in steps_of(&Procedure::default(), &suite, limit) {
            let evidence = step.evidence.unwrap();
            let ruled_out = evidence.bound.unwrap() < 2.0 * limit;
            match step.decision().unwrap() {
                Decision::Equal => prop_assert!(ruled_out && evidence.interval.low <= limit),
                Decision::Regressed => prop_assert!(evidence.estimate > limit && evidence.bound.unwrap() > limit),
                Decision::Improved => prop_assert!(evidence.estimate < -limit),
                Decision::Inconclusive => prop_assert!(!ruled_out || evidence.interval.low > limit),
            }
        }
    }

    #[test]
    fn only_the_rounds_of_a_look_count(data in complete(), extra in vec(-9.0..9.0, 1..20)) {
        let decided = steps_of(&Procedure::default(), std::slice::from_ref(&data), 0.02)[0];
        let longer = ([&data.0[..], &extra].concat(), [&data.1[..], &extra].concat());
        prop_assert_eq!(decided, steps_of(&Procedure::default(), &[longer], 0.02)[0]);
    }

    #[test]
    fn a_suite_ends_after_all_looks_and_keeps_its_decisions(suite in vec(complete(), 1..6)) {
        let procedure = Procedure::default();
        let mut have = vec![(0_usize, 0_usize); suite.len()];
        let mut stopped = vec![None; suite.len()];
        for asked in 0..=procedure.looks.len() {
            let so_far: Vec<_> =
                suite.iter().zip(&have).map(|(d, n)| (d.0[..n.0].to_vec(), d.1[..n.1].to_vec())).collect();
            let steps = steps_of(&procedure, &so_far, 0.02);
            for ((step, have), stopped) in steps.iter().zip(&mut have).zip(&mut stopped) {
                prop_assert!(stopped.is_none() || *stopped == step.decision(), "a decision was taken back");
                *stopped = step.decision();
                match step.action {
                    NextAction::Measure { stage: stats::decision::Stage::Screen, rounds } => have.0 += rounds,
                    NextAction::Measure { stage: stats::decision::Stage::Confirm, rounds } => have.1 += rounds,
                    NextAction::Wait | NextAction::Stop(_) => {}
                }
            }
            if stopped.iter().all(Option::is_some) {
                return Ok(());
            }
            prop_assert!(asked < procedure.looks.len(), "not done after the last look");
        }
    }
}
