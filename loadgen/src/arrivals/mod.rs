//! The pace of a run: the arrivals of sessions, and the starts of the requests within.
//!
//! - [`schedule`]: the seeded schedule.
//! - [`swing`]: a rate that rises and falls.
//! - [`mix`]: the sessions among which it draws.
//! - [`shard`]: the part of one of several generators.

pub mod mix;
pub mod schedule;
pub mod shard;
pub mod swing;

#[cfg(test)]
mod goodness;
