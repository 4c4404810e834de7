//! Pairs: two programs that ran alternately in one session, their rounds, and the verdicts that follow.
//!
//! The raw slice times are kept, so that every verdict can be computed again from the file of a run. Judging is a pure
//! function of the rounds, the procedure and the policy. [`missing`] says how many rounds are missing; another crate
//! measures.

mod mean_time;

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::delta::{self, Bound, Delta, Verdict};
use crate::metric::{PEAK_MEMORY, RESPONSE_P50, RESPONSE_P95, WAITING};
use crate::policy::{Action, Limit, Policy};
use crate::ruled_out::rounded_up;
use crate::{CaseKey, Durability, InvalidEntry, Metric, Result, Sample};
use stats::decision::Stage;
use stats::{Decision, NextAction, PairData, PairState, Procedure, growth_value, margin, next_steps, round_value};

/// The limit of a time that no rule of the policy names. It is shown with a verdict and never blocks.
const UNNAMED: Limit = Limit { relative: 0.02, absolute: 0.0, tolerance: 0.04, action: Action::Advise, compiler: None };

/// One benchmark on two sides. Its rounds follow it in a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The case. If two variants are compared, the new one's.
    pub case: CaseKey,
    /// The base, as in `revision 1f0c8a3b`, or the variant of the base.
    pub base: String,
    /// The time that decides: `cpu_time`, or `wall_time` for cases that wait on disks or locks. Waiting is judged
    /// beside it.
    pub metric: String,
    /// Operations of a slice, on both sides.
    pub operations: u64,
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
    /// The time of each slice in which the work was blocked, ns: neither running nor ready to run. Empty where that is
    /// not known: older runs, systems that do not say, benches that report wall times only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting_ns: Vec<u64>,
    /// Voluntary context switches during the slices: the process waited.
    pub voluntary_switches: u64,
    /// Involuntary context switches: it was interrupted.
    pub involuntary_switches: u64,
    /// Heap blocks that one slice allocated, counted in a slice of the warm-up.
    pub allocations: u64,
    /// Heap bytes that it allocated.
    pub allocated_bytes: u64,
    /// The most memory that one process held, bytes, where an operation is a whole process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
    /// The median response time of each slice, ns, where operations are requests to a server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_p50_ns: Vec<u64>,
    /// The 95th percentile of the response times of each slice, ns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_p95_ns: Vec<u64>,
    /// The work that the whole process did, by counter: on both sides for the same operations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub work: BTreeMap<String, u64>,
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
    /// A delta for each judged metric of each pair that is no control.
    pub deltas: Vec<Delta>,
    /// Controls that were judged wrongly: the run can't be believed.
    pub wrong_controls: Vec<InvalidEntry>,
    /// A sentence for each control.
    pub controls: Vec<String>,
}

impl Slices {
    /// The values of a metric: times in ns, or the largest memory in bytes.
    pub fn times_ns(&self, metric: &str) -> Vec<f64> {
        let times = match metric {
            "wall_time" => &self.wall_ns[..],
            WAITING => &self.waiting_ns,
            PEAK_MEMORY => self.peak_bytes.as_slice(),
            RESPONSE_P50 => &self.response_p50_ns,
            RESPONSE_P95 => &self.response_p95_ns,
            _ => &self.cpu_ns,
        };
        times.iter().map(|time_ns| *time_ns as f64).collect()
    }
}

impl Round {
    /// The value of the round for a metric: see [`round_value`], and [`growth_value`] for waiting.
    pub fn value(&self, metric: &str) -> Result<f64> {
        let (base, new) = (self.base.times_ns(metric), self.new.times_ns(metric));
        Ok(match metric {
            WAITING => growth_value(&base, &new, &self.base.times_ns("wall_time"))?,
            _ => round_value(&base, &new)?,
        })
    }

    fn knows(&self, metric: &str) -> bool {
        [&self.base, &self.new].iter().all(|side| !side.times_ns(metric).is_empty())
    }
}

