//! Programs, and how they are made.
//!
//! - [`cargo`] builds the programs of this tree.
//! - [`checkout`] builds one program at another revision, and keeps it; [`prefill`] spares it the libraries that are
//!   built already.
//! - [`relink`] links a program again with its functions in another order; [`layouts`] does so for every round.

pub mod cargo;
pub mod checkout;
pub mod git;
pub mod layouts;
pub mod prefill;
pub mod relink;
