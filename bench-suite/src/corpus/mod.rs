//! What the benchmarks and the load run on: whole episodes, imported from real agents or generated from a seed.
//!
//! - [`mod@import`] reads SWE-agent trajectories.
//! - [`mod@generate`] makes episodes that are shaped like the imported ones, for a machine that has none.
//! - [`mod@shape`] measures a corpus, and shows how near two of them are.
//!
//! The file format is `memory::corpus`: this module reads no corpus files and writes none, and it prints nothing.

pub mod generate;
pub mod import;
pub mod shape;
