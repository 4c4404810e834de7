//! The two-stage decision about a suite of benchmarks, as a pure function: rounds in, next steps out.
//!
//! Stage one screens every benchmark with a few rounds and picks those that seem to have moved. Stage two judges the
//! picked ones on *fresh* rounds only, at fixed looks, corrected by Holm for all that were picked:
//!
//! 1. **Screened in**: a one-sided p of the screen at most [`Procedure::screen_p`], and an estimate of at least
//!    [`Procedure::relevance`] times the margin, in the same direction. Of the rest, those whose whole interval lies
//!    inside the margin are equal. What remains is unsettled: it takes fresh rounds too ([`Procedure::settle`]) and is
//!    tested from both sides, or ends as inconclusive.
//! 2. **At a look**, for every benchmark still in question: equal if the whole interval lies inside the margin;
//!    otherwise changed if its adjusted p is at most the look's level and its estimate large enough; otherwise it goes
//!    on to the next look. After the last, it is inconclusive.
//!
//! **Why the suite level holds.** Let m benchmarks be picked, m0 of them truly unchanged. The picking used other
//! rounds, so it is settled before the fresh ones. Consider the first false rejection, at look k. Until then only truly
//! changed benchmarks were rejected, at most m - m0, so Holm compared some unchanged one with level(k)/m0 at most. That
//! happens with probability at most m0 x level(k)/m0 = level(k); over all looks, at most with the sum of the levels. (A
//! benchmark that stopped keeps its place: as rejected if it was, else as p = 1.) The dependence between benchmarks and
//! between looks plays no part. The bound counts both directions together, so false alarms alone are rarer.
//!
//! **Why a missed slowdown is not called equal.** An interval of 99% excludes a true shift of one margin or more on the
//! inner side with probability 0.5% at a look, far less if the shift is larger; the screen never calls equal what it
//! screened in. So a miss ends as inconclusive.
//!
//! Measuring happens elsewhere. Each control is a suite by itself.

use super::error::{Result, StatsError, check_all_finite, check_margin};
use super::hodges_lehmann::{Interval, estimate};
use super::holm::adjusted;
use super::procedure::{Look, Procedure};
use super::wilcoxon::{SignedRank, signed_rank};

/// The margin and the rounds so far of one benchmark.
#[derive(Debug, Clone, Copy)]
pub struct PairData<'a> {
    /// The smallest shift that matters, in the unit of the rounds ([`margin`](super::margin)).
    pub margin: f64,
    /// The values of the first stage ([`round_value`](super::round_value)). Those beyond [`Procedure::screen_rounds`]
    /// are ignored.
    pub screen: &'a [f64],
    /// The values of the second stage, none of them from the first. Those beyond the current look are ignored.
    pub confirm: &'a [f64],
}

/// The final decision about a benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The new side is slower.
    Regressed,
    /// The new side is faster.
    Improved,
    /// The whole interval lies inside the margin.
    Equal,
    /// Neither could be shown. Never to be taken for equal.
    Inconclusive,
}

/// The two stages. A round of one never serves the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The first, which only picks.
    Screen,
    /// The second, on fresh rounds, which judges.
    Confirm,
}

/// The reason why a benchmark was picked for the second stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suspicion {
    /// It seemed slower: the fresh rounds are tested for "slower".
    Slower,
    /// It seemed faster: they are tested for "faster".
    Faster,
    /// It seemed neither changed nor equal: they are tested from both sides.
    Unsettled,
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

/// The evidence of the last evaluated rounds of a benchmark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// The stage of the rounds.
    pub stage: Stage,
    /// The number of rounds.
    pub rounds: usize,
    /// The shift: ln(new/base), or what the rounds hold. [`f64::exp_m1`] makes it a share.
    pub estimate: f64,
    /// Its interval.
    pub interval: Interval,
    /// The p-value of what was tested: the smaller one-sided one at the screen, later the one of the [`Suspicion`].
    pub p: f64,
    /// At the second stage, `p` corrected for all that were picked: to be compared with the look's level.
    pub adjusted_p: Option<f64>,
}

/// The state of one benchmark of the suite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairState {
    /// The next action.
    pub action: NextAction,
    /// The reason why it was picked for the second stage, if it was.
    pub suspicion: Option<Suspicion>,
    /// The evidence of the last evaluated rounds; none before the screen is complete.
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

