//! The statistics of the time lane: from slice times to a decision about a suite of benchmarks.
//!
//! One idea a file, in the order of use:
//!
//! - [`round`]: the slice times of one pair of processes become one value, ln(B/A).
//! - [`hodges_lehmann`]: the shift that many rounds show, with a distribution-free interval.
//! - [`wilcoxon`]: the exact signed-rank test of "there is no shift".
//! - [`holm`]: p-values of many benchmarks, corrected for being many.
//! - [`procedure`]: the fixed rules: how many rounds, which levels, which margin.
//! - [`decision`]: the two stages over a whole suite, as a pure function from rounds to next steps.
//! - [`binomial`]: what "0 red in 100 suites" says about the true rate.
//! - [`descriptive`]: median, quantile, spread.
//!
//! Everything is a pure function over `f64` slices: no clock, no randomness, no file. Nothing assumes a normal
//! distribution; what is assumed of the noise (that labels A and B could be swapped) is brought about by the
//! conductor, which draws the order of every pair of slices. Left out on purpose: means, t-tests and bootstraps, which
//! the heavy tails of shared machines mislead, and anything that looks at the data before it chooses a rule.

pub mod binomial;
pub mod decision;
pub mod descriptive;
pub mod hodges_lehmann;
pub mod holm;
pub mod procedure;
pub mod round;
pub mod wilcoxon;

pub use decision::{Action, Benchmark, Decision, Step, next_steps};
pub use hodges_lehmann::Interval;
pub use procedure::{Look, Procedure, margin};
pub use round::round_value;

/// What cannot be computed, and what to do instead.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Nothing was measured: no statement can follow, least of all a green one.
    #[error("no values to judge: measure at least one")]
    Empty,
    /// A value that is infinite or not a number.
    #[error("value {index} is {value}: discard the run, every value must be finite")]
    NotFinite {
        /// Its position.
        index: usize,
        /// What stood there.
        value: f64,
    },
    /// A probability, confidence, level or share outside its range.
    #[error("{name} is {value}: give a number between 0 and 1")]
    NotAProbability {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// More values than the exact distribution is computed for.
    #[error("{given} values for an exact test: give at most {limit}")]
    TooMany {
        /// How many were given.
        given: usize,
        /// The most that are accepted.
        limit: usize,
    },
    /// Too few rounds: even the widest interval would not have the confidence.
    #[error("{given} rounds cannot carry an interval of {confidence}: measure at least {needed}")]
    TooFewRounds {
        /// How many there are.
        given: usize,
        /// How many the confidence takes.
        needed: usize,
        /// The confidence asked for.
        confidence: f64,
    },
    /// The two sides of a round do not pair up.
    #[error("{base} slices of the base and {new} of the new side: measure them in pairs")]
    Unpaired {
        /// Slices of A.
        base: usize,
        /// Slices of B.
        new: usize,
    },
    /// A slice that took no time, negative time, or no number of it.
    #[error(
        "slice {index} of the {side} side took {time_ns} ns: the clock stands still or runs backwards, discard the run"
    )]
    Clock {
        /// `base` or `new`.
        side: &'static str,
        /// The pair it belongs to.
        index: usize,
        /// What the clock said, in nanoseconds.
        time_ns: f64,
    },
    /// Every slice of a round took the same time to the last digit, which no working clock reports.
    #[error("all {slices} slices of a round took exactly {time_ns} ns: the clock stands still, discard the run")]
    FrozenClock {
        /// Slices of both sides together.
        slices: usize,
        /// The one time, in nanoseconds.
        time_ns: f64,
    },
    /// More successes than trials.
    #[error("{successes} of {trials} trials: count no more successes than trials, and at least one trial")]
    Trials {
        /// Successes.
        successes: u64,
        /// Trials.
        trials: u64,
    },
    /// A margin that is not a positive finite number: with it everything or nothing would be equal.
    #[error("a margin of {value}: give a positive share, as in 0.02 for 2%")]
    Margin {
        /// What was given.
        value: f64,
    },
    /// A procedure that contradicts itself.
    #[error("the procedure {problem}")]
    Procedure {
        /// What is wrong, and what it should be.
        problem: String,
    },
    /// Something is wrong with one benchmark of a suite.
    #[error("benchmark {index} of the suite: {source}")]
    Benchmark {
        /// Its position in the suite.
        index: usize,
        /// What is wrong.
        source: Box<Error>,
    },
}

/// The result of a statistic.
pub type Result<T> = std::result::Result<T, Error>;

/// Refuses an empty slice, and one with a value that is not finite.
pub(crate) fn check_finite(values: &[f64]) -> Result<()> {
    if values.is_empty() {
        return Err(Error::Empty);
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Error::NotFinite { index, value: values[index] }),
        None => Ok(()),
    }
}

/// Refuses what does not lie strictly between 0 and 1.
pub(crate) fn check_open_unit(name: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(Error::NotAProbability { name, value }) }
}
