//! The rules of a decision, fixed before anything is measured: rounds, levels, looks, margins.
//!
//! A rule that is chosen after the data were seen has no error rate. So there is no stopping "when it looks good", and
//! no way to run again until green.

use super::error::{Result, StatsError, check_margin, check_open_unit};
use super::hodges_lehmann::rounds_needed;
use super::wilcoxon::MAX_VALUES;

/// A fixed moment at which the fresh rounds are looked at, and the level that this look may spend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The number of fresh rounds by then of every benchmark that is still undecided.
    pub rounds: usize,
    /// The probability of a false verdict in the whole suite that this look may add.
    pub level: f64,
}

/// The rules of one suite.
#[derive(Debug, Clone, PartialEq)]
pub struct Procedure {
    /// Rounds of the first stage, which only picks suspects. At least 8 for a confidence of 99%.
    pub screen_rounds: usize,
    /// A benchmark is screened in if a one-sided p-value of the first stage is at most this.
    pub screen_p: f64,
    /// The share of the margin that an estimate must reach to matter, at both stages: significant is not relevant.
    pub relevance: f64,
    /// The looks at the fresh rounds of the second stage, in order. Their levels add up to the suite's.
    pub looks: Vec<Look>,
    /// The confidence of every interval; a benchmark is equal if the whole interval lies inside the margin.
    pub confidence: f64,
    /// Benchmarks that were neither picked nor found equal take fresh rounds too, tested from both sides and corrected
    /// for like the others. Otherwise they end as inconclusive after the first stage.
    pub settle: bool,
}

impl Default for Procedure {
    /// 10 rounds, then looks at 30, 40 and 60 fresh ones with 0.5%, 0.2% and 0.3%: 1% for the suite.
    ///
    /// Half of the level is spent at the first look, since slowdowns worth finding are many standard errors large
    /// after 30 rounds; the rest waits for the noisy ones. A plain sum (Bonferroni) needs no assumption about how the
    /// looks depend on each other, as the boundaries of O'Brien and Fleming do, and costs next to nothing here.
    fn default() -> Procedure {
        Procedure {
            screen_rounds: 10,
            screen_p: 0.10,
            relevance: 0.5,
            looks: vec![
                Look { rounds: 30, level: 0.005 },
                Look { rounds: 40, level: 0.002 },
                Look { rounds: 60, level: 0.003 },
            ],
            confidence: 0.99,
            settle: true,
        }
    }
}

impl Procedure {
    /// The probability of any false verdict of change in a suite, at most: the sum over the looks.
    ///
    /// ```
    /// assert!((baselines::stats::Procedure::default().suite_level() - 0.01).abs() < 1e-12);
    /// ```
    pub fn suite_level(&self) -> f64 {
        self.looks.iter().map(|look| look.level).sum()
    }

    /// Refuses rules that contradict each other: levels, shares or a confidence that are no probabilities, too few
    /// rounds for an interval or too many for an exact test, and looks that are missing, out of order, or spend all
    /// there is.
    pub fn check(&self) -> Result<()> {
        check_open_unit("the screening p-value", self.screen_p)?;
        if !(0.0..=1.0).contains(&self.relevance) {
            return Err(StatsError::NotAProbability { name: "the relevance", value: self.relevance });
        }
        let needed = rounds_needed(self.confidence)?;
        let Some(first) = self.looks.first() else {
            return Err(StatsError::Procedure("has no look at fresh rounds: give at least one".into()));
        };
        let fewest = self.screen_rounds.min(first.rounds);
        if fewest < needed {
            return Err(StatsError::TooFewRounds { given: fewest, needed, confidence: self.confidence });
        }
        for look in &self.looks {
            check_open_unit("the level of a look", look.level)?;
        }
        if let Some(pair) = self.looks.windows(2).find(|pair| pair[0].rounds >= pair[1].rounds) {
            let (earlier, later) = (pair[0].rounds, pair[1].rounds);
            let problem = format!("looks at {later} rounds after {earlier}: put the looks in rising order");
            return Err(StatsError::Procedure(problem));
        }
        if self.suite_level() >= 1.0 {
            let problem = format!("spends a level of {}: the levels must add up to less than 1", self.suite_level());
            return Err(StatsError::Procedure(problem));
        }
        let most = self.looks.iter().map(|look| look.rounds).fold(self.screen_rounds, usize::max);
        if most > MAX_VALUES {
            return Err(StatsError::TooMany { given: most, limit: MAX_VALUES });
        }
        Ok(())
    }
}

/// The margin of a benchmark, in the unit of its rounds: ln(1 + share), for the larger of the policy's limit and the
/// machine's noise.
///
/// Both are shares: 0.02 is 2%. `noise` is the largest shift between equal sides on this machine, from its calibration;
/// 0 if unknown. In logarithms, +2% and its reverse, -1.96%, are equally far, so swapping the sides changes nothing.
///
/// ```
/// use baselines::stats::margin;
/// assert_eq!(margin(0.02, 0.004)?, 0.02_f64.ln_1p());
/// assert_eq!(margin(0.02, 0.034)?, 0.034_f64.ln_1p()); // a noisy machine
/// # Ok::<(), baselines::stats::StatsError>(())
/// ```
pub fn margin(limit: f64, noise: f64) -> Result<f64> {
    check_margin(limit)?;
    if !(noise >= 0.0 && noise.is_finite()) {
        return Err(StatsError::Margin(noise));
    }
    Ok(limit.max(noise).ln_1p())
}
