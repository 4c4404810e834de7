//! The decision about a suite of benchmarks, as a pure function: rounds in, next steps out.
//!
//! Two questions are asked of every benchmark. *Is it worse than the limit?* needs proof, and blocks. *How much worse
//! may it be at most?* has an answer at every look: its upper bound, which must come below the tolerance.
//!
//! 1. **The first look** ends what is settled: the bound is below the tolerance, and the estimate is within the limit.
//!    All others are picked, in the direction of their estimate.
//! 2. **At each later look**, what was picked is tested on the rounds *after* the first look, against the limit and not
//!    against "no shift", and corrected by Holm for all that was picked. It is changed if the adjusted p is at most the
//!    look's level and the estimate of all rounds is beyond the limit as well; otherwise it ends if it is settled, or
//!    goes on.
//! 3. **After the last look**, equal needs the bound below the tolerance and an interval that is not wholly beyond the
//!    limit. What remains is inconclusive.
//!
//! **Why the level of the tests holds.** Let m benchmarks be picked, m0 of them not beyond the limit in truth. The
//! picking used other rounds, so it is settled before the fresh ones. Consider the first false rejection, at look k.
//! Until then only truly changed benchmarks were rejected, at most m - m0, so Holm compared some other one with
//! level(k)/m0 at most. That happens with probability at most m0 x level(k)/m0 = level(k); over all looks, at most with
//! the sum of the levels. (A benchmark that stopped keeps its place: as rejected if it was, else as p = 1.) The
//! dependence between benchmarks and between looks plays no part.
//!
//! **Why all bounds hold together.** Of m benchmarks, the bound at look k comes from a number of rounds that is fixed
//! in advance, at the one-sided level(k)/m: with at most that probability it lies below the truth. By the union bound,
//! any bound of any benchmark at any look does so with at most the sum over k of m x level(k)/m, 1%. That covers
//! whichever look each of them stopped at.
//!
//! Both take it that rounds scatter symmetrically about the true shift. About no shift they do, because the order of
//! the sides is drawn.
//!
//! **Parts of a suite.** Machines that share a suite's benchmarks do not know each other's rounds. Each gives its
//! bounds the level of one of all benchmarks, and assumes that all others were picked and are not rejectable, which is
//! the most that Holm can ask. So what one part has decided, the whole suite decides at the same look or before: no
//! part stops too early.
//!
//! Measuring happens elsewhere. Each control is a suite by itself.

use crate::error::{Result, StatsError, check_all_finite, check_margin};
use crate::hodges_lehmann::{Interval, bounded};
use crate::holm::adjusted;
use crate::procedure::{Look, Procedure};
use crate::wilcoxon::signed_rank;

/// The limits and the rounds so far of one benchmark.
#[derive(Debug, Clone, Copy)]
pub struct PairData<'a> {
    /// The largest shift that is allowed, in the unit of the rounds ([`margin`](crate::margin)).
    pub limit: f64,
    /// The shift that must be ruled out, in the same unit. At least the limit.
    pub tolerance: f64,
    /// The values of the first look ([`round_value`](crate::round_value)). More of them are ignored.
    pub screen: &'a [f64],
    /// The values after the first look. Those beyond the current look are ignored.
    pub confirm: &'a [f64],
}

/// The final decision about a benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The new side is slower by more than the limit.
    Regressed,
    /// The new side is faster by more than the limit.
    Improved,
    /// Slower by the tolerance or more is ruled out.
    Equal,
    /// Neither could be shown. Never to be taken for equal.
    Inconclusive,
}

/// The part of the rounds that picks, and the fresh ones that are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Up to the first look.
    Screen,
    /// After it.
    Confirm,
}

/// The direction in which the fresh rounds of a picked benchmark are tested: that of its estimate at the first look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suspicion {
    /// It seemed slower.
    Slower,
    /// It seemed faster.
    Faster,
}

/// The next action for one benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextAction {
    /// Measure this many more rounds, append them to that stage's, and ask again.
    Measure {
        /// The stage of the rounds.
        stage: Stage,
        /// The number of rounds.
        rounds: usize,
    },
    /// It has all rounds for the next look; others do not have theirs yet.
    Wait,
    /// Done.
    Stop(Decision),
}

/// The evidence of the last look at a benchmark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// The number of rounds.
    pub rounds: usize,
    /// The shift: ln(new/base), or what the rounds hold. [`f64::exp_m1`] makes it a share.
    pub estimate: f64,
    /// Its interval.
    pub interval: Interval,
    /// The shift is at most this, with the confidence that all bounds of the suite have together. None if the rounds
    /// are too few for that many benchmarks.
    pub bound: Option<f64>,
    /// The test of "beyond the limit"; none at the first look.
    pub test: Option<Tested>,
}

