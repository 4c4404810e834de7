//! The process that measures: it builds programs, starts them, and turns what they leave into records.
//!
//! - [`build`] makes programs: of this tree, of another revision, in other layouts of their code.
//! - [`subject`] is what can be gated: the memory's cases, or a criterion bench of another project. A new subject is
//!   one implementation of a trait.
//! - [`schedule`] alternates two programs in rounds, until the statistics need no more of them.
//! - [`lanes`] measure one side: counts, times, load, effects.
//! - [`session`] puts all of this together: what is measured, judged and kept by one command.
//! - [`tools`] run valgrind and criterion and read what they print; [`foreign`] reads what other tools left.
//! - [`calibration`] tries the gate on what is known.
//!
//! What a number means and whether it changed is `baselines`' business; how it is said, `reports`'.
//!
//! What can fail returns [`anyhow::Result`]: the message names the thing, the reason and the remedy, and no caller
//! decides by the kind of error.

pub mod background_load;
pub mod build;
pub mod calibration;
pub mod fixed_length_dir;
pub mod foreign;
pub mod lanes;
pub mod progress;
pub mod recorded;
pub mod schedule;
pub mod session;
pub mod subject;
pub mod tools;
pub mod workspace;
