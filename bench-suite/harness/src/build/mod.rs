//! Builds programs.
//!
//! - [`cargo`] builds the programs of this tree.
//! - [`checkout`] builds and caches a program at another revision; [`prefill`] reuses compiled libraries for it.
//! - [`relink`] links a program again with its functions in another order; [`layouts`] does so for every round.
//! - [`unoptimised`] builds a program once more, to see what it executes before optimisation.

pub mod cargo;
pub mod checkout;
pub mod git;
pub mod layouts;
pub mod prefill;
pub mod relink;
pub mod unoptimised;