/// The state of every benchmark of the suite, with the next action, in the order of `suite`.
///
/// The answer depends on the rounds alone, so an interrupted run can go on where it stopped. Call it until every action
/// is [`NextAction::Stop`]. If the time is up before, benchmarks that have not stopped are inconclusive.
///
/// A suite without benchmarks is an error, because comparing nothing is not green.
///
/// ```
/// use baselines::stats::{Decision, NextAction, PairData, Procedure, margin, next_steps};
/// let slower = |round: usize| 0.05 + [0.004, -0.003, 0.001, -0.006, 0.002][round % 5];
/// let (mut screen, mut confirm) = (Vec::new(), Vec::new());
/// let decision = loop {
///     let pair = PairData { margin: margin(0.02, 0.0)?, screen: &screen, confirm: &confirm };
///     match next_steps(&Procedure::default(), &[pair])?[0].action {
///         NextAction::Measure { stage, rounds } => {
///             let stage = if stage == baselines::stats::decision::Stage::Screen { &mut screen } else { &mut confirm };
///             stage.extend((0..rounds).map(slower));
///         }
///         NextAction::Wait => unreachable!("a suite of one has nobody to wait for"),
///         NextAction::Stop(decision) => break decision,
///     }
/// };
/// assert_eq!(decision, Decision::Regressed);
/// assert_eq!((screen.len(), confirm.len()), (10, 30));
/// # Ok::<(), baselines::stats::StatsError>(())
/// ```
pub fn next_steps(procedure: &Procedure, suite: &[PairData<'_>]) -> Result<Vec<PairState>> {
    procedure.check()?;
    if suite.is_empty() {
        return Err(StatsError::Empty);
    }
    let mut steps = Vec::with_capacity(suite.len());
    for (index, benchmark) in suite.iter().enumerate() {
        let at = |source| StatsError::Benchmark { index, source: Box::new(source) };
        check(benchmark).map_err(at)?;
        steps.push(screen(procedure, benchmark).map_err(at)?);
    }
    let screened = steps.iter().all(|step| step.evidence.is_some());

    // Holm corrects for everything picked, including what has stopped since: as rejected (0) or not rejectable (1).
    let picked: Vec<usize> = (0..suite.len()).filter(|&index| steps[index].suspicion.is_some()).collect();
    let mut p_values = vec![1.0; picked.len()];
    for look in &procedure.looks {
        let open: Vec<usize> = picked.iter().copied().filter(|&index| steps[index].decision().is_none()).collect();
        for &index in &open {
            let rounds = look.rounds.saturating_sub(suite[index].confirm.len());
            steps[index].action =
                if rounds > 0 { NextAction::Measure { stage: Stage::Confirm, rounds } } else { NextAction::Wait };
        }
        // Nobody is judged before all can be: the correction needs every p-value of the look.
        if !screened || open.iter().any(|&index| steps[index].action != NextAction::Wait) {
            return Ok(steps);
        }
        judge(procedure, look, suite, &picked, &mut p_values, &mut steps)?;
    }
    for step in &mut steps {
        if step.decision().is_none() {
            step.action = NextAction::Stop(Decision::Inconclusive);
        }
    }
    Ok(steps)
}

fn check(benchmark: &PairData<'_>) -> Result<()> {
    check_margin(benchmark.margin)?;
    check_all_finite(benchmark.screen.iter().chain(benchmark.confirm))
}

/// Stage one: picked, equal or inconclusive. Picked benchmarks wait for [`next_steps`] to ask for their rounds.
fn screen(procedure: &Procedure, benchmark: &PairData<'_>) -> Result<PairState> {
    let missing = procedure.screen_rounds.saturating_sub(benchmark.screen.len());
    if missing > 0 {
        let action = NextAction::Measure { stage: Stage::Screen, rounds: missing };
        return Ok(PairState { action, suspicion: None, evidence: None });
    }
    let (mut evidence, test) =
        evaluate(Stage::Screen, &benchmark.screen[..procedure.screen_rounds], procedure.confidence)?;
    evidence.p = test.p_greater.min(test.p_less);
    let relevant = procedure.relevance * benchmark.margin;
    let (suspicion, action) = if test.p_greater <= procedure.screen_p && evidence.estimate >= relevant {
        (Some(Suspicion::Slower), NextAction::Wait)
    } else if test.p_less <= procedure.screen_p && evidence.estimate <= -relevant {
        (Some(Suspicion::Faster), NextAction::Wait)
    } else if evidence.interval.is_within(benchmark.margin) {
        (None, NextAction::Stop(Decision::Equal))
    } else if procedure.settle {
        (Some(Suspicion::Unsettled), NextAction::Wait)
    } else {
        (None, NextAction::Stop(Decision::Inconclusive))
    };
    Ok(PairState { action, suspicion, evidence: Some(evidence) })
}

/// One look of stage two, at which everything still open has its rounds.
fn judge(
    procedure: &Procedure,
    look: &Look,
    suite: &[PairData<'_>],
    picked: &[usize],
    p_values: &mut [f64],
    steps: &mut [PairState],
) -> Result<()> {
    for (p_value, &index) in p_values.iter_mut().zip(picked) {
        let step = &mut steps[index];
        let (None, Some(suspicion)) = (step.decision(), step.suspicion) else { continue };
        let (mut evidence, test) = evaluate(Stage::Confirm, &suite[index].confirm[..look.rounds], procedure.confidence)
            .map_err(|source| StatsError::Benchmark { index, source: Box::new(source) })?;
        *p_value = match suspicion {
            Suspicion::Slower => test.p_greater,
            Suspicion::Faster => test.p_less,
            Suspicion::Unsettled => test.p_two_sided,
        };
        evidence.p = *p_value;
        step.evidence = Some(evidence);
    }
    let adjusted_p = adjusted(p_values)?;
    for (position, &index) in picked.iter().enumerate() {
        let step = &mut steps[index];
        let (None, Some(evidence)) = (step.decision(), &mut step.evidence) else { continue };
        evidence.adjusted_p = Some(adjusted_p[position]);
        let rejected = adjusted_p[position] <= look.level;
        let relevant = procedure.relevance * suite[index].margin;
        // The estimate has the sign of the rejected test: ranks that outweigh the rest pull the Walsh averages along.
        let decision = if evidence.interval.is_within(suite[index].margin) {
            Decision::Equal
        } else if rejected && evidence.estimate >= relevant {
            Decision::Regressed
        } else if rejected && evidence.estimate <= -relevant {
            Decision::Improved
        } else {
            continue;
        };
        step.action = NextAction::Stop(decision);
        p_values[position] = if rejected { 0.0 } else { 1.0 };
    }
    Ok(())
}

fn evaluate(stage: Stage, rounds: &[f64], confidence: f64) -> Result<(Evidence, SignedRank)> {
    let (estimate, interval) = estimate(rounds, confidence)?;
    let test = signed_rank(rounds)?;
    Ok((Evidence { stage, rounds: rounds.len(), estimate, interval, p: 1.0, adjusted_p: None }, test))
}
