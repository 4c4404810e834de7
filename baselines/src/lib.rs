//! Numbers, what they mean, and whether they changed: metrics, records, verdicts, policy.
//!
//! The glossary. Code, files and documents use these words only:
//!
//! - **benchmark**: one thing that is measured, with its workload, its size and a check of its answer.
//! - **toggle**, **strategy**: one optimisation of the memory that can be switched, and one way of doing it. `none` is
//!   a strategy.
//! - **variant**: a strategy for every toggle, all written, in a fixed order.
//! - **case**: a benchmark under a variant. Records name it by its [`CaseKey`].
//! - **metric**: a quantity with a name, a unit, a direction, an assumption and a lane ([`metric`]).
//! - **sample**: the values of one metric of one case, in the order of measuring.
//! - **measurement**: a case, a metric and a sample, with durability class, counters and costs by function.
//! - **environment**: the machine, the toolchain and the commit of a number.
//! - **run**: an environment and its measurements, one record per line, written as they are made ([`record`]).
//! - **skipped**, **invalid**: entries of a run for things that were not measured, or can't be believed. Neither counts
//!   as passed.
//! - **baseline**: a run that somebody accepted with a reason ([`baseline`]).
//! - **delta**, **verdict**: the change of a case's metric, and its meaning ([`delta`]).
//! - **doing**: whose a change is: your code's, a dependency's, the toolchain's, or only the compiler's ([`doing`]).
//! - **slice**: some milliseconds of work under one clock reading.
//! - **round**: a fresh process of each side, with paired slices. It makes one value ([`stats::round_value`]).
//! - **pair**: one benchmark on two sides that run alternately in one session, with its raw rounds ([`paired`]).
//! - **control**: a pair with a known outcome. If it is judged wrongly, the run can't be believed.
//! - **limit**, **tolerance**: the change that is allowed, beyond which a proven one blocks; the change that must be
//!   ruled out, or nothing passes ([`policy`]). In the unit of the rounds, either is a *margin* ([`stats::margin`]).
//! - **bound**: the most by which a case may have got worse; what is beyond it is *ruled out* ([`mod@ruled_out`]).
//! - **look**, **screen**: a fixed moment at which rounds are judged; the rounds of the first, which only picks
//!   ([`stats`]).
//! - **policy**: limits and tolerances, and whether more blocks or advises ([`policy`]).
//! - **exception**, **redefinition**: a change of a metric, or of what a benchmark means, that the policy accepts until
//!   a day.
//! - **shard**: one of several parts of a gate, measured on a machine of its own ([`shard`]); all are judged together
//!   ([`merge`]).
//! - **rulebook**: what judges a change: the base's policy, stored baseline and list of cases.
//! - **gate**: all verdicts together, as an exit code ([`gate`]).
//! - **undecided**: a gate whose evidence neither shows a regression nor rules it out. Never green.
//! - **calibration**, **suite**: the gate measured on cases whose truth is known; all its cases once ([`calibration`]).
//! - **claim**, **target**, **claim report**: a promise about an optimisation, the promised value, and all claims of a
//!   session with their verdicts ([`claim`]).
//! - **call stacks**: the cost of a case by stack of functions ([`CallStacks`]).
//! - **history**, **series**, **point**: the exact metrics of many commits; the values of one metric of one case,
//!   commit by commit; one of them ([`history`]). To **backfill** is to measure earlier commits.
//! - **change point**, **drift**: a place where a series changed; many small changes that add up to one
//!   ([`stats::exact_changes`] of exact values, else [`stats::change_points`]).
//! - **odd run**: a run that moved most benchmarks at once, and that no other run of the history is like
//!   ([`history::OddRun`]).
//! - **lane**: a group of metrics with the same noise and the same rights in the gate.
//!
//! This crate measures nothing, prints nothing of its own ([`mod@stdout`] is for the commands), and imports no other
//! crate of the workspace but [`stats`].

pub mod atomic;
pub mod baseline;
pub mod calibration;
pub mod cause;
pub mod claim;
pub mod compare;
pub mod delta;
pub mod doing;
pub mod environment;
mod error;
pub mod exit_code;
pub mod gate;
pub mod hash;
pub mod history;
pub mod measurement;
pub mod merge;
pub mod metric;
pub mod paired;
pub mod policy;
pub mod record;
pub mod ruled_out;
mod schema;
pub mod shard;
mod stacks;
pub mod stdout;

pub use environment::Environment;
pub use error::{Error, Result};
pub use measurement::{CaseKey, Durability, FunctionCost, InvalidEntry, Measurement, Sample, Skipped};
pub use metric::{Assume, Better, Lane, Metric, Unit};
pub use record::{JudgedBy, Run, RunHeader, RunWriter};
pub use stacks::CallStacks;
