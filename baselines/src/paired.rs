//! Pairs: two programs that ran alternately in one session, their rounds, and the verdicts that follow.
//!
//! The raw slice times are kept, so that every verdict can be computed again from the file of a run. Judging is a pure
//! function of the rounds, the procedure and the policy. [`next`] says how many rounds are missing; another crate
//! measures.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::policy::{Limit, Policy};
use crate::stats::decision::Stage;
use crate::stats::{Decision, NextAction, PairData, PairState, Procedure, margin, next_steps, round_value};
use crate::verdict::{Delta, Verdict};
use crate::{CaseKey, Durability, InvalidEntry, Metric, Result, Sample};

/// The limit of a time that no rule of the policy names. It is shown with a verdict and never blocks.
const UNNAMED_LIMIT: f64 = 0.02;

/// One benchmark on two sides. Its rounds follow it in a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The case. If two variants are compared, the new one's.
    pub case: CaseKey,
    /// The base, as in `revision 1f0c8a3b`, or the variant of the base.
    pub base: String,
    /// The metric that decides: `cpu_time`, or `wall_time` for cases that wait on disks or locks.
    pub metric: String,
    /// Operations of a slice, on both sides.
    pub operations: u64,
    /// The known noise of this case on this machine, as a share: no margin is smaller. 0 if unknown.
    #[serde(default)]
    pub noise: f64,
    /// Every round ran both sides in new random layouts, so that code placement adds scatter and no bias.
    #[serde(default, skip_serializing_if = "std::ops::Not::not", alias = "laid_out")]
    pub randomized_layout: bool,
    /// The durability of the case's writes.
    pub durability: Durability,
    /// Set for a control: its outcome is known, so it tests the measurement and not the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
}

/// The known outcome of a control pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Control {
    /// The same program on both sides.
    Same,
    /// The new side does `percent` more work.
    Slower {
        /// The extra work in per cent.
        percent: f64,
    },
}

/// The cost of one side of a round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slices {
    /// CPU time of each slice, ns.
    pub cpu_ns: Vec<u64>,
    /// Wall time of each slice, ns.
    pub wall_ns: Vec<u64>,
    /// Voluntary context switches during the slices: the process waited.
    pub voluntary_switches: u64,
    /// Involuntary context switches: it was interrupted.
    pub involuntary_switches: u64,
    /// Heap blocks that one slice allocated, counted in a slice of the warm-up.
    pub allocations: u64,
    /// Heap bytes that it allocated.
    pub allocated_bytes: u64,
}

/// One round: a fresh process of each side, slice beside slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// The pair's position in the run.
    pub pair: usize,
    /// The stage that may use the round.
    pub stage: Stage,
    /// The base's slices.
    pub base: Slices,
    /// The new side's slices.
    pub new: Slices,
}

/// A pair and its rounds, in the order of measuring.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// The pair.
    pub pair: Pair,
    /// Its rounds.
    pub rounds: Vec<Round>,
    /// A side failed, and the run says so: no verdict follows from the rounds.
    pub abandoned: bool,
}

/// The verdicts of all pairs of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PairVerdicts {
    /// A delta for each pair that is no control.
    pub deltas: Vec<Delta>,
    /// Controls that were judged wrongly: the run can't be believed.
    pub wrong_controls: Vec<InvalidEntry>,
    /// A sentence for each control.
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
    pub fn value(&self, metric: &str) -> Result<f64> {
        Ok(round_value(&self.base.times_ns(metric), &self.new.times_ns(metric))?)
    }
}

impl Pair {
    fn limit(&self, policy: &Policy, today: Date) -> Option<Limit> {
        policy.limit(&self.case, &self.metric, today)
    }
}

impl Paired {
    /// The values of a stage for the metric that decides, in the order of measuring.
    pub fn values(&self, stage: Stage) -> Result<Vec<f64>> {
        let rounds = self.rounds.iter().filter(|round| round.stage == stage);
        rounds.map(|round| round.value(&self.pair.metric)).collect()
    }

    /// The time of one operation in every round, ns: the median slice of one side.
    pub fn operation_ns(&self, metric: &str, side: fn(&Round) -> &Slices) -> Vec<f64> {
        let operations = self.pair.operations.max(1) as f64;
        let samples = self.rounds.iter().filter_map(|round| Sample::new(side(round).times_ns(metric)).ok());
        samples.map(|sample| sample.median() / operations).collect()
    }
}

/// The next step for each pair of one suite. Each control is a suite by itself: judged together with the others, it
/// would change their levels. An error if a round can't be used, or a limit of the policy is no margin.
pub fn next(procedure: &Procedure, suite: &[&Paired], policy: &Policy, today: Date) -> Result<Vec<PairState>> {
    let mut data = Vec::with_capacity(suite.len());
    for paired in suite {
        let limit = paired.pair.limit(policy, today).map(|limit| limit.relative).filter(|share| *share > 0.0);
        let margin = margin(limit.unwrap_or(UNNAMED_LIMIT), paired.pair.noise)?;
        data.push((margin, paired.values(Stage::Screen)?, paired.values(Stage::Confirm)?));
    }
    let pairs: Vec<PairData<'_>> =
        data.iter().map(|(margin, screen, confirm)| PairData { margin: *margin, screen, confirm }).collect();
    Ok(next_steps(procedure, &pairs)?)
}

