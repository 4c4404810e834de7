//! The decision, case by case: what is picked, what is judged on which rounds, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use baselines::stats::decision::{Stage, Suspicion};
use baselines::stats::{
    Decision, Look, NextAction, PairData, PairState, Procedure, StatsError, margin, next_steps, round_value,
};

/// `n` rounds about `center`, spread evenly over `center` +- `spread`, in an order that jumps.
fn rounds(n: usize, center: f64, spread: f64) -> Vec<f64> {
    (0..n).map(|i| center + spread * (2.0 * ((i * 7 + 3) % n) as f64 / (n - 1) as f64 - 1.0)).collect()
}

fn delta() -> f64 {
    margin(0.02, 0.0).unwrap()
}

fn one(screen: &[f64], confirm: &[f64]) -> PairState {
    next_steps(&Procedure::default(), &[PairData { margin: delta(), screen, confirm }]).unwrap()[0]
}

#[test]
fn screening_comes_first_and_asks_for_what_is_missing() {
    assert_eq!(one(&[], &[]).action, NextAction::Measure { stage: Stage::Screen, rounds: 10 });
    let step = one(&rounds(6, 0.0, 0.001), &[]);
    assert_eq!(step.action, NextAction::Measure { stage: Stage::Screen, rounds: 4 });
    assert_eq!(step.evidence, None);
}

#[test]
fn a_quiet_benchmark_is_equal_after_the_screen() {
    let step = one(&rounds(10, 0.001, 0.005), &[]);
    assert_eq!(step.action, NextAction::Stop(Decision::Equal));
    assert_eq!(step.suspicion, None);
    assert!(step.evidence.unwrap().interval.is_within(delta()));
}

#[test]
fn what_seems_changed_is_judged_on_fresh_rounds_only() {
    let screen = rounds(10, 0.5, 0.001);
    let step = one(&screen, &[]);
    assert_eq!(step.suspicion, Some(Suspicion::Slower));
    assert_eq!(step.action, NextAction::Measure { stage: Stage::Confirm, rounds: 30 });
    assert_eq!(one(&screen, &rounds(29, 0.0, 0.001)).action, NextAction::Measure { stage: Stage::Confirm, rounds: 1 });

    // The screen said +65%; the fresh rounds say nothing happened, and they alone count.
    let step = one(&screen, &rounds(30, 0.0, 0.001));
    assert_eq!(step.action, NextAction::Stop(Decision::Equal));
    assert_eq!(step.evidence.unwrap().rounds, 30);

    assert_eq!(one(&screen, &rounds(30, 0.05, 0.02)).action, NextAction::Stop(Decision::Regressed));
    assert_eq!(one(&rounds(10, -0.05, 0.01), &rounds(30, -0.05, 0.02)).action, NextAction::Stop(Decision::Improved));
}

#[test]
fn what_turned_round_is_not_judged_by_the_wrong_test() {
    // Screened in as slower, but the fresh rounds are clearly faster: tested for slower, this is no finding.
    let step = one(&rounds(10, 0.05, 0.01), &rounds(60, -0.05, 0.02));
    assert_eq!(step.suspicion, Some(Suspicion::Slower));
    assert_eq!(step.action, NextAction::Stop(Decision::Inconclusive));
    assert_eq!(step.evidence.unwrap().p, 1.0);
}

#[test]
fn significant_but_too_small_is_no_regression() {
    // +0.6% for certain, with a margin of 2%: every p-value is tiny, and it does not matter.
    let step = one(&rounds(10, 0.02, 0.001), &rounds(30, 0.006, 0.001));
    assert!(step.evidence.unwrap().adjusted_p.unwrap() < 1e-8);
    assert_eq!(step.action, NextAction::Stop(Decision::Equal));
}

#[test]
fn significant_but_perhaps_too_small_is_inconclusive() {
    // Every round is slower, most by 0.4%, some by 6%: certainly not nothing, and not shown to matter.
    let screen = rounds(10, 0.02, 0.001);
    let skewed: Vec<f64> = (0..60).map(|i| if i % 15 % 4 == 0 { 0.06 } else { 0.004 } + f64::from(i) * 1e-6).collect();
    let step = one(&screen, &skewed);
    let evidence = step.evidence.unwrap();
    assert!(evidence.adjusted_p.unwrap() < 1e-8 && evidence.interval.low > 0.0 && evidence.interval.high > delta());
    assert_eq!(step.action, NextAction::Stop(Decision::Inconclusive));
}

