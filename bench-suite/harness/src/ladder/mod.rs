//! `assay load ladder`: finds the highest rate at which a service keeps an objective.
//!
//! - [`objective`]: the objective, as in `p99 < 50 ms`.
//! - [`trial`]: one run of the load generator at one rate.
//! - [`climb`]: the rates that are tried.
//! - [`crossing`]: the rate at which the objective is just met, with its interval.
//! - [`usl`]: the Universal Scalability Law, as a second opinion of the capacity.

pub mod climb;
pub mod crossing;
pub mod objective;
pub mod trial;
pub mod usl;

use serde::Serialize;

use self::trial::Trial;

/// A rate, and what its trials were like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rung {
    /// Sessions per second that were offered.
    pub rate: f64,
    /// The trials at this rate, in their order.
    pub trials: Vec<Trial>,
}

impl Rung {
    /// Requests of all trials that missed the objective: too slow, or wrong.
    pub fn missed(&self) -> u64 {
        self.trials.iter().map(Trial::missed).sum()
    }

    /// Requests of all trials.
    pub fn requests(&self) -> u64 {
        self.trials.iter().map(|trial| trial.requests).sum()
    }

    /// The share of requests that missed the objective.
    pub fn share(&self) -> f64 {
        self.missed() as f64 / (self.requests() as f64).max(1.0)
    }

    /// The middle one of a value of the trials.
    pub fn median(&self, value: impl Fn(&Trial) -> f64) -> f64 {
        let mut values: Vec<f64> = self.trials.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// The rate with the most power: throughput by mean response time. Below it, more load costs little time; above it,
/// time grows faster than throughput (Kleinrock, "Power and deterministic rules of thumb for probabilistic problems in
/// computer communications", 1979). It is one of the rates that were tried.
pub fn knee(rungs: &[Rung]) -> Option<f64> {
    let power = |rung: &Rung| rung.median(|trial| trial.throughput / trial.response_mean_ns);
    let best = rungs.iter().max_by(|one, other| power(one).total_cmp(&power(other)))?;
    Some(best.rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knee_of_a_single_server_is_at_half_its_rate() {
        // M/M/1 with 1,000 per second: the mean response time is 1 / (1000 - rate).
        let rung = |rate: f64| {
            let trial = Trial { throughput: rate, response_mean_ns: 1e9 / (1000.0 - rate), ..Trial::default() };
            Rung { rate, trials: vec![trial] }
        };
        let rungs: Vec<Rung> = (1..10).map(|hundreds| rung(f64::from(hundreds) * 100.0)).collect();
        assert_eq!(knee(&rungs), Some(500.0));
        assert_eq!(knee(&[]), None);
    }
}
