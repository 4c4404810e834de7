//! The decision, case by case: what is settled, what is picked, what is judged on which rounds, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use stats::decision::{Stage, Suspicion};
use stats::{
    Decision, Look, NextAction, PairData, PairState, Procedure, StatsError, growth_value, margin, next_steps,
    round_value,
};

/// `n` rounds about `center`, spread evenly over `center` +- `spread`, in an order that jumps.
fn rounds(n: usize, center: f64, spread: f64) -> Vec<f64> {
    (0..n).map(|i| center + spread * (2.0 * ((i * 7 + 3) % n) as f64 / (n - 1) as f64 - 1.0)).collect()
}

fn limit() -> f64 {
    margin(0.02).unwrap()
}

fn pair<'a>(screen: &'a [f64], confirm: &'a [f64]) -> PairData<'a> {
    PairData { limit: limit(), tolerance: margin(0.04).unwrap(), screen, confirm }
}

fn one(screen: &[f64], confirm: &[f64]) -> PairState {
    next_steps(&Procedure::default(), &[pair(screen, confirm)], 0).unwrap()[0]
}

fn fresh(rounds: usize) -> NextAction {
    NextAction::Measure { stage: Stage::Confirm, rounds }
}

#[test]
fn the_first_look_asks_for_what_is_missing() {
    assert_eq!(one(&[], &[]).action, NextAction::Measure { stage: Stage::Screen, rounds: 20 });
    let step = one(&rounds(14, 0.0, 0.001), &[]);
    assert_eq!(step.action, NextAction::Measure { stage: Stage::Screen, rounds: 6 });
    assert_eq!(step.evidence, None);
}

#[test]
fn a_quiet_benchmark_is_equal_after_the_first_look_and_says_what_is_ruled_out() {
    for center in [-0.015, 0.001, 0.015] {
        let step = one(&rounds(20, center, 0.005), &[]);
        assert_eq!((step.action, step.suspicion), (NextAction::Stop(Decision::Equal), None));
        let evidence = step.evidence.unwrap();
        assert!(center < evidence.bound.unwrap() && evidence.bound.unwrap() < center + 0.005, "{evidence:?}");
    }
}

#[test]
fn what_never_moved_is_equal_at_once() {
    let step = one(&[0.0; 20], &[]);
    assert_eq!(step.action, NextAction::Stop(Decision::Equal));
    assert_eq!(step.evidence.unwrap().bound, Some(0.0));
}

#[test]
fn what_is_not_ruled_out_takes_more_rounds_though_nobody_suspected_it() {
    let noisy = rounds(20, 0.0, 0.1);
    let step = one(&noisy, &[]);
    assert!(step.evidence.unwrap().bound.unwrap() > margin(0.04).unwrap());
    assert_eq!(step.action, fresh(20));
    assert_eq!(one(&noisy, &rounds(20, 0.0, 0.01)).action, NextAction::Stop(Decision::Equal));
}

#[test]
fn what_seems_changed_is_tested_on_fresh_rounds_only() {
    let screen = rounds(20, 0.5, 0.001);
    let step = one(&screen, &[]);
    assert_eq!((step.suspicion, step.action), (Some(Suspicion::Slower), fresh(20)));
    assert_eq!(one(&screen, &rounds(19, 0.0, 0.001)).action, fresh(1));

    // The first look said +65%; the fresh rounds say nothing happened, and they alone are tested.
    let step = one(&screen, &rounds(220, 0.0, 0.001));
    assert_eq!(step.action, NextAction::Stop(Decision::Equal));
    assert_eq!(step.evidence.unwrap().test.unwrap().p, 1.0);

    let step = one(&rounds(20, 0.05, 0.01), &rounds(20, 0.05, 0.02));
    assert_eq!(step.action, NextAction::Stop(Decision::Regressed));
    let evidence = step.evidence.unwrap();
    assert_eq!((evidence.rounds, evidence.test.unwrap().rounds), (40, 20));
    let step = one(&rounds(20, -0.05, 0.01), &rounds(20, -0.05, 0.02));
    assert_eq!((step.suspicion, step.action), (Some(Suspicion::Faster), NextAction::Stop(Decision::Improved)));
}

#[test]
fn what_turned_round_is_not_judged_by_the_wrong_test() {
    // Picked as slower, but the fresh rounds are clearly faster: tested for slower, this is no finding.
    let step = one(&rounds(20, 0.05, 0.01), &rounds(220, -0.05, 0.02));
    assert_eq!(step.suspicion, Some(Suspicion::Slower));
    assert_eq!(step.action, NextAction::Stop(Decision::Equal));
    assert!(step.evidence.unwrap().test.unwrap().p > 0.99);
}

#[test]
fn worse_for_certain_but_not_by_more_than_the_limit_does_not_block() {
    // +1.5% in every round: no doubt that it is slower, and none that it is allowed.
    let step = one(&rounds(20, 0.03, 0.001), &rounds(60, 0.015, 0.002));
    assert_eq!(step.action, NextAction::Stop(Decision::Equal));
    assert!(step.evidence.unwrap().interval.low > 0.0 && step.evidence.unwrap().test.unwrap().p > 0.99);
}

