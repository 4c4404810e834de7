//! The drawn arrivals have the distribution that was asked for: a Kolmogorov-Smirnov test, with fixed seeds.
//!
//! The statistic is the largest distance between the empirical and the true distribution. For 4,000 gaps it stays below
//! 1.63 / sqrt(4000) in 99 of 100 samples (Smirnov 1948, table).

use std::time::Duration;

use super::mix::{Mix, SessionShape};
use super::schedule::{Arrivals, Pace, Schedule, Within};
use super::shard::LoadShard;

const RATE: f64 = 200.0;

/// The gaps between arrivals, in seconds.
fn gaps(shape: f64, seed: u64) -> Vec<f64> {
    let arrivals = Arrivals::Open { rate: RATE, shape, gap: Duration::ZERO, within: Within::AfterAnswer };
    let pace = Pace { arrivals, sessions: 4001, duration: None, seed, swing: None };
    let mix = Mix::Scenario { sessions: vec![SessionShape { weight: 1.0, requests: 3 }] };
    let starts: Vec<u64> = Schedule::new(pace, mix, LoadShard::WHOLE).map(|session| session.starts_ns[0]).collect();
    starts.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect()
}

fn largest_distance(mut sample: Vec<f64>, distribution: impl Fn(f64) -> f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let count = sample.len() as f64;
    let distance = |(rank, value): (usize, &f64)| {
        let expected = distribution(*value);
        (expected - rank as f64 / count).abs().max(((rank + 1) as f64 / count - expected).abs())
    };
    sample.iter().enumerate().map(distance).fold(0.0, f64::max)
}

fn limit() -> f64 {
    1.63 / 4000f64.sqrt()
}

/// Of an exponential gap, which makes the Poisson process.
fn exponential(seconds: f64) -> f64 {
    1.0 - (-RATE * seconds).exp()
}

/// Of a Gamma gap of shape 1/2: with the error function, as a chi-squared of one degree.
fn gamma_of_a_half(seconds: f64) -> f64 {
    error_function((0.5 * RATE * seconds).sqrt())
}

/// Of a Gamma gap of shape 2 (Erlang).
fn gamma_of_two(seconds: f64) -> f64 {
    let x = 2.0 * RATE * seconds;
    1.0 - (-x).exp() * (1.0 + x)
}

/// Its Taylor series up to 3, where the rest to 1 is below 0.00003.
fn error_function(x: f64) -> f64 {
    if x > 3.0 {
        return 1.0;
    }
    let mut term = x;
    let mut sum = x;
    for n in 1..60 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

#[test]
fn arrivals_have_their_distribution() {
    for seed in [1, 2, 3, 4, 5] {
        let poisson = largest_distance(gaps(1.0, seed), exponential);
        let bursty = largest_distance(gaps(0.5, seed), gamma_of_a_half);
        let steady = largest_distance(gaps(2.0, seed), gamma_of_two);
        assert!(poisson.max(bursty).max(steady) < limit(), "seed {seed}: {poisson} {bursty} {steady}");
    }
}

#[test]
fn the_test_tells_another_distribution() {
    assert!(largest_distance(gaps(0.8, 1), exponential) > limit());
    assert!(largest_distance(gaps(1.0, 1), gamma_of_a_half) > limit());
    let faster = |seconds: f64| exponential(seconds * 1.1);
    assert!(largest_distance(gaps(1.0, 1), faster) > limit());
}