impl PairVerdicts {
    /// Leaves open what seemed equal: where the control's slowdown was missed, another would have been. What got worse
    /// was shown, and stays.
    fn leave_open(&mut self, missed: &str) {
        for equal in self.deltas.iter_mut().filter(|delta| delta.verdict == Verdict::Equal) {
            equal.verdict = Verdict::Inconclusive;
            equal.why = format!(
                "the slowdown of {missed} was missed, so another may be: measure on a quieter machine, or for longer"
            );
        }
    }

    /// Says of the times that are open after the first look that the counts have decided already: they got no other.
    pub fn decided_by_counts(&mut self) {
        let is_open = |delta: &&mut Delta| delta.verdict == Verdict::Inconclusive && delta.relative.is_some();
        self.deltas.iter_mut().filter(is_open).for_each(Delta::leave_to_counts);
    }
}

impl Paired {
    /// The values of a stage for a metric, in the order of measuring.
    pub fn values(&self, stage: Stage, metric: &str) -> Result<Vec<f64>> {
        let rounds = self.rounds.iter().filter(|round| round.stage == stage);
        rounds.map(|round| round.value(metric)).collect()
    }

    /// How often one operation gave its core up to wait, in every round. Empty where waiting is unknown.
    pub fn voluntary_switches(&self, side: fn(&Round) -> &Slices) -> Vec<f64> {
        let sides = self.rounds.iter().map(side).filter(|slices| !slices.waiting_ns.is_empty());
        let operations = |slices: &Slices| (slices.waiting_ns.len() as u64 * self.pair.operations.max(1)) as f64;
        sides.map(|slices| slices.voluntary_switches as f64 / operations(slices)).collect()
    }

    /// The time of one operation in every round, ns: the median slice of one side.
    pub fn operation_ns(&self, metric: &str, side: fn(&Round) -> &Slices) -> Vec<f64> {
        operations_ns(self.rounds.iter(), self.pair.operations, metric, side)
    }

    /// The metrics that are judged: the one that decides, and waiting, memory and response times as far as the policy
    /// names them and every round knows them. The outcome of a control is known of its time alone.
    fn metrics<'a>(&'a self, policy: &Policy, today: Date) -> impl Iterator<Item = &'a str> {
        let beside = [WAITING, PEAK_MEMORY, RESPONSE_P50, RESPONSE_P95].into_iter().filter(move |metric| {
            self.pair.control.is_none()
                && self.rounds.iter().all(|round| round.knows(metric))
                // Without rounds, nobody has said that it is known.
                && (*metric == WAITING || !self.rounds.is_empty())
                && policy.limit(&self.pair.case, metric, today).is_some()
        });
        std::iter::once(self.pair.metric.as_str()).chain(beside)
    }
}

/// How many metrics of these cases are judged in rounds, at most: a time each, and waiting where the policy names it.
/// Memory is that of commands, which are not divided into shards.
pub fn judged_metrics<'a>(cases: impl Iterator<Item = &'a CaseKey>, policy: &Policy, today: Date) -> usize {
    cases.map(|case| 1 + usize::from(policy.limit(case, WAITING, today).is_some())).sum()
}

fn operations_ns<'a>(
    rounds: impl Iterator<Item = &'a Round>,
    operations: u64,
    metric: &str,
    side: fn(&Round) -> &Slices,
) -> Vec<f64> {
    // A percentile is that of single requests already.
    let operations = if [RESPONSE_P50, RESPONSE_P95].contains(&metric) { 1 } else { operations };
    let samples = rounds.filter_map(|round| Sample::new(side(round).times_ns(metric)).ok());
    samples.map(|sample| sample.median() / operations.max(1) as f64).collect()
}

/// One metric of a pair, with its limits: what the statistics call a benchmark.
struct Judged<'a> {
    /// The pair's position in the run.
    index: usize,
    paired: &'a Paired,
    metric: &'a str,
    rule: Option<Limit>,
    /// The policy's limit and tolerance, as shares. An absolute limit that is larger for so short an operation widens
    /// both.
    limit: f64,
    tolerance: f64,
}

