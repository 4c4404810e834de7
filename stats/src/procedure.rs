//! The rules of a decision, fixed before anything is measured: the looks, their rounds and their levels.
//!
//! A rule that is chosen after the data were seen has no error rate. So there is no stopping "when it looks good", and
//! no look beyond the fixed ones. Running again until green is not prevented: each run has its own error rate.

use crate::error::{Result, StatsError, check_margin, check_open_unit};
use crate::hodges_lehmann::rounds_needed;
use crate::wilcoxon::MAX_VALUES;

/// A fixed moment at which everything that is still open is looked at, and the levels that this look may spend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The number of rounds by then, those of earlier looks included.
    pub rounds: usize,
    /// The probability that this look may add to "some bound of the suite does not hold".
    pub bound_level: f64,
    /// The probability that it may add to "something in the suite is falsely called changed". 0 at the first look,
    /// which only picks.
    pub test_level: f64,
}

/// The rules of one suite.
#[derive(Debug, Clone, PartialEq)]
pub struct Procedure {
    /// The looks in order. The first picks; the later ones test what was picked, on the rounds after the first.
    pub looks: Vec<Look>,
    /// The confidence of the two-sided intervals that are shown.
    pub confidence: f64,
}

impl Default for Procedure {
    /// Looks at 20, 40, 80, 160 and 240 rounds. All bounds of a suite hold with 99%, and 1% is the most that the
    /// probability of a false change can be.
    ///
    /// Most cases are bounded tightly enough by the first look, so it has the largest share of the bounds' level. The
    /// last look has the largest share of the tests' level: only the noisiest cases come to it, and they need it. A
    /// plain sum (Bonferroni) needs no assumption about how the looks depend on each other, as the boundaries of
    /// O'Brien and Fleming do, and costs next to nothing here.
    fn default() -> Procedure {
        let look = |rounds, bound_level, test_level| Look { rounds, bound_level, test_level };
        Procedure {
            looks: vec![
                look(20, 0.004, 0.0),
                look(40, 0.001, 0.002),
                look(80, 0.001, 0.001),
                look(160, 0.002, 0.002),
                look(240, 0.002, 0.005),
            ],
            confidence: 0.99,
        }
    }
}

impl Procedure {
    /// One look after this many rounds, with which everything ends: nothing is tested.
    pub fn one_look(rounds: usize) -> Procedure {
        let standard = Procedure::default();
        Procedure {
            looks: vec![Look { rounds, bound_level: 1.0 - standard.bound_confidence(), test_level: 0.0 }],
            ..standard
        }
    }

    /// The probability of any false verdict of change in a suite, at most: the sum over the looks.
    ///
    /// ```
    /// assert!((stats::Procedure::default().suite_level() - 0.01).abs() < 1e-12);
    /// ```
    pub fn suite_level(&self) -> f64 {
        self.looks.iter().map(|look| look.test_level).sum()
    }

    /// The confidence with which all bounds of a suite hold together, whenever each was looked at.
    ///
    /// ```
    /// assert!((stats::Procedure::default().bound_confidence() - 0.99).abs() < 1e-12);
    /// ```
    pub fn bound_confidence(&self) -> f64 {
        1.0 - self.looks.iter().map(|look| look.bound_level).sum::<f64>()
    }

    /// Refuses rules that contradict each other: levels or a confidence that are no probabilities, too few rounds for
    /// an interval or too many for an exact test, and looks that are missing, out of order, or spend all there is.
    pub fn check(&self) -> Result<()> {
        let Some((first, later)) = self.looks.split_first() else {
            return Err(StatsError::Procedure("has no look: give at least one".into()));
        };
        let needed = rounds_needed(self.confidence)?;
        if first.rounds < needed {
            return Err(StatsError::TooFewRounds { given: first.rounds, needed, confidence: self.confidence });
        }
        if first.test_level != 0.0 {
            return Err(StatsError::Procedure("tests at its first look: give it no test level, it only picks".into()));
        }
        for look in &self.looks {
            check_open_unit("the bounds' level of a look", look.bound_level)?;
        }
        for look in later {
            check_open_unit("the tests' level of a look", look.test_level)?;
        }
        if let Some(pair) = self.looks.windows(2).find(|pair| pair[0].rounds >= pair[1].rounds) {
            let (earlier, later) = (pair[0].rounds, pair[1].rounds);
            let problem = format!("looks at {later} rounds after {earlier}: put the looks in rising order");
            return Err(StatsError::Procedure(problem));
        }
        let spent = self.suite_level().max(1.0 - self.bound_confidence());
        if spent >= 1.0 {
            let problem = format!("spends a level of {spent}: the levels must add up to less than 1");
            return Err(StatsError::Procedure(problem));
        }
        let most = later.last().unwrap_or(first).rounds;
        if most > MAX_VALUES {
            return Err(StatsError::TooMany { given: most, limit: MAX_VALUES });
        }
        Ok(())
    }
}

/// A limit or a tolerance in the unit of the rounds: ln(1 + share), where 0.02 is 2%.
///
/// In logarithms, +2% and its reverse, -1.96%, are equally far, so swapping the sides changes nothing.
///
/// ```
/// assert_eq!(stats::margin(0.02)?, 0.02_f64.ln_1p());
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn margin(share: f64) -> Result<f64> {
    check_margin(share)?;
    Ok(share.ln_1p())
}
