//! The error rates of change points on simulated histories. Seeded: the same figures always.
//!
//! `cargo test --release -p assay-stats --test change_points -- --nocapture` prints them.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;
use stats::change_points::{ChangePoint, change_points};

const LEVEL: f64 = 0.05;
const SEED: u64 = 20_260_122;
/// Values before a step.
const BEFORE: usize = 100;
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

/// The share of stepping series with a change point at most as far from the step as there are values after it:
/// `changed` of `together` series in a suite step, the others are noise.
fn found(step: f64, after: usize, suites: usize, changed: usize, together: usize) -> f64 {
    let suite = |suite: usize| {
        let step_of = |number: usize| if number < changed { step } else { 0.0 };
        let of = |number| series(BEFORE + after, step_of(number), (suite * TOGETHER + number) as u64);
        let all: Vec<Vec<f64>> = (0..together).map(of).collect();
        let points = change_points(&all, LEVEL, SEED).unwrap();
        let is_near = |points: &&Vec<ChangePoint>| points.iter().any(|point| point.at.abs_diff(BEFORE) <= after);
        points[..changed].iter().filter(is_near).count()
    };
    (0..suites).map(suite).sum::<usize>() as f64 / (suites * changed) as f64
}

/// The best split of a series with normal noise of known deviation, and its likelihood ratio, as a z-score.
fn best_by_likelihood(values: &[f64]) -> (usize, f64) {
    let (n, total) = (values.len() as f64, values.iter().sum::<f64>());
    let mut before = values[0];
    let splits = (2..values.len() - 1).map(|at| {
        before += values[at - 1];
        let left = at as f64;
        (at, ((before - left / n * total) / (left * (n - left) / n).sqrt()).abs())
    });
    splits.max_by(|one, other| one.1.total_cmp(&other.1)).unwrap()
}

/// The share that the likelihood ratio finds with the same level a series: no test that does not know the place finds
/// much more, and this one knows the noise.
fn found_by_likelihood(step: f64, after: usize, level: f64) -> f64 {
    const SERIES: usize = 4000;
    let best = |step, seed: usize| best_by_likelihood(&series(BEFORE + after, step, seed as u64));
    let mut noise: Vec<f64> = (0..5 * SERIES).map(|seed| best(0.0, seed).1).collect();
    noise.sort_by(f64::total_cmp);
    let limit = noise[((1.0 - level) * noise.len() as f64) as usize];
    let is_found = |(at, ratio): (usize, f64)| ratio > limit && at.abs_diff(BEFORE) <= after;
    let found = (0..SERIES).filter(|seed| is_found(best(step, 5 * SERIES + seed))).count();
    found as f64 / SERIES as f64
}

#[test]
fn a_step_is_found_soon() {
    for (step, after, least) in [(1.0, 30, [0.95, 0.82, 0.93]), (2.0, 10, [1.0, 0.94, 0.99]), (5.0, 5, [1.0, 1.0, 1.0])]
    {
        // The only series; one of twenty; all of twenty.
        let found = [(100, 1, 1), (100, 1, TOGETHER), (5, TOGETHER, TOGETHER)]
            .map(|(suites, changed, together)| found(step, after, suites, changed, together));
        let possible = [LEVEL, LEVEL / TOGETHER as f64].map(|level| found_by_likelihood(step, after, level));
        let [only, one, all] = found.map(|share| 100.0 * share);
        let [most, most_of_twenty] = possible.map(|share| 100.0 * share);
        println!(
            "a step of {step} standard deviations, {after} values later: {only:.0} of 100 where it is the only series \
             ({most:.0} by the likelihood ratio), {one:.0} of 100 where one of twenty steps ({most_of_twenty:.0}), \
             {all:.0} of 100 where all do"
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
