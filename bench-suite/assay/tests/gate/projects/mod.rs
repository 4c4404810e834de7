//! Whole projects that know nothing of Assay: built, counted, timed and judged. They take minutes together, so the fast
//! suite leaves them out, and `scripts/test --all` runs them.

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
