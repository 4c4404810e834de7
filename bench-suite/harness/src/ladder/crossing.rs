//! The rate at which the objective is just met.
//!
//! The share of requests beyond the limit grows about exponentially with the rate: exactly so for a single server with
//! random arrivals and service, where it is `exp(-(mu - rate) * limit)`. So a line is fitted to the logarithm of that
//! share, weighted by the number of such requests, and the rate is read where the line meets the allowed share. The
//! interval is a bootstrap over trials: requests of one trial wait for each other, and are no independent observations.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;

use super::Rung;
use super::objective::Objective;

/// Above this share, a rung is saturated: the share no longer grows like that.
const SATURATED: f64 = 0.3;

/// The rate may be beyond those that were tried by this part of them: farther away, the line is a guess.
const BEYOND: f64 = 0.1;

/// Samples of the bootstrap.
const SAMPLES: usize = 2000;

/// The highest rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HighestRate {
    /// Sessions per second.
    pub rate: f64,
    /// 95%.
    pub interval: [f64; 2],
}

/// The rate at which rungs with several trials just meet the objective. The error says why there is none.
pub fn highest_rate(rungs: &[Rung], objective: Objective, seed: u64) -> Result<HighestRate, String> {
    let usable: Vec<&Rung> = rungs.iter().filter(|rung| rung.trials.len() > 1 && rung.share() < SATURATED).collect();
    if usable.len() < 2 {
        return Err("too few rates were below saturation: raise --rungs or --trials".to_owned());
    }
    let whole: Vec<Point> = usable.iter().map(|rung| Point::of(rung.rate, rung.missed(), rung.requests())).collect();
    let rate = crossing(&whole, objective)
        .ok_or("the share of slow requests does not grow with the rate: raise --seconds or --trials")?;
    let rates = || rungs.iter().filter(|rung| rung.trials.len() > 1).map(|rung| rung.rate);
    let (lowest, highest) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
    if rate < lowest * (1.0 - BEYOND) || rate > highest * (1.0 + BEYOND) {
        return Err(format!(
            "it is about {rate:.0} per second, far from the rates that were tried ({lowest:.0} to {highest:.0}): raise \
             --seconds"
        ));
    }
    let mut generator = Pcg64::seed_from_u64(seed);
    let mut sampled: Vec<f64> = Vec::new();
    for _ in 0..SAMPLES {
        let drawn: Vec<Point> = usable.iter().map(|rung| resampled(rung, &mut generator)).collect();
        sampled.extend(crossing(&drawn, objective));
    }
    if sampled.len() * 10 < SAMPLES * 9 {
        return Err("the trials differ too much for an interval: raise --seconds or --trials".to_owned());
    }
    sampled.sort_by(f64::total_cmp);
    let at = |part: f64| sampled[((sampled.len() - 1) as f64 * part).round() as usize];
    Ok(HighestRate { rate, interval: [at(0.025).min(rate), at(0.975).max(rate)] })
}

/// A rate with the logarithm of its share of missed requests, and the weight of that.
struct Point {
    rate: f64,
    log_share: f64,
    weight: f64,
}

impl Point {
    /// Half a request is added, so that a rung without any has a logarithm too.
    fn of(rate: f64, missed: u64, requests: u64) -> Point {
        let missed = missed as f64 + 0.5;
        // The variance of the logarithm of a count is about one by the count.
        Point { rate, log_share: (missed / (requests as f64 + 1.0)).ln(), weight: missed }
    }
}

fn resampled(rung: &Rung, generator: &mut Pcg64) -> Point {
    let count = rung.trials.len() as u64;
    let (mut missed, mut requests) = (0, 0);
    for _ in 0..count {
        let trial = &rung.trials[usize::try_from(generator.next_u64() % count).expect("below a length")];
        missed += trial.missed();
        requests += trial.requests;
    }
    Point::of(rung.rate, missed, requests)
}

/// Where the weighted line meets the allowed share; none if it does not rise.
fn crossing(points: &[Point], objective: Objective) -> Option<f64> {
    let weights: f64 = points.iter().map(|point| point.weight).sum();
    let mean = |value: fn(&Point) -> f64| points.iter().map(|it| it.weight * value(it)).sum::<f64>() / weights;
    let (mean_rate, mean_log) = (mean(|point| point.rate), mean(|point| point.log_share));
    let covariance: f64 = points.iter().map(|it| it.weight * (it.rate - mean_rate) * (it.log_share - mean_log)).sum();
    let variance: f64 = points.iter().map(|it| it.weight * (it.rate - mean_rate).powi(2)).sum();
    let slope = covariance / variance;
    let rate = mean_rate + (objective.allowed().ln() - mean_log) / slope;
    (slope > 0.0 && rate.is_finite() && rate > 0.0).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::super::trial::Trial;
    use super::*;

    const OBJECTIVE: Objective = Objective { percentile: 99.0, limit_ns: 50_000_000 };
    const MU: f64 = 400.0;

    /// Trials of a single server with random arrivals and service, of 4,000 requests each.
    fn rungs(seed: u64) -> Vec<Rung> {
        let mut generator = Pcg64::seed_from_u64(seed);
        let mut rung = |rate: f64| {
            let share = (-(MU - rate) * 0.05).exp();
            let trial = |generator: &mut Pcg64| {
                let uniform = |generator: &mut Pcg64| generator.next_u64() as f64 / u64::MAX as f64;
                let over = (0..4000).filter(|_| uniform(generator) < share).count() as u64;
                Trial { requests: 4000, over, ..Trial::default() }
            };
            Rung { rate, trials: (0..5).map(|_| trial(&mut generator)).collect() }
        };
        [250.0, 270.0, 290.0, 310.0, 330.0].map(&mut rung).to_vec()
    }

    #[test]
    fn the_rate_of_a_single_server_is_the_one_of_the_formula() {
        // p99 is ln(100) / (mu - rate).
        let truth = MU - 100f64.ln() / 0.05;
        let mut covered = 0;
        for seed in 0..40 {
            let found = highest_rate(&rungs(seed), OBJECTIVE, seed).unwrap();
            assert!((found.rate / truth - 1.0).abs() < 0.02, "{found:?}, {truth}");
            covered += usize::from(found.interval[0] <= truth && truth <= found.interval[1]);
        }
        // A bootstrap of five trials is somewhat too narrow.
        assert!(covered >= 32, "{covered} of 40 intervals have it");
    }

    #[test]
    fn what_does_not_grow_has_no_rate() {
        let told = |rungs: &[Rung]| highest_rate(rungs, OBJECTIVE, 1).unwrap_err();
        let flat = |rate| Rung { rate, trials: vec![Trial { requests: 1000, over: 10, ..Trial::default() }; 3] };
        assert!(told(&[flat(1.0), flat(2.0)]).contains("does not grow"));
        assert!(told(&[flat(1.0)]).contains("too few rates"));
    }

    #[test]
    fn a_rate_far_from_those_that_were_tried_is_a_guess() {
        let rung = |rate, over| Rung { rate, trials: vec![Trial { requests: 4000, over, ..Trial::default() }; 3] };
        let mut once = rung(200.0, 400);
        once.trials.truncate(1);
        let told = highest_rate(&[rung(100.0, 1), rung(110.0, 2), once], OBJECTIVE, 1).unwrap_err();
        assert!(told.contains("far from the rates that were tried (100 to 110)"), "{told}");
        assert!(highest_rate(&[rung(100.0, 20), rung(110.0, 38)], OBJECTIVE, 1).is_ok(), "40 are allowed, just beyond");
    }
}