impl<'a> Judged<'a> {
    fn new(index: usize, paired: &'a Paired, metric: &'a str, policy: &Policy, today: Date) -> Judged<'a> {
        let rule = policy.limit(&paired.pair.case, metric, today);
        let is_margin = |rule: &Limit| rule.relative > 0.0 || rule.absolute > 0.0;
        let Limit { relative, absolute, tolerance, .. } = rule.filter(is_margin).unwrap_or(UNNAMED);
        // Waiting is a share of the wall time. Later rounds have no say: a limit that moved could take a decision back.
        let of = if metric == WAITING { "wall_time" } else { metric };
        let screen = paired.rounds.iter().filter(|round| round.stage == Stage::Screen);
        let operation = Sample::new(operations_ns(screen, paired.pair.operations, of, |round| &round.base));
        let floor = operation.map_or(0.0, |sample| absolute / sample.median().max(f64::MIN_POSITIVE));
        // Whatever the policy allows, the slowdown of a control is to be found.
        let most = match paired.pair.control {
            Some(Control::Slower { percent }) => percent / 100.0,
            Some(Control::Same) | None => f64::INFINITY,
        };
        let limit = if relative.max(floor) > 0.0 { relative.max(floor) } else { UNNAMED.relative };
        let limit = limit.min(most / 2.0);
        let tolerance = tolerance.max(2.0 * floor).max(limit).min(0.9 * most);
        Judged { index, paired, metric, rule, limit, tolerance }
    }
}

/// What is judged together: the metrics of all pairs that are no controls, and each control by itself, since it would
/// change the levels of the others. Abandoned pairs are in none.
fn suites<'a>(pairs: &'a [Paired], policy: &Policy, today: Date) -> Vec<Vec<Judged<'a>>> {
    let kept = pairs.iter().enumerate().filter(|(_, paired)| !paired.abandoned);
    let (controls, measured): (Vec<_>, Vec<_>) = kept.partition(|(_, paired)| paired.pair.control.is_some());
    let judged = |(index, paired): (usize, &'a Paired)| -> Vec<Judged<'a>> {
        paired.metrics(policy, today).map(|metric| Judged::new(index, paired, metric, policy, today)).collect()
    };
    let measured: Vec<Judged<'a>> = measured.into_iter().flat_map(judged).collect();
    let measured = Some(measured).filter(|suite| !suite.is_empty());
    measured.into_iter().chain(controls.into_iter().map(judged)).collect()
}

/// The state of everything that is judged, suite by suite; `elsewhere` is what [`missing`] says. An error if a round
/// can't be used, or a limit of the policy is no margin.
fn states<'a>(
    procedure: &Procedure,
    pairs: &'a [Paired],
    policy: &Policy,
    today: Date,
    elsewhere: usize,
) -> Result<Vec<(Judged<'a>, PairState)>> {
    let mut states = Vec::with_capacity(pairs.len());
    for suite in suites(pairs, policy, today) {
        let mut rounds = Vec::with_capacity(suite.len());
        for judged in &suite {
            let values = |stage| judged.paired.values(stage, judged.metric);
            rounds.push((
                margin(judged.limit)?,
                margin(judged.tolerance)?,
                values(Stage::Screen)?,
                values(Stage::Confirm)?,
            ));
        }
        let data: Vec<PairData<'_>> = (rounds.iter())
            .map(|(limit, tolerance, screen, confirm)| PairData {
                limit: *limit,
                tolerance: *tolerance,
                screen,
                confirm,
            })
            .collect();
        let is_control = suite.iter().any(|judged| judged.paired.pair.control.is_some());
        let elsewhere = if is_control { 0 } else { elsewhere };
        let steps = next_steps(procedure, &data, elsewhere)?;
        states.extend(suite.into_iter().zip(steps));
    }
    Ok(states)
}