/// The test of fresh rounds against the limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tested {
    /// The number of fresh rounds.
    pub rounds: usize,
    /// The one-sided p-value of [`Suspicion`]'s direction.
    pub p: f64,
    /// The same, corrected for all that were picked: to be compared with the look's level.
    pub adjusted_p: f64,
}

/// The state of one benchmark of the suite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairState {
    /// The next action.
    pub action: NextAction,
    /// The direction in which it was picked at the first look, if it was.
    pub suspicion: Option<Suspicion>,
    /// The evidence of the last look; none before the first.
    pub evidence: Option<Evidence>,
}

impl PairState {
    /// The decision, if there is one.
    pub fn decision(&self) -> Option<Decision> {
        match self.action {
            NextAction::Stop(decision) => Some(decision),
            NextAction::Measure { .. } | NextAction::Wait => None,
        }
    }
}

/// The state of every benchmark of the suite, with the next action, in the order of `suite`. If that is a part of a
/// larger one, so many other benchmarks are measured `elsewhere`.
///
/// The answer depends on the rounds alone, so an interrupted run can go on where it stopped. Call it until every action
/// is [`NextAction::Stop`]. If the time is up before, benchmarks that have not stopped are inconclusive.
///
/// A suite without benchmarks is an error, because comparing nothing is not green.
///
/// ```
/// use stats::{Decision, NextAction, PairData, Procedure, margin, next_steps};
/// let slower = |round: usize| 0.05 + [0.004, -0.003, 0.001, -0.006, 0.002][round % 5];
/// let (mut screen, mut confirm) = (Vec::new(), Vec::new());
/// let decision = loop {
///     let pair =
///         PairData { limit: margin(0.02)?, tolerance: margin(0.04)?, screen: &screen, confirm: &confirm };
///     match next_steps(&Procedure::default(), &[pair], 0)?[0].action {
///         NextAction::Measure { stage, rounds } => {
///             let stage = if stage == stats::decision::Stage::Screen { &mut screen } else { &mut confirm };
///             stage.extend((0..rounds).map(slower));
///         }
///         NextAction::Wait => unreachable!("a suite of one has nobody to wait for"),
///         NextAction::Stop(decision) => break decision,
///     }
/// };
/// assert_eq!(decision, Decision::Regressed);
/// assert_eq!((screen.len(), confirm.len()), (20, 20));
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn next_steps(procedure: &Procedure, suite: &[PairData<'_>], elsewhere: usize) -> Result<Vec<PairState>> {
    procedure.check()?;
    if suite.is_empty() {
        return Err(StatsError::Empty);
    }
    let all = suite.len() + elsewhere;
    let mut steps = Vec::with_capacity(suite.len());
    for (index, benchmark) in suite.iter().enumerate() {
        let at = |source| StatsError::Benchmark { index, source: Box::new(source) };
        check(benchmark).map_err(at)?;
        steps.push(screen(procedure, benchmark, all).map_err(at)?);
    }
    let screened = steps.iter().all(|step| step.evidence.is_some());

    // Holm corrects for everything picked, including what has stopped since: as rejected (0) or not rejectable (1).
    let picked: Vec<usize> = (0..suite.len()).filter(|&index| steps[index].suspicion.is_some()).collect();
    let mut p_values = vec![1.0; picked.len() + elsewhere];
    for look in &procedure.looks[1..] {
        let open: Vec<usize> = picked.iter().copied().filter(|&index| steps[index].decision().is_none()).collect();
        for &index in &open {
            let rounds = fresh(procedure, look).saturating_sub(suite[index].confirm.len());
            steps[index].action =
                if rounds > 0 { NextAction::Measure { stage: Stage::Confirm, rounds } } else { NextAction::Wait };
        }
        // No pair is judged before all can be: the correction needs every p-value of the look.
        if !screened || open.iter().any(|&index| steps[index].action != NextAction::Wait) {
            return Ok(steps);
        }
        judge(procedure, look, (suite, all), &picked, &mut p_values, &mut steps)?;
    }
    for (step, benchmark) in steps.iter_mut().zip(suite) {
        if let (None, Some(evidence)) = (step.decision(), &step.evidence) {
            let beyond = evidence.interval.low > benchmark.limit;
            let equal = rules_out(evidence, benchmark) && !beyond;
            step.action = NextAction::Stop(if equal { Decision::Equal } else { Decision::Inconclusive });
        }
    }
    Ok(steps)
}

fn check(benchmark: &PairData<'_>) -> Result<()> {
    check_margin(benchmark.limit)?;
    check_margin(benchmark.tolerance)?;
    if benchmark.tolerance < benchmark.limit {
        return Err(StatsError::Tolerance { limit: benchmark.limit, tolerance: benchmark.tolerance });
    }
    check_all_finite(benchmark.screen.iter().chain(benchmark.confirm))
}

/// The rounds after the first look that a later one takes.
fn fresh(procedure: &Procedure, look: &Look) -> usize {
    look.rounds - procedure.looks[0].rounds
}

/// The first look: settled or picked. What was picked waits for [`next_steps`] to ask for its rounds.
fn screen(procedure: &Procedure, benchmark: &PairData<'_>, suite: usize) -> Result<PairState> {
    let first = &procedure.looks[0];
    let missing = first.rounds.saturating_sub(benchmark.screen.len());
    if missing > 0 {
        let action = NextAction::Measure { stage: Stage::Screen, rounds: missing };
        return Ok(PairState { action, suspicion: None, evidence: None });
    }
    let evidence = evaluate(procedure, first, suite, &benchmark.screen[..first.rounds])?;
    let (suspicion, action) = if is_settled(&evidence, benchmark) {
        (None, NextAction::Stop(Decision::Equal))
    } else if evidence.estimate >= 0.0 {
        (Some(Suspicion::Slower), NextAction::Wait)
    } else {
        (Some(Suspicion::Faster), NextAction::Wait)
    };
    Ok(PairState { action, suspicion, evidence: Some(evidence) })
}

/// A later look, at which everything still open has its rounds. `all` is how many benchmarks the whole suite has.
fn judge(
    procedure: &Procedure,
    look: &Look,
    (suite, all): (&[PairData<'_>], usize),
    picked: &[usize],
    p_values: &mut [f64],
    steps: &mut [PairState],
) -> Result<()> {
    let (first, fresh) = (procedure.looks[0].rounds, fresh(procedure, look));
    for (p_value, &index) in p_values.iter_mut().zip(picked) {
        let step = &mut steps[index];
        let (None, Some(suspicion)) = (step.decision(), step.suspicion) else { continue };
        let at = |source| StatsError::Benchmark { index, source: Box::new(source) };
        let benchmark = &suite[index];
        let rounds = [&benchmark.screen[..first], &benchmark.confirm[..fresh]].concat();
        step.evidence = Some(evaluate(procedure, look, all, &rounds).map_err(at)?);
        *p_value = beyond_limit(suspicion, benchmark.limit, &rounds[first..]).map_err(at)?;
    }
    let adjusted_p = adjusted(p_values)?;
    for (position, &index) in picked.iter().enumerate() {
        let (step, benchmark) = (&mut steps[index], &suite[index]);
        let (None, Some(evidence)) = (step.decision(), &mut step.evidence) else { continue };
        evidence.test = Some(Tested { rounds: fresh, p: p_values[position], adjusted_p: adjusted_p[position] });
        let rejected = adjusted_p[position] <= look.test_level;
        // The estimate is that of all rounds. Fresh ones that are beyond the limit don't count if all together aren't.
        let decision = if is_settled(evidence, benchmark) {
            Decision::Equal
        } else if rejected && evidence.estimate > benchmark.limit {
            Decision::Regressed
        } else if rejected && evidence.estimate < -benchmark.limit {
            Decision::Improved
        } else {
            continue;
        };
        step.action = NextAction::Stop(decision);
        p_values[position] = if rejected { 0.0 } else { 1.0 };
    }
    Ok(())
}

/// The p-value of "not beyond the limit" on the suspected side: of the rounds, shifted by the limit.
fn beyond_limit(suspicion: Suspicion, limit: f64, rounds: &[f64]) -> Result<f64> {
    let shifted = |by: f64| signed_rank(&rounds.iter().map(|value| value + by).collect::<Vec<_>>());
    Ok(match suspicion {
        Suspicion::Slower => shifted(-limit)?.p_greater,
        Suspicion::Faster => shifted(limit)?.p_less,
    })
}

fn rules_out(evidence: &Evidence, benchmark: &PairData<'_>) -> bool {
    evidence.bound.is_some_and(|bound| bound < benchmark.tolerance)
}

/// Nothing is left to ask: too much is ruled out, and nothing suggests a change that more rounds could show.
fn is_settled(evidence: &Evidence, benchmark: &PairData<'_>) -> bool {
    rules_out(evidence, benchmark) && evidence.estimate.abs() <= benchmark.limit
}

/// The evidence of rounds at a look, without a test. The bound has the level of one of `suite` benchmarks.
fn evaluate(procedure: &Procedure, look: &Look, suite: usize, rounds: &[f64]) -> Result<Evidence> {
    let (estimate, interval, bound) = bounded(rounds, procedure.confidence, look.bound_level / suite as f64)?;
    Ok(Evidence { rounds: rounds.len(), estimate, interval, bound, test: None })
}
