//! The command and its gate, one binary: linking it is most of what these tests cost.

mod base;
mod commands;
mod large;
mod mutants;
mod planted;
mod plants;
mod soak;
mod support;
