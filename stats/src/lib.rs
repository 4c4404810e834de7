//! The statistics: from slice times to a decision about a suite of benchmarks, and the change points of a history.
//!
//! One idea a file, in the order of use:
//!
//! - [`round`]: the slice times of one pair of processes become one value, ln(new/base), or the growth of a part.
//! - [`hodges_lehmann`]: the shift of many rounds, with a distribution-free interval.
//! - [`wilcoxon`]: the exact signed-rank test, of "there is no shift" or, of shifted rounds, of a limit.
//! - [`holm`]: p-values of many benchmarks, corrected for being many.
//! - [`procedure`]: the fixed rules: numbers of rounds, levels, margins.
//! - [`decision`]: the looks over a whole suite, as a pure function from rounds to next steps.
//! - [`binomial`]: bounds of a rate, for counts such as "0 red in 100 suites".
//! - [`descriptive`]: the median, and percentiles.
//! - [`exact_changes`]: the changes of a series of exact values.
//! - [`energy`]: the best place to split a series with noise; [`permutation`]: its significance; [`change_points`]: all
//!   of them, over many series.
//!
//! Everything is a pure function over `f64` slices, without clock or files; what is random has a seed. Nothing assumes
//! a normal distribution. The one assumption about noise of rounds, that the sides could be swapped, is made true by
//! the scheduler, which draws the order of every pair of slices. Means, t-tests and bootstraps are avoided: the heavy
//! tails of shared machines mislead them.

pub mod binomial;
pub mod change_points;
pub mod decision;
pub mod descriptive;
pub mod energy;
mod error;
pub mod exact_changes;
pub mod hodges_lehmann;
pub mod holm;
pub mod permutation;
pub mod procedure;
pub mod round;
pub mod wilcoxon;

pub use decision::{Decision, NextAction, PairData, PairState, next_steps};
pub use error::StatsError;
pub use hodges_lehmann::Interval;
pub use procedure::{Look, Procedure, margin};
pub use round::{growth_value, round_value};
