//! The claims: what two planning documents promise of each optimisation, measured with the lane that can tell, and
//! judged.
//!
//! - [`definition`] reads `claims.toml`: what is claimed, of which metric, on which benchmark or workload, between
//!   which variants.
//! - [`time`] alternates two variants in fresh processes; [`counts`] counts exactly under valgrind; [`effect`] reads
//!   what strategies counted; [`remote`] measures on a server at a distance; [`hits`] replays workloads against caches;
//!   [`http`] counts the bytes between a client and our server.
//! - [`measure`] has each claim measured by its lane, and puts the ledger together.
//!
//! What a measurement means for a claim is decided by [`baselines::claim`], and how the ledger is said by
//! `reports::ledger`.
//!
//! What can fail returns [`anyhow::Result`]: the message names the thing, the reason and the remedy, and no caller
//! decides by the kind of error.

pub mod counts;
pub mod definition;
pub mod effect;
pub mod hits;
pub mod http;
pub mod measure;
pub mod phases;
pub mod remote;
pub mod time;

pub use definition::{Claim, ClaimLane, Part};
