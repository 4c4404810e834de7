//! Two programs, alternating: the time lane that judges.
//!
//! - [`protocol`] is what a worker and its conductor say to each other, a JSON record a line.
//! - [`worker`] is the conductor's end of one worker process: every answer has a deadline.
//! - [`serve`] is the worker's end.
//! - [`round`] is a fresh process of each side, slice beside slice.
//! - [`place`] is where both of them run, and where their data lies.
//! - [`layouts`] is where the code of both of them lies, another for every round where two builds are compared.
//! - [`conductor`] measures rounds until the statistics need no more.
//! - [`jobs`] says what is paired, controls included.
//!
//! What the rounds mean is `baselines::paired`'s business. Left out on purpose: the two sides of a round at the same time, on a core each, which would
//! measure the cores.

pub mod conductor;
pub mod jobs;
pub mod layouts;
pub mod place;
pub mod protocol;
pub mod round;
pub mod serve;
pub mod worker;