#[test]
fn an_interval_wholly_beyond_the_limit_never_passes() {
    // No test is made at a single look, and a tolerance of 20% is far away.
    let slow = rounds(20, 0.05, 0.01);
    let tolerant = PairData { tolerance: 0.2, ..pair(&slow, &[]) };
    let step = next_steps(&Procedure::one_look(20), &[tolerant], 0).unwrap()[0];
    let evidence = step.evidence.unwrap();
    assert!(evidence.interval.low > limit() && evidence.bound.unwrap() < 0.2);
    assert_eq!(step.action, NextAction::Stop(Decision::Inconclusive));
    let within = rounds(20, 0.02, 0.01);
    let step = next_steps(&Procedure::one_look(20), &[PairData { screen: &within, ..tolerant }], 0).unwrap()[0];
    assert_eq!(step.action, NextAction::Stop(Decision::Equal));
}

#[test]
fn a_look_spends_its_own_level_only() {
    // Below the suite's 1%, above the 0.2% of the second look: it has to go on.
    let step = one(&rounds(20, 0.05, 0.01), &rounds(20, 0.05, 0.075));
    let p = step.evidence.unwrap().test.unwrap().adjusted_p;
    assert!(0.002 < p && p < 0.01, "the rounds do not make the case: p is {p}");
    assert_eq!(step.action, fresh(40));
}

#[test]
fn what_can_not_be_told_goes_through_all_looks_and_ends_inconclusive() {
    let (screen, noisy) = (rounds(20, 0.05, 0.9), rounds(220, 0.05, 0.9));
    for (have, more) in [(0, 20), (19, 1), (20, 40), (59, 1), (60, 80), (139, 1), (140, 80), (219, 1)] {
        assert_eq!(one(&screen, &noisy[..have]).action, fresh(more), "after {have} fresh rounds");
    }
    assert_eq!(one(&screen, &noisy).action, NextAction::Stop(Decision::Inconclusive));
}

#[test]
fn nobody_is_judged_before_all_have_their_rounds() {
    let (screen, confirm) = (rounds(20, 0.05, 0.01), rounds(20, 0.05, 0.01));
    let ready = pair(&screen, &confirm);
    let late = PairData { confirm: &confirm[..12], ..ready };
    let unscreened = PairData { screen: &screen[..19], confirm: &[], ..ready };
    let actions = |suite: &[PairData<'_>]| -> Vec<NextAction> {
        next_steps(&Procedure::default(), suite, 0).unwrap().iter().map(|step| step.action).collect()
    };
    assert_eq!(actions(&[ready, late]), [NextAction::Wait, fresh(8)]);
    // Before the first look is complete, nobody knows for how many to correct.
    assert_eq!(
        actions(&[ready, unscreened]),
        [NextAction::Wait, NextAction::Measure { stage: Stage::Screen, rounds: 1 }]
    );
    assert_eq!(actions(&[ready, ready]), [NextAction::Stop(Decision::Regressed); 2]);
}

#[test]
fn many_suspects_raise_the_bar() {
    // A p of about 0.001: enough for one suspect, not for one among 200.
    let look = |rounds, test_level| Look { rounds, bound_level: 0.005, test_level };
    let procedure = Procedure { looks: vec![look(20, 0.0), look(40, 0.01)], ..Procedure::default() };
    let (screen, slower, innocent) = (rounds(20, 0.05, 0.01), rounds(20, 0.05, 0.06), rounds(20, 0.0, 0.5));
    let suspect = pair(&screen, &slower);
    let alone = next_steps(&procedure, &[suspect], 0).unwrap()[0];
    assert_eq!(alone.decision(), Some(Decision::Regressed));
    let tested = alone.evidence.unwrap().test.unwrap();
    assert_eq!(tested.adjusted_p, tested.p);

    let mut suite = vec![PairData { confirm: &innocent, ..suspect }; 200];
    suite[0] = suspect;
    let steps = next_steps(&procedure, &suite, 0).unwrap();
    assert!(steps.iter().all(|step| step.decision() == Some(Decision::Inconclusive)));
    assert!((steps[0].evidence.unwrap().test.unwrap().adjusted_p / tested.p - 200.0).abs() < 1e-9);
}

#[test]
fn bounds_that_hold_together_are_wider() {
    let quiet = rounds(20, 0.0, 0.01);
    let bound = |suite: usize| {
        next_steps(&Procedure::default(), &vec![pair(&quiet, &[]); suite], 0).unwrap()[0].evidence.unwrap().bound
    };
    assert!(bound(1).unwrap() < bound(20).unwrap() && bound(20).unwrap() < bound(1000).unwrap());
    // 2^-20 is the smallest level that 20 rounds can have.
    assert_eq!(bound(10_000), None);
    let steps = next_steps(&Procedure::default(), &vec![pair(&quiet, &[]); 10_000], 0).unwrap();
    assert!(steps.iter().all(|step| step.action == fresh(20)), "nothing is ruled out");
}