/// The suites of a run, as positions: all pairs that are no controls, and each control by itself. Abandoned pairs are
/// in none.
pub fn suites(pairs: &[Paired]) -> Vec<Vec<usize>> {
    let kept = (0..pairs.len()).filter(|index| !pairs[*index].abandoned);
    let (controls, measured): (Vec<usize>, Vec<usize>) = kept.partition(|index| pairs[*index].pair.control.is_some());
    let measured = Some(measured).filter(|suite| !suite.is_empty());
    measured.into_iter().chain(controls.into_iter().map(|index| vec![index])).collect()
}

/// The state of every pair that is not abandoned, with its position, suite by suite.
fn states(procedure: &Procedure, pairs: &[Paired], policy: &Policy, today: Date) -> Result<Vec<(usize, PairState)>> {
    let mut states = Vec::with_capacity(pairs.len());
    for suite in suites(pairs) {
        let members: Vec<&Paired> = suite.iter().map(|index| &pairs[*index]).collect();
        states.extend(suite.into_iter().zip(next(procedure, &members, policy, today)?));
    }
    Ok(states)
}

/// The rounds that all pairs of a run still need, in the order of the pairs: the pair's position, the stage and the
/// number.
pub fn missing(
    procedure: &Procedure,
    pairs: &[Paired],
    policy: &Policy,
    today: Date,
) -> Result<Vec<(usize, Stage, usize)>> {
    let states = states(procedure, pairs, policy, today)?.into_iter();
    let needed = |(index, state): (usize, PairState)| match state.action {
        NextAction::Measure { stage, rounds } => Some((index, stage, rounds)),
        NextAction::Wait | NextAction::Stop(_) => None,
    };
    let mut missing: Vec<_> = states.filter_map(needed).collect();
    missing.sort_unstable();
    Ok(missing)
}

/// Judges all pairs of a run. A pair that still needs rounds is inconclusive: its time was up.
pub fn judge(procedure: &Procedure, pairs: &[Paired], policy: &Policy, today: Date) -> Result<PairVerdicts> {
    let mut verdicts = PairVerdicts::default();
    for (index, state) in states(procedure, pairs, policy, today)? {
        let paired = &pairs[index];
        match paired.pair.control {
            None => verdicts.deltas.push(delta(paired, &state, paired.pair.limit(policy, today))),
            Some(control) => check_control(control, paired, &state, &mut verdicts),
        }
    }
    Ok(verdicts)
}

fn check_control(control: Control, paired: &Paired, state: &PairState, verdicts: &mut PairVerdicts) {
    let verdict = verdict(state);
    let (what, right) = match control {
        // Identical code is not always shown to be equal, but it must never be shown to differ.
        Control::Same => (
            "the control with the same program on both sides".to_owned(),
            !matches!(verdict, Verdict::Regressed | Verdict::Improved),
        ),
        Control::Slower { percent } => {
            (format!("the control with {percent}% more work"), verdict == Verdict::Regressed)
        }
    };
    let evidence = evidence(state);
    verdicts.controls.push(format!("{what} ({}) is {verdict}{evidence}", paired.pair.case.benchmark));
    if !right {
        let why =
            format!("it is {verdict}{evidence}: this machine can't be measured on now; try again when it does less");
        verdicts.wrong_controls.push(InvalidEntry { what, why });
    }
}

fn verdict(state: &PairState) -> Verdict {
    match state.decision() {
        Some(Decision::Regressed) => Verdict::Regressed,
        Some(Decision::Improved) => Verdict::Improved,
        Some(Decision::Equal) => Verdict::Equal,
        Some(Decision::Inconclusive) | None => Verdict::Inconclusive,
    }
}

/// The evidence of the last rounds, as the end of a sentence.
fn evidence(state: &PairState) -> String {
    let Some(evidence) = &state.evidence else { return ": the time was up before the first rounds".to_owned() };
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

fn delta(paired: &Paired, state: &PairState, limit: Option<Limit>) -> Delta {
    let pair = &paired.pair;
    let median = |side: fn(&Round) -> &Slices| {
        Sample::new(paired.operation_ns(&pair.metric, side)).ok().map(|sample| sample.median())
    };
    let (base, new) = (median(|round| &round.base), median(|round| &round.new));
    let mut verdict = verdict(state);
    let blocks = limit.is_some_and(Limit::blocks);
    let margin = limit.map_or(UNNAMED_LIMIT, |limit| limit.relative).max(pair.noise);
    let rule = if blocks { "blocks" } else { "advises" };
    let mut why = format!("margin {:.1}%, {rule}{}", margin * 100.0, evidence(state));
    if pair.randomized_layout {
        why.push_str("; random layouts in each round");
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
        if let Ok(sample) = Sample::new(walls) {
            why.push_str(&format!("; wall {}", share(sample.median())));
        }
    }
    Delta {
        case: pair.case.clone(),
        metric: pair.metric.clone(),
        base,
        new,
        relative: state.evidence.map(|evidence| evidence.estimate.exp_m1()),
        interval: state.evidence.map(|evidence| [evidence.interval.low.exp_m1(), evidence.interval.high.exp_m1()]),
        verdict,
        blocks,
        why,
        cause: vec![],
        doing: None,
    }
}
