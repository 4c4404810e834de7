//! The rates that are tried: doubled until the objective is missed, then halved in between, and at last a few rates
//! around it, several times each, in a drawn order so that a drift of the machine favours none.

use anyhow::Result;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::Rung;
use super::objective::Objective;
use super::trial::Trial;

/// The bracket around the highest rate is narrowed until its ends are this far apart.
const BRACKET: f64 = 1.4;

/// Rates below the bracket help to see how the share of slow requests grows.
const BELOW: f64 = 0.8;

/// The search.
#[derive(Debug, Clone, Copy)]
pub struct ClimbPlan {
    /// The first rate, in sessions per second.
    pub from: f64,
    /// No rate is higher.
    pub to: f64,
    /// The rates in the bracket, both ends with it.
    pub rungs: usize,
    /// The trials of each of these.
    pub trials: usize,
    /// The seed of the first trial; each has the next. It also draws the order.
    pub seed: u64,
}

/// The reason why the search can't tell, with its remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Undecided(String);

/// All rates that were tried, by rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Climbed {
    /// Each rate with its trials.
    pub rungs: Vec<Rung>,
    /// A rate at which the objective was met in a first trial, and one at which it was missed.
    pub bracket: (f64, f64),
}

/// Searches; `trial` runs one at a rate, with a seed.
pub fn climb(
    plan: ClimbPlan,
    objective: Objective,
    mut trial: impl FnMut(f64, u64) -> Result<Trial>,
) -> Result<Climbed> {
    let mut seed = plan.seed;
    let mut all: Vec<(f64, Trial)> = Vec::new();
    let mut try_at = |rate: f64, all: &mut Vec<(f64, Trial)>| -> Result<bool> {
        let outcome = trial(rate, seed)?;
        seed += 1;
        let is_met = met(rate, &outcome, objective)?;
        all.push((rate, outcome));
        Ok(is_met)
    };

    let mut low = plan.from;
    if !try_at(low, &mut all)? {
        let why =
            format!("the objective is missed at {low} sessions per second already: lower --from, or ask for less");
        return Err(Undecided(why).into());
    }
    let mut high = low;
    loop {
        if high >= plan.to {
            let why =
                format!("the objective is met up to {high} sessions per second, the most that was allowed: raise --to");
            return Err(Undecided(why).into());
        }
        high = (high * 2.0).min(plan.to);
        if !try_at(high, &mut all)? {
            break;
        }
        low = high;
    }
    while high / low > BRACKET {
        let middle = (low * high).sqrt();
        if try_at(middle, &mut all)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    let first = low * BELOW;
    let step = (high - first) / (plan.rungs.max(2) - 1) as f64;
    let rates: Vec<f64> = (0..plan.rungs.max(2)).map(|rung| first + step * rung as f64).collect();
    let mut order: Vec<f64> = rates.iter().flat_map(|rate| std::iter::repeat_n(*rate, plan.trials)).collect();
    order.shuffle(&mut Pcg64::seed_from_u64(plan.seed));
    for rate in order {
        try_at(rate, &mut all)?;
    }
    let mut rungs: Vec<Rung> = Vec::new();
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (rate, trial) in all {
        match rungs.last_mut().filter(|rung| rung.rate == rate) {
            Some(rung) => rung.trials.push(trial),
            None => rungs.push(Rung { rate, trials: vec![trial] }),
        }
    }
    Ok(Climbed { rungs, bracket: (low, high) })
}

/// The objective was met. A generator that was the bottleneck can't tell, unless the server itself, without the
/// generator's waits, was too slow.
fn met(rate: f64, trial: &Trial, objective: Objective) -> Result<bool> {
    let is_met = trial.missed() as f64 <= objective.allowed() * trial.requests as f64;
    let is_server_fast = trial.service_over as f64 <= objective.allowed() * trial.requests as f64;
    if let Some(why) = trial.unhealthy.first().filter(|_| is_server_fast) {
        let why = format!("at {rate:.1} sessions per second the load generator was the bottleneck: {why}");
        return Err(Undecided(why).into());
    }
    Ok(is_met)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTIVE: Objective = Objective { percentile: 99.0, limit_ns: 50_000_000 };
    const PLAN: ClimbPlan = ClimbPlan { from: 10.0, to: 1e6, rungs: 5, trials: 3, seed: 1 };

    fn outcome(is_met: bool) -> Trial {
        Trial { requests: 1000, over: if is_met { 10 } else { 11 }, ..Trial::default() }
    }

    #[test]
    fn the_rates_close_in_on_the_highest() {
        let mut seeds = Vec::new();
        let climbed = climb(PLAN, OBJECTIVE, |rate, seed| {
            seeds.push(seed);
            Ok(outcome(rate <= 700.0))
        });
        let Climbed { rungs, bracket: (low, high) } = climbed.unwrap();
        assert!(low <= 700.0 && 700.0 < high && high / low <= BRACKET, "{low} {high}");
        assert!(rungs.is_sorted_by(|one, other| one.rate < other.rate));
        assert_eq!(rungs.iter().filter(|rung| rung.trials.len() >= 3).count(), 5);
        let count = seeds.len();
        seeds.dedup();
        assert_eq!(seeds.len(), count, "each trial has a seed for itself");
    }

    #[test]
    fn what_the_search_cannot_tell_is_said() {
        let told = |trial: &dyn Fn(f64) -> Trial, to: f64| {
            let plan = ClimbPlan { to, ..PLAN };
            climb(plan, OBJECTIVE, |rate, _| Ok(trial(rate))).unwrap_err().to_string()
        };
        assert!(told(&|_| outcome(false), 1e6).contains("missed at 10 sessions per second already: lower --from"));
        assert!(told(&|_| outcome(true), 100.0).contains("met up to 100 sessions per second"));
        let busy = |rate: f64| Trial {
            unhealthy: if rate > 50.0 { vec!["too few users; raise --users".to_owned()] } else { Vec::new() },
            ..outcome(rate <= 700.0)
        };
        let said = told(&busy, 1e6);
        assert_eq!(
            said,
            "at 80.0 sessions per second the load generator was the bottleneck: too few users; raise --users"
        );
        let slow_server = |rate: f64| Trial { service_over: 500, ..busy(rate) };
        assert!(climb(PLAN, OBJECTIVE, |rate, _| Ok(slow_server(rate))).is_ok(), "the server was too slow by itself");
    }
}
