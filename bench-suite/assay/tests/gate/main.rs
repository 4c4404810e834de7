//! Tests of the command and its gate, in one binary: linking it is most of their cost.

mod base;
mod ci;
mod commands;
mod doing;
mod first_verdict;
mod fooled;
mod history;
mod judge;
mod large;
mod mutants;
mod planted;
mod plants;
mod projects;
mod shell;
mod soak;
mod source;
mod support;
mod waiting_plants;
