//! The pace of a run: the arrivals of sessions, and the starts of the requests within.
//!
//! - [`schedule`]: the seeded schedule.
//! - [`mix`]: the sessions among which it draws.
//! - [`shard`]: the part of one of several generators.

pub mod mix;
pub mod schedule;
pub mod shard;

#[cfg(test)]
mod goodness;
