//! Two programs that ran alternately in one session: what was measured, and what follows from it.
//!
//! The raw slice times are kept, so that every verdict can be worked out again from the file of the run. The judging is a pure function of them,
//! of the procedure and of the policy. Who alternates the programs, and when to measure more, is not known here: [`next`] says how many rounds
//! are missing.

use serde::{Deserialize, Serialize};

use crate::compare::{Delta, Verdict};
use crate::policy::{Action, Limit, Policy};
use crate::stats::decision::Stage;
use crate::stats::{self, Benchmark, Decision, Procedure, Step, margin, next_steps, round_value};
use crate::{Case, Distrusted, Durability, Error, Metric, Result};

/// How far a time may move where no rule of the policy names it: shown with a verdict, never blocking.
const UNNAMED_LIMIT: f64 = 0.02;

/// One benchmark on two sides: what the rounds that follow belong to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The case; where two variants are compared, the new one's.
    pub case: Case,
    /// What the base is, as in `revision 1f0c8a3b` or the variant of the base.
    pub base: String,
    /// The metric that decides: `cpu_time`, or `wall_time` for what waits on disks or locks.
    pub metric: String,
    /// Operations of a slice, on both sides.
    pub operations: u64,
    /// How far this machine was seen to move this case without a change, as a part: no margin is smaller. 0 where it is not known.
    #[serde(default)]
    pub noise: f64,
    /// Every round ran both sides in layouts of its own: where code lies is among what scatters, and no part of the shift.
    #[serde(default, skip_serializing_if = "is_false")]
    pub laid_out: bool,
    /// What a write of this case survives.
    pub durability: Durability,
    /// Set where the outcome is known: the pair tests the measuring, not the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// A pair whose outcome is known beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Control {
    /// The same program on both sides.
    Same,
    /// The new side does `percent` more work.
    Slower {
        /// How much more, in per cent.
        percent: f64,
    },
}

/// What one side of a round cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slices {
    /// CPU time of each slice, ns.
    pub cpu_ns: Vec<u64>,
    /// Wall time of each slice, ns.
    pub wall_ns: Vec<u64>,
    /// How often the process waited during the slices.
    pub voluntary_switches: u64,
    /// How often it was interrupted.
    pub involuntary_switches: u64,
    /// Heap blocks that one slice allocated, counted in a slice of the warm-up.
    pub allocations: u64,
    /// Heap bytes that it allocated.
    pub allocated_bytes: u64,
}

/// A fresh process of each side, slice beside slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// The pair: its position in the run.
    pub pair: usize,
    /// What the round may be used for.
    pub stage: Stage,
    /// The base's slices.
    pub base: Slices,
    /// The new side's.
    pub new: Slices,
}

/// A pair and its rounds, in the order of measuring.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// What was paired.
    pub pair: Pair,
    /// Its rounds.
    pub rounds: Vec<Round>,
    /// A side failed, and the run says so: no verdict follows from the rounds.
    pub abandoned: bool,
}

/// What all pairs of a run say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// One a pair that is no control.
    pub deltas: Vec<Delta>,
    /// Controls that were judged wrongly: the run can't be believed.
    pub wrong_controls: Vec<Distrusted>,
    /// Every control and what it showed, a sentence each.
    pub controls: Vec<String>,
}

impl Slices {
    /// The times of a metric, ns.
    pub fn times_ns(&self, metric: &str) -> Vec<f64> {
        let times = if metric == "wall_time" { &self.wall_ns } else { &self.cpu_ns };
        times.iter().map(|time_ns| *time_ns as f64).collect()
    }
}

impl Round {
    /// The value of the round for a metric: see [`round_value`].
    ///
    /// # Errors
    /// The clock stood still, or the sides have different numbers of slices.
    pub fn value(&self, metric: &str) -> Result<f64> {
        Ok(round_value(&self.base.times_ns(metric), &self.new.times_ns(metric))?)
    }
}

impl Paired {
    /// The values of a stage for the metric that decides, in the order of measuring.
    ///
    /// # Errors
    /// As [`Round::value`].
    pub fn values(&self, stage: Stage) -> Result<Vec<f64>> {
        self.rounds
            .iter()
            .filter(|round| round.stage == stage)
            .map(|round| round.value(&self.pair.metric))
            .collect::<Result<_>>()
    }