/// The rounds that all pairs of a run still need, in the order of the pairs: the pair's position, the stage and the
/// number. So many metrics of the same suite are judged `elsewhere`: in other shards.
pub fn missing(
    procedure: &Procedure,
    pairs: &[Paired],
    policy: &Policy,
    today: Date,
    elsewhere: usize,
) -> Result<Vec<(usize, Stage, usize)>> {
    let needed = |(judged, state): (Judged<'_>, PairState)| match state.action {
        NextAction::Measure { stage, rounds } => Some((judged.index, stage, rounds)),
        NextAction::Wait | NextAction::Stop(_) => None,
    };
    let mut missing: Vec<_> =
        states(procedure, pairs, policy, today, elsewhere)?.into_iter().filter_map(needed).collect();
    // The metrics of a pair share its rounds, and all that are open ask for the same number.
    missing.sort_unstable();
    missing.dedup();
    Ok(missing)
}

/// Judges all pairs of a run. What still needs rounds is inconclusive: its time was up. So many metrics of the same
/// suite are judged `elsewhere`: in other shards.
pub fn judge(
    procedure: &Procedure,
    pairs: &[Paired],
    policy: &Policy,
    today: Date,
    elsewhere: usize,
) -> Result<PairVerdicts> {
    let (mut verdicts, mut missed) = (PairVerdicts::default(), None);
    let states = states(procedure, pairs, policy, today, elsewhere)?;
    let measured = states.iter().filter(|(judged, _)| judged.paired.pair.control.is_none()).count();
    let level = procedure.suite_level() / (measured + elsewhere).max(1) as f64;
    for (judged, state) in states {
        match judged.paired.pair.control {
            None => {
                let mut delta = delta(&judged, &state, procedure);
                if let Some(why) = less_work(&judged.paired.rounds) {
                    (delta.verdict, delta.why) = policy.redefined(&delta.case, &delta.metric, today, &why);
                }
                let has_passed = matches!(delta.verdict, Verdict::Equal | Verdict::Improved);
                if has_passed && judged.metric == judged.paired.pair.metric {
                    verdicts.deltas.extend(mean_time::grown(judged.paired, judged.limit, level)?);
                }
                verdicts.deltas.push(delta);
            }
            Some(control) => missed = check_control(control, &judged, &state, &mut verdicts).or(missed),
        }
    }
    if let Some(missed) = missed {
        verdicts.leave_open(&missed);
    }
    let compared = pairs.iter().filter(|paired| !paired.abandoned && paired.pair.control.is_none());
    verdicts.deltas.extend(compared.filter_map(|paired| lost_waiting(paired, policy, today)));
    Ok(verdicts)
}

/// The delta of the waiting that is known of the base and not of the new side: a change that can't be asked has not
/// passed.
fn lost_waiting(paired: &Paired, policy: &Policy, today: Date) -> Option<Delta> {
    let limit = policy.limit(&paired.pair.case, WAITING, today)?;
    let knows = |slices: &Slices| !slices.waiting_ns.is_empty();
    let lost = paired.rounds.iter().filter(|round| knows(&round.base) && !knows(&round.new)).count();
    (lost > 0).then(|| {
        let why = format!("in {lost} rounds the base says how long it waits, and the new side does not");
        Delta::new(paired.pair.case.clone(), WAITING, (Verdict::Missing, why), limit.blocks())
    })
}

/// By which counters the new side did less than the base. Where the processes of a side differ among themselves, each
/// of the new side must have done less than any of the base.
fn less_work(rounds: &[Round]) -> Option<String> {
    let done = |slices: &Slices, name: &String| slices.work.get(name).copied().unwrap_or(0);
    let sides = rounds.first()?.base.work.keys().map(|name| {
        let base = rounds.iter().map(|round| done(&round.base, name)).min().unwrap_or(0);
        (name, base, rounds.iter().map(|round| done(&round.new, name)).max().unwrap_or(0))
    });
    delta::less_work(sides)
}

/// Notes what became of a control, and returns its name if its slowdown was neither found nor ruled out.
fn check_control(
    control: Control,
    judged: &Judged<'_>,
    state: &PairState,
    verdicts: &mut PairVerdicts,
) -> Option<String> {
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
    verdicts.controls.push(format!("{what} ({}) is {verdict}: {evidence}", judged.paired.pair.case.benchmark));
    if !right && verdict == Verdict::Inconclusive {
        return Some(what);
    }
    if !right {
        let why =
            format!("it is {verdict}: {evidence}: this machine can't be measured on now; try again when it does less");
        verdicts.wrong_controls.push(InvalidEntry { what, why });
    }
    None
}

