//! How it is measured: the benchmarks, the processes that run them, and the `assay` command.
//!
//! - [`benchmark`] says what a benchmark is; [`benchmarks`] holds them, a workload a file; [`registry`] lists them.
//! - [`cases`] is the one list of what a plain run measures: benchmarks under variants. Criterion, callgrind, DHAT, the worker and the smoke
//!   test all read it.
//! - [`engagement`] finds out toggles that did nothing.
//! - [`runner`] starts the child processes that measure, and turns what they leave into measurements.
//! - [`pair`] alternates two programs: the time lane that judges. [`revision`] builds the base of another commit.
//! - [`phases`] are the sets of toggles that are announced together, [`claims`] what is promised of each, measured and judged.
//! - [`calibration`] is what the gate is known to get wrong and to find.
//! - [`hits`] replays workloads against cache policies.
//! - [`link`] puts distance between a client and a server, and breaks it; [`sqld`] is the server, [`remote`] both together.
//! - [`corpus`] is what the benchmarks work on.
//! - [`command`] is the `assay` command, a file a subcommand.
//!
//! What a number means and whether it changed is `baselines`' business; how it is said, `reports`'.

pub mod benchmark;
pub mod benchmarks;
pub mod calibration;
pub mod cases;
pub mod claims;
pub mod command;
pub mod corpus;
pub mod engagement;
pub mod foreign;
pub mod hits;
pub mod input;
pub mod link;
pub mod pair;
pub mod phases;
pub mod progress;
pub mod project;
pub mod registry;
pub mod remote;
pub mod revision;
pub mod runner;
pub mod sqld;
pub mod workspace;
