//! The errors of the statistics.

/// A statistic that can't be computed, and the remedy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatsError {
    /// Nothing was measured, so no verdict can follow.
    #[error("no values to judge: measure at least one")]
    Empty,
    /// A value that is infinite or not a number.
    #[error("value {index} is {value}: discard the run, every value must be finite")]
    NotFinite {
        /// Its position.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A probability, confidence, level or share outside its range.
    #[error("{name} is {value}: give a number between 0 and 1")]
    NotAProbability {
        /// The parameter.
        name: &'static str,
        /// The value.
        value: f64,
    },
    /// More values than the exact distribution is computed for.
    #[error("{given} values for an exact test: give at most {limit}")]
    TooMany {
        /// The number given.
        given: usize,
        /// The most that are accepted.
        limit: usize,
    },
    /// Too few rounds: even the widest interval would not have the confidence.
    #[error("{given} rounds cannot carry an interval of {confidence}: measure at least {needed}")]
    TooFewRounds {
        /// The number given.
        given: usize,
        /// The number that the confidence takes.
        needed: usize,
        /// The confidence asked for.
        confidence: f64,
    },
    /// The two sides of a round do not pair up.
    #[error("{base} slices of the base and {new} of the new side: measure them in pairs")]
    Unpaired {
        /// Slices of the base.
        base: usize,
        /// Slices of the new side.
        new: usize,
    },
    /// A slice that took no time, negative time, or not a number.
    #[error(
        "slice {index} of the {side} side took {time_ns} ns: the clock stands still or runs backwards, discard the run"
    )]
    Clock {
        /// `base` or `new`.
        side: &'static str,
        /// The slice's position.
        index: usize,
        /// The time by the clock, in nanoseconds.
        time_ns: f64,
    },
    /// Every slice of a round took exactly the same time, which no working clock reports.
    #[error("all {slices} slices of a round took exactly {time_ns} ns: the clock stands still, discard the run")]
    FrozenClock {
        /// Slices of both sides together.
        slices: usize,
        /// The time in nanoseconds.
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
    /// A margin that is not positive and finite: everything or nothing would be equal.
    #[error("a margin of {0}: give a positive share, as in 0.02 for 2%")]
    Margin(f64),
    /// A tolerance below the limit: what is allowed could not pass.
    #[error("a tolerance of {tolerance} below the limit of {limit}: tolerate at least what is allowed")]
    Tolerance {
        /// The limit.
        limit: f64,
        /// The tolerance.
        tolerance: f64,
    },
    /// A procedure that contradicts itself: the fault and the remedy.
    #[error("the procedure {0}")]
    Procedure(String),
    /// An error in one benchmark of a suite.
    #[error("benchmark {index} of the suite: {source}")]
    Benchmark {
        /// Its position in the suite.
        index: usize,
        /// The error.
        source: Box<StatsError>,
    },
}

/// The result of a statistic.
pub(crate) type Result<T> = std::result::Result<T, StatsError>;

/// Refuses an empty slice, and one with a value that is not finite.
pub(crate) fn check_finite(values: &[f64]) -> Result<()> {
    if values.is_empty() {
        return Err(StatsError::Empty);
    }
    check_all_finite(values)
}

/// Refuses a value that is not finite.
pub(crate) fn check_all_finite<'a>(values: impl IntoIterator<Item = &'a f64>) -> Result<()> {
    match values.into_iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((index, &value)) => Err(StatsError::NotFinite { index, value }),
        None => Ok(()),
    }
}

/// Refuses a margin that is not positive and finite.
pub(crate) fn check_margin(margin: f64) -> Result<()> {
    if margin > 0.0 && margin.is_finite() { Ok(()) } else { Err(StatsError::Margin(margin)) }
}

/// Refuses a value that is not strictly between 0 and 1.
pub(crate) fn check_open_unit(name: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(StatsError::NotAProbability { name, value }) }
}
