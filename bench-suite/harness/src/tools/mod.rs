//! Runs external measuring tools and parses their output.
//!
//! - [`valgrind`] checks that it is installed, and runs a worker under it.
//! - [`callgrind`] reads callgrind's profile, [`function_costs`] attributes its costs, [`dhat`] reads DHAT's profile.
//!   [`process_profile`] counts a whole process by them.
//! - [`llvm_ir`] reads the code that rustc emits before optimisation, [`symbols`] the names in it.
//! - [`perf`] samples the stacks of running processes.
//! - [`bounded`] runs a process for a limited time.
//! - [`criterion`] runs a criterion bench and reads its samples; [`loadgen`] runs the load generator and reads its
//!   summary.

pub mod bounded;
pub mod callgrind;
pub mod criterion;
pub mod dhat;
pub mod function_costs;
pub mod llvm_ir;
pub mod loadgen;
pub mod perf;
pub mod process_profile;
pub mod symbols;
pub mod valgrind;
