//! Sending requests at their times.
//!
//! - [`http`]: the client.
//! - [`timer`]: waiting, exact to the tenth of a millisecond.
//! - [`player`]: a run: its clock, its users' sessions, and the records of the requests.

pub mod http;
pub mod player;
pub mod timer;