fn verdict(state: &PairState) -> Verdict {
    match state.decision() {
        Some(Decision::Regressed) => Verdict::Regressed,
        Some(Decision::Improved) => Verdict::Improved,
        Some(Decision::Equal) => Verdict::Equal,
        Some(Decision::Inconclusive) | None => Verdict::Inconclusive,
    }
}

/// The evidence of the last look, as a part of a sentence.
fn evidence(state: &PairState) -> String {
    let Some(evidence) = &state.evidence else { return "the time was up before the first look".to_owned() };
    let at_most = |bound: f64| format!(", at most {:+.2}%", rounded_up(bound.exp_m1(), 1e4) * 100.0);
    let bound = evidence.bound.map_or_else(String::new, at_most);
    let tested = evidence.test.map_or_else(String::new, |test| {
        let (p, corrected) = (p_value(test.p), p_value(test.adjusted_p));
        format!("; beyond the limit with p {p} in {} fresh ones, corrected {corrected}", test.rounds)
    });
    let [estimate, low, high] = [evidence.estimate, evidence.interval.low, evidence.interval.high].map(share);
    format!("{estimate} [{low}, {high}] in {} rounds{bound}{tested}", evidence.rounds)
}

fn share(shift: f64) -> String {
    format!("{:+.2}%", shift.exp_m1() * 100.0)
}

fn p_value(p: f64) -> String {
    if p < 0.0001 { format!("{p:.0e}") } else { format!("{p:.4}") }
}

fn delta(judged: &Judged<'_>, state: &PairState, procedure: &Procedure) -> Delta {
    let Judged { paired, metric, rule, limit, tolerance, .. } = *judged;
    let pair = &paired.pair;
    let median =
        |side: fn(&Round) -> &Slices| Sample::new(paired.operation_ns(metric, side)).ok().map(|sample| sample.median());
    let (base, new) = (median(|round| &round.base), median(|round| &round.new));
    let blocks = rule.is_some_and(Limit::blocks);
    let action = if blocks { "blocks" } else { "advises" };
    let absolute = match (rule, Metric::find(metric)) {
        (Some(rule), Some(known)) if rule.absolute > 0.0 && limit > rule.relative => {
            format!(" ({} per operation)", known.show(rule.absolute))
        }
        _ => String::new(),
    };
    let limits = format!("limit {:.1}%{absolute}, tolerance {:.1}%", limit * 100.0, tolerance * 100.0);
    let mut why = format!("{limits}, {action}: {}", evidence(state));
    if pair.randomized_layout {
        why.push_str("; random layouts in each round");
    }
    if metric == "cpu_time" {
        let walls: Vec<f64> = paired.rounds.iter().filter_map(|round| round.value("wall_time").ok()).collect();
        if let Ok(sample) = Sample::new(walls) {
            why.push_str(&format!("; wall {}", share(sample.median())));
        }
    }
    match state.action {
        NextAction::Stop(Decision::Inconclusive) => {
            why.push_str("; all rounds are spent: measure on a quieter machine");
        }
        NextAction::Stop(_) => {}
        _ if state.evidence.is_none() => why = format!("{}: give it more (--budget)", evidence(state)),
        NextAction::Measure { .. } | NextAction::Wait => why.push_str("; the time was up: give it more (--budget)"),
    }
    let bound = state.evidence.and_then(|evidence| evidence.bound);
    Delta {
        base,
        new,
        relative: state.evidence.map(|evidence| evidence.estimate.exp_m1()),
        interval: state.evidence.map(|evidence| [evidence.interval.low.exp_m1(), evidence.interval.high.exp_m1()]),
        bound: bound.map(|bound| Bound { at_most: bound.exp_m1(), confidence: procedure.bound_confidence() }),
        ..Delta::new(pair.case.clone(), metric, (verdict(state), why), blocks)
    }
}
