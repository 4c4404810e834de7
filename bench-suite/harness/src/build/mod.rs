//! Builds programs.
//!
//! - [`cargo`] builds the programs of this tree.
//! - [`base`] chooses the revision to compare with; [`checkout`] builds and caches a program at a revision, by a key of
//!   everything that changes it ([`toolchain`], or another one for a [`missing_toolchain`]); `cached_build` is one on
//!   the disk, and [`prefill`] reuses compiled libraries for it. [`files`] copies and compares; [`same_program`] tells
//!   if two builds are one program; [`in_place`] builds what runs among the files of its source, and [`pristine`] keeps
//!   these as they were; [`left_out`] says why a target gives no program.
//! - [`metadata`] asks cargo about other workspaces; [`lock_file`] has it choose versions; [`stand_in`] puts the
//!   stand-ins for their harnesses in place, with the [`shared_features`] of criterion, and [`libtest`] the one for
//!   libtest.
//! - [`relink`] links a program again with its functions in another order, which [`order`] draws; [`layouts`] does so
//!   for every round.
//! - [`crate_identity`] keeps a package's version out of the names of its symbols.
//! - [`machine_code`] compares two programs function by function.
//! - [`unoptimised`] builds a program once more, to see what it executes before optimisation.

pub mod base;
mod cached_build;
pub mod cargo;
pub mod checkout;
pub mod crate_identity;
pub mod files;
pub mod git;
pub mod in_place;
pub mod layouts;
pub mod left_out;
pub mod libtest;
pub mod lock_file;
pub mod machine_code;
pub mod metadata;
pub mod missing_toolchain;
pub mod order;
mod partial_clone;
pub mod prefill;
pub mod pristine;
pub mod relink;
pub mod same_program;
mod shared_features;
pub mod stand_in;
pub mod toolchain;
pub mod unoptimised;