#[test]
fn a_look_spends_its_own_level_only() {
    // Below the suite's 1%, above the 0.5% of the first look: it has to go on.
    let step = one(&rounds(10, 0.05, 0.01), &rounds(30, 0.05, 0.155));
    let p = step.evidence.unwrap().adjusted_p.unwrap();
    assert!(0.005 < p && p < 0.01, "the rounds do not make the case: p is {p}");
    assert_eq!(step.action, NextAction::Measure { stage: Stage::Confirm, rounds: 10 });
}

#[test]
fn a_missed_slowdown_goes_through_all_looks_and_ends_inconclusive() {
    let screen = rounds(10, 0.05, 0.02);
    let noisy = rounds(60, 0.05, 0.9);
    for (have, more) in [(0, 30), (30, 10), (35, 5), (40, 20), (59, 1)] {
        let step = one(&screen, &noisy[..have]);
        assert_eq!(
            step.action,
            NextAction::Measure { stage: Stage::Confirm, rounds: more },
            "after {have} fresh rounds"
        );
    }
    assert_eq!(one(&screen, &noisy).action, NextAction::Stop(Decision::Inconclusive));
}

#[test]
fn unsettled_benchmarks_take_fresh_rounds_or_end_inconclusive() {
    let screen = rounds(10, 0.0, 0.05);
    let step = one(&screen, &[]);
    assert_eq!(step.suspicion, Some(Suspicion::Unsettled));
    assert_eq!(step.action, NextAction::Measure { stage: Stage::Confirm, rounds: 30 });
    assert_eq!(one(&screen, &rounds(30, 0.0, 0.02)).action, NextAction::Stop(Decision::Equal));
    assert_eq!(one(&screen, &rounds(30, 0.05, 0.02)).action, NextAction::Stop(Decision::Regressed));
    assert_eq!(one(&screen, &rounds(30, -0.05, 0.02)).action, NextAction::Stop(Decision::Improved));

    let brisk = Procedure { settle: false, ..Procedure::default() };
    let benchmark = PairData { margin: delta(), screen: &screen, confirm: &[] };
    assert_eq!(next_steps(&brisk, &[benchmark]).unwrap()[0].action, NextAction::Stop(Decision::Inconclusive));
}

#[test]
fn nobody_is_judged_before_all_have_their_rounds() {
    let (screen, fresh) = (rounds(10, 0.05, 0.01), rounds(30, 0.05, 0.01));
    let ready = PairData { margin: delta(), screen: &screen, confirm: &fresh };
    let late = PairData { confirm: &fresh[..12], ..ready };
    let unscreened = PairData { screen: &screen[..9], confirm: &[], ..ready };
    let actions = |suite: &[PairData<'_>]| -> Vec<NextAction> {
        next_steps(&Procedure::default(), suite).unwrap().iter().map(|step| step.action).collect()
    };
    assert_eq!(actions(&[ready, late]), [NextAction::Wait, NextAction::Measure { stage: Stage::Confirm, rounds: 18 }]);
    // Before the screen is complete, nobody knows for how many to correct.
    assert_eq!(
        actions(&[ready, unscreened]),
        [NextAction::Wait, NextAction::Measure { stage: Stage::Screen, rounds: 1 }]
    );
    assert_eq!(actions(&[ready, ready]), [NextAction::Stop(Decision::Regressed); 2]);
}

#[test]
fn many_suspects_raise_the_bar() {
    // A p of about 0.0005: enough for one suspect, not for one among 200.
    let procedure = Procedure { looks: vec![Look { rounds: 30, level: 0.01 }], ..Procedure::default() };
    let (screen, fresh, innocent) = (rounds(10, 0.05, 0.01), rounds(30, 0.05, 0.14), rounds(30, 0.0, 0.5));
    let suspect = PairData { margin: delta(), screen: &screen, confirm: &fresh };
    let alone = next_steps(&procedure, &[suspect]).unwrap()[0];
    assert_eq!(alone.decision(), Some(Decision::Regressed));
    let p = alone.evidence.unwrap().p;
    assert_eq!(alone.evidence.unwrap().adjusted_p, Some(p));

    let mut suite = vec![PairData { confirm: &innocent, ..suspect }; 200];
    suite[0] = suspect;
    let steps = next_steps(&procedure, &suite).unwrap();
    assert!(steps.iter().all(|step| step.decision() == Some(Decision::Inconclusive)));
    assert!((steps[0].evidence.unwrap().adjusted_p.unwrap() / p - 200.0).abs() < 1e-9);
}