#[test]
fn what_stopped_earlier_still_counts_in_the_correction() {
    // One that ended as equal stays in the family: later, the other is still one of two.
    let (screen, quiet) = (rounds(20, 0.05, 0.01), rounds(220, 0.0, 0.001));
    let noisy = [rounds(60, 0.05, 0.5), rounds(160, 0.08, 0.6)].concat();
    let ended = pair(&screen, &quiet);
    let steps = next_steps(&Procedure::default(), &[ended, PairData { confirm: &noisy, ..ended }], 0).unwrap();
    assert_eq!(steps[0].action, NextAction::Stop(Decision::Equal));
    let tested = steps[1].evidence.unwrap().test.unwrap();
    assert!(tested.rounds == 220 && tested.p < 0.5, "the second went to the last look");
    assert_eq!(tested.adjusted_p, 2.0 * tested.p);

    // One that ended as regressed was rejected, and makes room.
    let slow = rounds(220, 0.1, 0.01);
    let ended = PairData { confirm: &slow, ..ended };
    let steps = next_steps(&Procedure::default(), &[ended, PairData { confirm: &noisy, ..ended }], 0).unwrap();
    assert_eq!(steps[0].action, NextAction::Stop(Decision::Regressed));
    let tested = steps[1].evidence.unwrap().test.unwrap();
    assert_eq!(tested.adjusted_p, tested.p);
}

#[test]
fn comparing_nothing_fails() {
    assert_eq!(next_steps(&Procedure::default(), &[], 0), Err(StatsError::Empty));
}

#[test]
fn bad_input_is_refused_and_named() {
    let good = rounds(20, 0.0, 0.001);
    let bad = [&good[..5], &[f64::NAN]].concat();
    let fine = pair(&good, &[]);
    let refused = |benchmark| next_steps(&Procedure::default(), &[fine, benchmark], 0).unwrap_err().to_string();
    assert_eq!(
        refused(PairData { screen: &bad, ..fine }),
        "benchmark 1 of the suite: value 5 is NaN: discard the run, every value must be finite"
    );
    assert_eq!(
        refused(PairData { limit: 0.0, ..fine }),
        "benchmark 1 of the suite: a margin of 0: give a positive share, as in 0.02 for 2%"
    );
    assert_eq!(
        refused(PairData { limit: 0.25, tolerance: 0.125, ..fine }),
        "benchmark 1 of the suite: a tolerance of 0.125 below the limit of 0.25: tolerate at least what is allowed"
    );
    for share in [0.0, -0.02, f64::NAN, f64::INFINITY] {
        assert!(margin(share).is_err(), "{share}");
    }
}

#[test]
fn contradictory_procedures_are_refused() {
    let with = |change: fn(&mut Procedure)| {
        let mut procedure = Procedure::default();
        change(&mut procedure);
        procedure
    };
    assert_eq!(Procedure::default().check(), Ok(()));
    assert_eq!(Procedure::one_look(8).check(), Ok(()));
    for broken in [
        with(|p| p.looks[0].rounds = 7),
        with(|p| p.looks[0].test_level = 0.001),
        with(|p| p.looks[0].bound_level = 0.0),
        with(|p| p.looks[1].test_level = 0.0),
        with(|p| p.looks[1].test_level = 0.999),
        with(|p| p.looks[1].bound_level = 0.999),
        with(|p| p.confidence = 1.0),
        with(|p| p.looks.clear()),
        with(|p| p.looks.swap(1, 2)),
        with(|p| p.looks[1].rounds = 20),
        with(|p| p.looks[4].rounds = 1001),
    ] {
        assert!(broken.check().is_err(), "{broken:?}");
        assert!(next_steps(&broken, &[pair(&[], &[])], 0).is_err());
    }
}

#[test]
fn waiting_is_a_share_of_the_whole_time() {
    // 1 ms more in slices of 4 ms; one slice was disturbed.
    let value = growth_value(&[1e6, 1e6, 1e6], &[2e6, 9e6, 2e6], &[4e6; 3]).unwrap();
    assert!((value.exp_m1() - 0.25).abs() < 1e-12);
    assert_eq!(growth_value(&[0.0; 8], &[0.0; 8], &[4e6; 8]), Ok(0.0));
    // Both sides wait as long, in other slices.
    assert!(growth_value(&[0.0, 1e6], &[1e6, 0.0], &[1e6, 2e6]).unwrap().abs() < 1e-12, "no side is favoured");
    assert!(growth_value(&[9e6], &[0.0], &[4e6]).unwrap().is_finite(), "clocks that disagree");
    assert_eq!(growth_value(&[0.0; 8], &[0.0; 7], &[4e6; 8]), Err(StatsError::Unpaired { base: 8, new: 7 }));
    assert!(growth_value(&[0.0], &[0.0], &[0.0]).is_err());
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
