//! Measures, judges and stores for one command.
//!
//! - [`plan`] holds the user's selection; [`run`] measures it on one side.
//! - [`ab`] measures two sides in one session and judges them; `two_sides` lists their cases, `match_up` matches them,
//!   and [`staged_sides`] places their programs; `choose_timed` chooses the cases that are timed, `nothing_to_measure`
//!   says when none need be, `counted_sides` counts both sides, and [`kept_counts`] keeps what was counted of a base.
//! - [`shard`] takes a part of the cases; `round_measurements` records the times of rounds.
//! - [`rulebook`] is what judges a change: the base's policy, baselines and list of cases; [`attribution`] finds out
//!   whose doing a count that got worse is.
//! - [`backfill`] measures earlier commits for the history; [`odd_runs`] finds runs of it that are like no other.
//! - [`judging`] judges a comparison; [`runs`] finds runs on the disk.

pub mod ab;
pub mod attribution;
pub mod backfill;
mod choose_timed;
mod counted_sides;
pub mod judging;
pub mod kept_counts;
mod match_up;
mod nothing_to_measure;
pub mod odd_runs;
pub mod plan;
mod round_measurements;
pub mod rulebook;
pub mod run;
pub mod runs;
pub mod shard;
pub mod staged_sides;
mod two_sides;