#[test]
fn what_stopped_earlier_still_counts_in_the_correction() {
    // One that ended as equal at the first look stays in the family: at the second, the other is still one of two.
    let (screen, quiet) = (rounds(10, 0.05, 0.01), rounds(30, 0.0, 0.001));
    let noisy = [rounds(30, 0.03, 0.3), rounds(30, 0.08, 0.1)].concat();
    let ended = PairData { margin: delta(), screen: &screen, confirm: &quiet };
    let steps = next_steps(&Procedure::default(), &[ended, PairData { confirm: &noisy, ..ended }]).unwrap();
    assert_eq!(steps[0].action, NextAction::Stop(Decision::Equal));
    let evidence = steps[1].evidence.unwrap();
    assert!(evidence.rounds > 30, "the second went past the first look");
    assert_eq!(evidence.adjusted_p, Some(2.0 * evidence.p));

    // One that ended as regressed was rejected, and makes room.
    let slow = rounds(30, 0.1, 0.01);
    let ended = PairData { confirm: &slow, ..ended };
    let steps = next_steps(&Procedure::default(), &[ended, PairData { confirm: &noisy, ..ended }]).unwrap();
    assert_eq!(steps[0].action, NextAction::Stop(Decision::Regressed));
    let evidence = steps[1].evidence.unwrap();
    assert_eq!(evidence.adjusted_p, Some(evidence.p));
}

#[test]
fn comparing_nothing_fails() {
    assert_eq!(next_steps(&Procedure::default(), &[]), Err(StatsError::Empty));
}

#[test]
fn bad_input_is_refused_and_named() {
    let good = rounds(10, 0.0, 0.001);
    let bad = [&good[..5], &[f64::NAN]].concat();
    let fine = PairData { margin: delta(), screen: &good, confirm: &[] };
    let refused = |benchmark| next_steps(&Procedure::default(), &[fine, benchmark]).unwrap_err().to_string();
    assert_eq!(
        refused(PairData { screen: &bad, ..fine }),
        "benchmark 1 of the suite: value 5 is NaN: discard the run, every value must be finite"
    );
    assert_eq!(
        refused(PairData { margin: 0.0, ..fine }),
        "benchmark 1 of the suite: a margin of 0: give a positive share, as in 0.02 for 2%"
    );
    for (limit, noise) in
        [(0.0, 0.0), (-0.02, 0.0), (f64::NAN, 0.0), (0.02, -0.1), (0.02, f64::NAN), (0.02, f64::INFINITY)]
    {
        assert!(margin(limit, noise).is_err(), "{limit}, {noise}");
    }
}

#[test]
fn contradictory_procedures_are_refused() {
    let look = |rounds, level| Look { rounds, level };
    let with = |change: fn(&mut Procedure)| {
        let mut procedure = Procedure::default();
        change(&mut procedure);
        procedure
    };
    assert_eq!(Procedure::default().check(), Ok(()));
    for broken in [
        with(|p| p.screen_rounds = 7),
        with(|p| p.screen_p = 0.0),
        with(|p| p.relevance = 1.5),
        with(|p| p.confidence = 1.0),
        with(|p| p.confidence = 0.9999),
        with(|p| p.looks.clear()),
        with(|p| p.looks[0].rounds = 7),
        with(|p| p.looks.swap(0, 1)),
        with(|p| p.looks[1].rounds = 30),
        with(|p| p.looks[2].rounds = 1001),
        with(|p| p.looks[0].level = 0.0),
        Procedure { looks: vec![look(30, 0.6), look(60, 0.4)], ..Procedure::default() },
    ] {
        assert!(broken.check().is_err(), "{broken:?}");
        assert!(next_steps(&broken, &[PairData { margin: delta(), screen: &[], confirm: &[] }]).is_err());
    }
}

#[test]
fn clocks_that_stand_still_are_refused() {
    let fine_ns = [5.1e6, 5.2e6, 5.0e6];
    for broken in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let mut times_ns = fine_ns;
        times_ns[1] = broken;
        let message = round_value(&times_ns, &fine_ns).unwrap_err().to_string();
        assert!(message.starts_with("slice 1 of the base side took"), "{message}");
        let message = round_value(&fine_ns, &times_ns).unwrap_err().to_string();
        assert!(message.starts_with("slice 1 of the new side took"), "{message}");
    }
    assert_eq!(round_value(&[5e6; 8], &[5e6; 8]), Err(StatsError::FrozenClock { slices: 16, time_ns: 5e6 }));
    assert_eq!(round_value(&[5e6; 8], &[5e6; 7]), Err(StatsError::Unpaired { base: 8, new: 7 }));
    assert_eq!(round_value(&[], &[]), Err(StatsError::Empty));
}
