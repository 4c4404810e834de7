//! The measuring process: builds programs, runs them, and turns their output into records.
//!
//! - [`build`] builds programs: of this tree, of another revision, in other code layouts.
//! - [`subject`] defines what can be gated: the memory's cases, the benches of another project, any worker,
//!   any command. A new subject is one implementation of a trait.
//! - [`schedule`] alternates two programs in rounds until the statistics need no more.
//! - [`lanes`] measure one side: counts, times, load, effects.
//! - [`ladder`] finds the highest rate at which a service keeps an objective.
//! - [`session`] combines all this: it measures, judges and stores for one command.
//! - [`tools`] run valgrind and criterion and parse their output; [`foreign`] reads the files of other tools.
//! - [`calibration`] tests the gate on known changes.
//! - [`served`] is what this program serves as a worker: whole processes of a command; [`words`] splits its line,
//!   [`process_group`] ends with all that it started.
//!
//! `baselines` defines what a number means and if it changed, `reports` presents it.
//!
//! Errors are [`anyhow::Result`], as no caller distinguishes them: the message names the thing, the reason and the
//! remedy.

pub mod budget;
pub mod build;
pub mod calibration;
pub mod case_command;
pub mod cores;
pub mod fixed_length_dir;
pub mod foreign;
pub mod hash;
pub mod ladder;
pub mod lanes;
pub mod noise;
pub mod process_group;
pub mod progress;
pub mod recorded;
pub mod schedule;
pub mod served;
pub mod session;
pub mod subject;
pub mod tools;
pub mod words;
pub mod workspace;
