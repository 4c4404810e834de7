//! Measures and judges what two planning documents promise of each optimisation.
//!
//! - [`definition`] reads `claims.toml`: each claim's metric, benchmark or workload, variants and figure.
//! - [`time`] alternates two variants in fresh processes; [`counts`] counts exactly under valgrind; [`effect`] reads
//!   the strategies' counters; [`remote`] measures on a server at a distance; [`hits`] replays workloads against
//!   caches; [`http`] counts the bytes between a client and our server.
//! - [`each_toggle`]: the variants between two phases, one toggle at a time.
//! - [`change`] reads and judges claims in a change's own words.
//! - [`measure`] measures each claim by its lane, and builds the report.
//!
//! [`baselines::claim`] judges a claim by its measurement, and `reports::claims` renders the report.
//!
//! Errors are [`anyhow::Result`], as no caller distinguishes them: the message names the thing, the reason and the
//! remedy.

pub mod change;
pub mod counts;
pub mod definition;
pub mod each_toggle;
pub mod effect;
pub mod hits;
pub mod http;
pub mod measure;
pub mod phases;
pub mod remote;
pub mod time;

pub use definition::{Claim, ClaimLane, Part};
