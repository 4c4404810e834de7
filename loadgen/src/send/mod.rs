//! Sending requests at their times.
//!
//! - [`http`]: the client; [`mcp`]: of tools, over it or over [`stdio`].
//! - [`timer`]: waiting, exact to the tenth of a millisecond.
//! - [`player`]: a run: its clock, its users' sessions, and the records of the requests.

pub mod http;
pub mod mcp;
pub mod player;
pub mod stdio;
pub mod timer;