    /// The time of one operation in every round, ns: the median slice of one side.
    pub fn operation_ns(&self, metric: &str, side: fn(&Round) -> &Slices) -> Vec<f64> {
        let operations = self.pair.operations.max(1) as f64;
        self.rounds
            .iter()
            .filter_map(|round| crate::Sample::new(side(round).times_ns(metric)).ok())
            .map(|sample| sample.median() / operations)
            .collect()
    }
}

/// How far the deciding metric of a pair may move under a policy.
fn limit(pair: &Pair, policy: &Policy, today: jiff::civil::Date) -> Option<Limit> {
    policy.limit(&pair.case, &pair.metric, today)
}

/// What to do next with each pair of one suite. Controls are suites of their own: judged together with the others, they would change their levels.
///
/// # Errors
/// A round that can't be used, or a limit of the policy that is no margin.
pub fn next(procedure: &Procedure, suite: &[&Paired], policy: &Policy, today: jiff::civil::Date) -> Result<Vec<Step>> {
    let mut data = Vec::with_capacity(suite.len());
    for paired in suite {
        let share = limit(&paired.pair, policy, today)
            .map(|limit| limit.relative)
            .filter(|share| *share > 0.0)
            .unwrap_or(UNNAMED_LIMIT);
        data.push((margin(share, paired.pair.noise)?, paired.values(Stage::Screen)?, paired.values(Stage::Confirm)?));
    }
    let benchmarks: Vec<Benchmark<'_>> =
        data.iter().map(|(margin, screen, confirm)| Benchmark { margin: *margin, screen, confirm }).collect();
    Ok(next_steps(procedure, &benchmarks)?)
}

/// The suites of a run, as positions: all pairs that are no controls, and each control by itself. Abandoned pairs are in none.
pub fn suites(pairs: &[Paired]) -> Vec<Vec<usize>> {
    let kept = (0..pairs.len()).filter(|index| !pairs[*index].abandoned);
    let (controls, measured): (Vec<usize>, Vec<usize>) = kept.partition(|index| pairs[*index].pair.control.is_some());
    let measured = Some(measured).filter(|suite| !suite.is_empty());
    measured.into_iter().chain(controls.into_iter().map(|index| vec![index])).collect()
}

/// The rounds that all pairs of a run still lack, in the order of the pairs: the pair's position, the stage and how many.
///
/// # Errors
/// As [`next`].
pub fn missing(
    procedure: &Procedure,
    pairs: &[Paired],
    policy: &Policy,
    today: jiff::civil::Date,
) -> Result<Vec<(usize, Stage, usize)>> {
    let mut missing = Vec::new();
    for suite in suites(pairs) {
        let members: Vec<&Paired> = suite.iter().map(|index| &pairs[*index]).collect();
        let steps = next(procedure, &members, policy, today)?;
        for (index, step) in suite.into_iter().zip(steps) {
            if let stats::Action::Measure { stage, rounds } = step.action {
                missing.push((index, stage, rounds));
            }
        }
    }
    missing.sort_unstable();
    Ok(missing)
}

/// Judges all pairs of a run. A pair that still needs rounds is inconclusive: its time was up.
///
/// # Errors
/// As [`next`].
pub fn judge(procedure: &Procedure, pairs: &[Paired], policy: &Policy, today: jiff::civil::Date) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for suite in suites(pairs) {
        let members: Vec<&Paired> = suite.iter().map(|index| &pairs[*index]).collect();
        let steps = next(procedure, &members, policy, today)?;
        for (paired, step) in members.into_iter().zip(&steps) {
            match paired.pair.control {
                None => outcome.deltas.push(delta(paired, step, limit(&paired.pair, policy, today))),
                Some(control) => check(control, paired, step, &mut outcome),
            }
        }
    }
    Ok(outcome)
}

