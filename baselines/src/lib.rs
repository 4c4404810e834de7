//! What a number means, what we knew, and whether it changed.
//!
//! The glossary. Code, files and documents use these words only:
//!
//! - **benchmark**: one thing that is measured, with its workload, its size and a check of its answer.
//! - **toggle**, **strategy**: one optimisation of the memory that can be switched, and one way of doing it. `none` is a strategy.
//! - **variant**: a strategy for every toggle, always all written, in one order.
//! - **case**: a benchmark under a variant.
//! - **metric**: a quantity with a name, a unit, a direction, an assumption and a lane ([`metric`]).
//! - **sample**: the values of one metric of one case, in the order in which they were measured.
//! - **measurement**: a case, a metric and a sample, with what stands beside the number: durability class, counters, cost by function.
//! - **environment**: the machine, the toolchain and the commit that a number belongs to.
//! - **run**: an environment and its measurements, one record a line, written as they are made ([`record`]).
//! - **baseline**: a run that somebody accepted, with the reason ([`baseline`]).
//! - **delta**, **verdict**: how far a case's metric moved, and what that means ([`compare`]).
//! - **slice**, **round**: some milliseconds of work under one clock reading; the slices of a fresh process of each side, paired,
//!   which make one value ([`stats::round_value`]).
//! - **pair**: one benchmark on two sides that run alternately in one session, with its raw rounds ([`paired`]).
//! - **control**: a pair whose outcome is known: judged wrongly, the run can't be believed.
//! - **margin**: how far a shift must reach to matter, in the unit of the rounds ([`stats::margin`]).
//! - **screen**, **look**: the few rounds that pick suspects; a fixed moment at which fresh rounds are judged ([`stats`]).
//! - **policy**: how far it may move, and whether that blocks or advises ([`policy`]).
//! - **gate**: all verdicts together, as an exit code ([`gate`]).
//! - **claim**, **figure**, **finding**: what somebody promises of an optimisation, how much, and what came of it; **ledger**: all claims that were
//!   measured in one session ([`claim`]).
//! - **lane**: a group of metrics with the same noise and the same rights in the gate.
//! - **skipped**: what was not measured, and what to do about it. Never counted as passed.
//!
//! This crate measures nothing and prints nothing; it imports none of the others.

pub mod atomic;
pub mod baseline;
pub mod calibration;
pub mod cause;
pub mod claim;
pub mod compare;
pub mod environment;
mod error;
pub mod exit;
pub mod gate;
pub mod measurement;
pub mod metric;
pub mod paired;
pub mod policy;
pub mod record;
mod schema;
pub mod stats;

pub use environment::Environment;
pub use error::{Error, Result};
pub use measurement::{Case, Distrusted, Durability, FunctionCost, Measurement, Sample, Skipped};
pub use metric::{Assume, Better, Lane, Metric, Unit};
pub use record::{Header, Run, RunWriter};
