//! The error rates of change points on simulated histories. Seeded: the same figures always.
//!
//! `cargo test --release -p assay-stats --test change_points -- --nocapture` prints them.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;
use stats::change_points::change_points;

const LEVEL: f64 = 0.05;
const SEED: u64 = 20_260_122;
/// Values before a step.
const BEFORE: usize = 100;
/// The farthest that a change point may be from its step.
const NEAR: usize = 10;
/// Series that are judged together.
const TOGETHER: usize = 20;

/// Normal noise with a standard deviation of 1 about 100, and a step after [`BEFORE`] values.
fn series(length: usize, step: f64, seed: u64) -> Vec<f64> {
    let mut rng = Pcg64::seed_from_u64(seed);
    let noise = |_| -> f64 { StandardNormal.sample(&mut rng) };
    let values = (0..length).map(noise).enumerate();
    values.map(|(at, noise)| 100.0 + noise + if at >= BEFORE { step } else { 0.0 }).collect()
}

#[test]
fn pure_noise_has_next_to_no_change_points() {
    let all: Vec<Vec<f64>> = (0..1000).map(|number| series(100, 0.0, number)).collect();
    let together: usize = change_points(&all, LEVEL, SEED).unwrap().iter().map(Vec::len).sum();
    println!("1,000 series of noise judged together at {LEVEL}: {together} change points");
    assert!(together <= 1);
    let suites = all.chunks(TOGETHER);
    let red = suites.filter(|suite| change_points(suite, LEVEL, SEED).unwrap().iter().any(|found| !found.is_empty()));
    let red = red.count();
    println!("the same in 50 suites of {TOGETHER}: {red} suites with a change point");
    assert!(red <= 2, "{red} of 50 at 1%");
}

/// How many of the stepping series have a change point at most [`NEAR`] values from the step: `changed` of `together`
/// in each suite step, the others are noise.
fn found(step: f64, after: usize, suites: usize, changed: usize, together: usize) -> usize {
    let suite = |suite: usize| {
        let step_of = |number: usize| if number < changed { step } else { 0.0 };
        let of = |number| series(BEFORE + after, step_of(number), (suite * TOGETHER + number) as u64);
        let all: Vec<Vec<f64>> = (0..together).map(of).collect();
        let points = change_points(&all, LEVEL, SEED).unwrap();
        points[..changed].iter().filter(|points| points.iter().any(|point| point.at.abs_diff(BEFORE) <= NEAR)).count()
    };
    (0..suites).map(suite).sum()
}

#[test]
fn a_step_is_found_soon() {
    for (step, after, least) in [(1.0, 30, [14, 13, 17]), (2.0, 10, [19, 19, 19]), (5.0, 5, [20, 20, 20])] {
        // The only series; one of twenty; all of twenty.
        let found = [(20, 1, 1), (20, 1, TOGETHER), (1, TOGETHER, TOGETHER)]
            .map(|(suites, changed, together)| found(step, after, suites, changed, together));
        let [only, one, all] = found;
        println!(
            "a step of {step} standard deviations, {after} values later: {only} of 20 where it is the only series, \
             {one} of 20 where one of twenty steps, {all} of 20 where all do"
        );
        assert!(found.iter().zip(least).all(|(found, least)| *found >= least), "{found:?} where {least:?} are asked");
    }
}

/// A series of ours, and where Apache Otava found changes.
#[derive(serde::Deserialize)]
struct Compared {
    name: String,
    values: Vec<f64>,
    otava: Vec<usize>,
}

/// The fixture is the output of `compute_change_points(values, window_len=50, max_pvalue=0.001)` of apache-otava 0.8.0.
#[test]
fn apache_otava_finds_the_same_changes() {
    let text = include_str!("fixtures/otava.jsonl");
    let all: Vec<Compared> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let values: Vec<Vec<f64>> = all.iter().map(|one| one.values.clone()).collect();
    let found = change_points(&values, LEVEL, SEED).unwrap();
    let mut differ = Vec::new();
    for (one, points) in all.iter().zip(found) {
        let ours: Vec<usize> = points.iter().map(|point| point.at).collect();
        println!("{:<14} otava {:?}, ours {ours:?}", one.name, one.otava);
        let is_near = |(ours, otava): (&usize, &usize)| ours.abs_diff(*otava) <= 5;
        if ours.len() != one.otava.len() || !ours.iter().zip(&one.otava).all(is_near) {
            differ.push(one.name.as_str());
        }
    }
    println!("{} of {} series agree within 5 points", all.len() - differ.len(), all.len());
    assert_eq!((all.len(), differ), (20, vec![]));
}
