//! Tests of the command and its gate, in one binary: linking it is most of their cost.

mod base;
mod chosen;
mod ci;
mod commands;
mod divan;
mod doing;
mod fooled;
mod gungraun;
mod history;
mod judge;
mod large;
mod libtest;
mod mcp;
mod mutants;
mod planted;
mod plants;
mod programs;
mod project;
mod served;
mod shards;
mod shell;
mod soak;
mod source;
mod stored;
mod support;
mod waiting_plants;
