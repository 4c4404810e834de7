//! Two programs, alternating in rounds: the time lane that judges.
//!
//! - [`program`] is what takes part; [`worker_client`] one that speaks the worker protocol.
//! - [`jobs`] says what is paired, controls included.
//! - [`round`] is a fresh process of each side, whose slices alternate; [`placement`] is where both run, and where
//!   their data lies.
//! - [`scheduler`] measures rounds until the statistics need no more.
//!
//! What the rounds mean is `baselines::paired`'s business. The two sides of a round never run at the same time: that
//! would measure the cores.

pub mod jobs;
pub mod placement;
pub mod program;
pub mod round;
pub mod scheduler;
pub mod worker_client;