fn check(control: Control, paired: &Paired, step: &Step, outcome: &mut Outcome) {
    let verdict = verdict(step);
    let (what, right) = match control {
        // Of identical code nothing can be shown; that it is equal can't always be shown either.
        Control::Same => (
            "the control with the same program on both sides".to_owned(),
            !matches!(verdict, Verdict::Regressed | Verdict::Improved),
        ),
        Control::Slower { percent } => {
            (format!("the control with {percent}% more work"), verdict == Verdict::Regressed)
        }
    };
    let sentence = format!("{what} ({}) is {verdict}{}", paired.pair.case.benchmark, evidence(step));
    if !right {
        outcome.wrong_controls.push(Distrusted {
            what,
            why: format!(
                "it is {verdict}{}: this machine can't be measured on now; try again when it does less",
                evidence(step)
            ),
        });
    }
    outcome.controls.push(sentence);
}

fn verdict(step: &Step) -> Verdict {
    match step.decision() {
        Some(Decision::Regressed) => Verdict::Regressed,
        Some(Decision::Improved) => Verdict::Improved,
        Some(Decision::Equal) => Verdict::Equal,
        Some(Decision::Inconclusive) | None => Verdict::Inconclusive,
    }
}

/// What the last rounds show, as the end of a sentence.
fn evidence(step: &Step) -> String {
    let Some(evidence) = &step.evidence else { return ": the time was up before the first rounds".to_owned() };
    let fresh = if evidence.stage == Stage::Confirm { "fresh " } else { "" };
    let corrected = evidence.adjusted_p.map_or_else(String::new, |p| format!(", corrected {}", p_value(p)));
    format!(": {} in {} {fresh}rounds, p {}{corrected}", share(evidence.estimate), evidence.rounds, p_value(evidence.p))
}

fn share(shift: f64) -> String {
    format!("{:+.2}%", shift.exp_m1() * 100.0)
}

fn p_value(p: f64) -> String {
    if p < 0.0001 { format!("{p:.0e}") } else { format!("{p:.4}") }
}

fn delta(paired: &Paired, step: &Step, limit: Option<Limit>) -> Delta {
    let pair = &paired.pair;
    let median = |side: fn(&Round) -> &Slices, metric: &str| {
        crate::Sample::new(paired.operation_ns(metric, side)).ok().map(|sample| sample.median())
    };
    let (base, new) = (median(|round| &round.base, &pair.metric), median(|round| &round.new, &pair.metric));
    let mut verdict = verdict(step);
    let blocks = limit.is_some_and(|limit| limit.action == Action::Block);
    let relative = limit.map_or(UNNAMED_LIMIT, |limit| limit.relative).max(pair.noise);
    let rule = if blocks { "blocks" } else { "advises" };
    let mut why = format!("margin {:.1}%, {rule}{}", relative * 100.0, evidence(step));
    if pair.laid_out {
        why.push_str("; a layout of the code a round");
    }
    let tiny =
        limit.filter(|limit| matches!((base, new), (Some(base), Some(new)) if (new - base).abs() <= limit.absolute));
    if let (Some(limit), Verdict::Regressed | Verdict::Improved) = (tiny, verdict) {
        verdict = Verdict::Equal;
        let absolute = Metric::find(&pair.metric).map_or_else(String::new, |metric| metric.show(limit.absolute));
        why.push_str(&format!("; within the absolute limit of {absolute}"));
    }
    if pair.metric != "wall_time" {
        let walls: Vec<f64> = paired.rounds.iter().filter_map(|round| round.value("wall_time").ok()).collect();
        if let Ok(sample) = crate::Sample::new(walls) {
            why.push_str(&format!("; wall {}", share(sample.median())));
        }
    }
    Delta {
        case: pair.case.clone(),
        metric: pair.metric.clone(),
        base,
        new,
        relative: step.evidence.map(|evidence| evidence.estimate.exp_m1()),
        interval: step.evidence.map(|evidence| [evidence.interval.low.exp_m1(), evidence.interval.high.exp_m1()]),
        verdict,
        blocks,
        why,
        cause: vec![],
    }
}

impl Pair {
    /// Refuses a pair that no verdict can follow from.
    pub(crate) fn check(&self) -> Result<()> {
        if Metric::find(&self.metric).is_none() {
            return Err(Error::UnknownMetric { name: self.metric.clone() });
        }
        Ok(())
    }
}
