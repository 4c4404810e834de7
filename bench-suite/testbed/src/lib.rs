//! A database server, and a slow or breaking link to it, for remote benchmarks. Their CPU time counts for no case.
//!
//! [`sqld`] starts the server, [`link`] puts distance and faults in front of it, [`site`] combines both for benchmarks.
//!
//! Errors are [`anyhow::Result`], as no caller distinguishes them: the message names the thing, the reason and the
//! remedy.

pub mod link;
pub mod site;
pub mod sqld;
