//! The tools that measure beside our own clocks, and what they print.
//!
//! - [`valgrind`]: whether it is there, and how a worker is started under it.
//! - [`callgrind`] reads callgrind's profile, [`attribution`] says whom an instruction belongs to, [`dhat`] reads
//!   DHAT's profile.
//! - [`criterion`] runs a criterion bench and reads its samples.

pub mod attribution;
pub mod callgrind;
pub mod criterion;
pub mod dhat;
pub mod valgrind;
