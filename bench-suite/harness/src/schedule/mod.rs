//! Runs two programs in alternating rounds: the time lane whose results are judged.
//!
//! - [`worker_program`] is what runs in a round; [`worker_client`] speaks the worker protocol with its process, which
//!   has [`deadlines`], and `clocks` compares its clocks with the system's.
//! - [`jobs`] builds the pairs, with controls.
//! - [`round`] runs a fresh process for each side, alternating slices; [`placement`] draws their core and heap offset.
//! - [`scheduler`] measures rounds until the statistics need no more.
//!
//! `baselines::paired` judges the rounds. The two sides of a round never run at the same time, as that would measure
//! the cores.

mod clocks;
pub mod deadlines;
pub mod jobs;
pub mod placement;
pub mod round;
pub mod scheduler;
pub mod worker_client;
pub mod worker_program;
