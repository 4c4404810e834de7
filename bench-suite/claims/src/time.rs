//! Alternates two variants in fresh processes: rounds of the time lane, their number fixed in advance.
//!
//! A gate looks for an unwanted change, and measures suspects longer. A claim states a size, so every pair gets the
//! same number of rounds, and its interval follows from them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use baselines::claim::{MeasuredEffect, Target};
use baselines::paired::Paired;
use baselines::policy::Policy;
use baselines::{RunHeader, RunWriter};
use harness::budget::Budget;
use harness::recorded::Recorded;
use harness::schedule::deadlines::Deadlines;
use harness::schedule::jobs::{self, Job, Side};
use harness::schedule::scheduler::{self, Settings, Sizes};
use harness::subject::memory::MemorySubject;
use stats::{Procedure, hodges_lehmann};

use super::Part;

/// The confidence level of all intervals.
pub const CONFIDENCE: f64 = 0.99;

/// The settings of the rounds.
pub struct RoundPlan<'a> {
    /// The base's and the candidate's worker: one program, at two paths of one length.
    pub sides: (Side<'a>, Side<'a>),
    /// The subject of both sides.
    pub subject: &'a MemorySubject,
    /// Rounds of a pair: at least 8, for an interval of 99%.
    pub rounds: usize,
    /// The seed of orders and placements.
    pub seed: u64,
    /// The date, for the scheduler's policy.
    pub today: jiff::civil::Date,
}

/// Measures the pairs of all parts; parts with the same pair share it.
pub fn measure(
    parts: &[&Part],
    plan: &RoundPlan<'_>,
    header: RunHeader,
    path: &Path,
) -> Result<Vec<Result<MeasuredEffect>>> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut of_part = Vec::with_capacity(parts.len());
    for part in parts {
        let job = job(part, plan);
        let same_pair = jobs.iter().position(|other| same(other, &job));
        of_part.push(same_pair.unwrap_or(jobs.len()));
        if same_pair.is_none() {
            jobs.push(job);
        }
    }
    let mut writer = RunWriter::create(path, header)?;
    let procedure = Procedure::one_look(plan.rounds);
    let settings = Settings {
        procedure: &procedure,
        policy: &Policy::standard(),
        today: plan.today,
        seed: plan.seed,
        deadlines: Deadlines::default(),
        first_look_only: false,
        budget: Budget::default(),
        sizes: &Sizes::default(),
    };
    scheduler::run_rounds(jobs, &settings, &mut writer)?;
    let run = writer.finish()?;
    let why: BTreeMap<&str, &str> = run.invalid.iter().map(|wrong| (wrong.what.as_str(), wrong.why.as_str())).collect();
    let measured = |(part, index): (&&Part, usize)| {
        let paired = &run.pairs[index];
        if paired.abandoned {
            let case = paired.pair.case.to_string();
            let reason = why.iter().find(|(what, _)| what.contains(&case)).map_or("a side failed", |(_, why)| why);
            return Err(anyhow!("{reason}"));
        }
        of(part.target, part.metric.name, paired)
    };
    Ok(parts.iter().zip(of_part).map(measured).collect())
}

fn job(part: &Part, plan: &RoundPlan<'_>) -> Job {
    let (base, new) = plan.sides;
    let cases = [&part.base, &part.new].map(|case| MemorySubject::case(case, &case.written()));
    let (base, new) = (base.program(plan.subject, &cases[0], 0.0), new.program(plan.subject, &cases[1], 0.0));
    let mut job = jobs::job(&cases[1], &part.base.key().to_string(), base, new);
    job.pair.metric = part.metric.name.to_owned();
    job
}

/// True if two jobs run the same programs.
fn same(one: &Job, other: &Job) -> bool {
    let programs = |job: &Job| format!("{:?} {:?}", job.base, job.new);
    programs(one) == programs(other)
}

/// The measurement of a pair, for a claim's figure.
pub fn of(figure: Target, metric: &str, paired: &Paired) -> Result<MeasuredEffect> {
    let base = paired.operation_ns(metric, |round| &round.base);
    let new = paired.operation_ns(metric, |round| &round.new);
    let shifts: Vec<f64> = paired.rounds.iter().map(|round| round.value(metric)).collect::<baselines::Result<_>>()?;
    measured(figure, &base, &new, &shifts)
}

/// The measurement for a claim's figure, from both sides' values for one operation and each round's log ratio.
pub fn measured(figure: Target, base: &[f64], new: &[f64], shifts: &[f64]) -> Result<MeasuredEffect> {
    let middle = |values: &[f64]| hodges_lehmann::pseudo_median(values).context("a side has no values");
    let (base, new_middle) = (middle(base)?, middle(new)?);
    let (estimate, low, high) = match figure {
        Target::AtMostOfBase(_) | Target::AtLeastOfBase(_) => {
            let (shift, interval) = hodges_lehmann::estimate(shifts, CONFIDENCE)?;
            (shift.exp(), interval.low.exp(), interval.high.exp())
        }
        Target::AtMost(_) | Target::AtLeast(_) => {
            let (value, interval) = hodges_lehmann::estimate(new, CONFIDENCE)?;
            (value, interval.low, interval.high)
        }
    };
    Ok(MeasuredEffect { base: Some(base), new: new_middle, estimate, low, high, rounds: shifts.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_become_a_ratio_or_a_value_with_its_interval() {
        let base = [100.0_f64, 110.0, 90.0, 100.0, 105.0, 95.0, 100.0, 102.0];
        let new = base.map(|value| value / 2.0);
        let shifts: Vec<f64> = base.iter().zip(&new).map(|(base, new)| (new / base).ln()).collect();
        let ratio = measured(Target::AtMostOfBase(0.6), &base, &new, &shifts).expect("enough rounds");
        assert!((ratio.estimate - 0.5).abs() < 1e-12 && (ratio.high - ratio.low).abs() < 1e-12, "{ratio:?}");
        assert_eq!((ratio.base, ratio.rounds), (Some(100.0), 8));
        let value = measured(Target::AtMost(60.0), &base, &new, &shifts).expect("enough rounds");
        assert_eq!((value.low, value.high), (45.0, 55.0), "8 rounds at 99%: from the smallest to the largest");
        assert!(measured(Target::AtMost(60.0), &base[..7], &new[..7], &shifts[..7]).is_err(), "7 rounds are too few");
    }
}
