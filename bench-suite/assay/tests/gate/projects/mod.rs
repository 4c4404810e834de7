//! Whole projects that know nothing of Assay: built, counted, timed and judged. They take minutes together, so the fast
//! suite has only [`super::first_verdict`] of them, and `scripts/test --all` runs all.

mod backfill;
mod chosen;
mod divan;
mod found;
mod gungraun;
mod libtest;
mod mcp;
mod programs;
mod project;
mod served;
mod shards;
mod stored;
