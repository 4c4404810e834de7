//! The arguments that select the measurements.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use baselines::Lane;
use clap::Args;
use harness::session::plan::Selection;

/// The selection.
#[derive(Debug, Clone, Args)]
pub struct SelectionArgs {
    /// Only benchmarks and variants that contain this text
    pub filter: Option<String>,

    /// Only these lanes; may be repeated [default: counts, time, load]
    #[arg(long, value_name = "LANE")]
    pub lane: Vec<Lane>,

    /// Override a toggle in the list of cases; may be repeated
    #[arg(long, value_name = "TOGGLE=STRATEGY")]
    pub set: Vec<String>,

    /// Count every case this often, each time with another path and size of the environment
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeat: u32,

    /// Use the episodes of this corpus file [default: generated from the seed]
    #[arg(long, value_name = "FILE")]
    pub corpus: Option<PathBuf>,

    /// The seed of the input
    #[arg(long, default_value_t = workloads::input::SEED)]
    pub seed: u64,

    /// Repeat the orders and layouts of rounds that a run's header names [default: drawn]
    #[arg(long, value_name = "SEED")]
    pub rounds_seed: Option<u64>,
}

impl SelectionArgs {
    /// Refuses what only the reference memory has, where something else is measured.
    pub fn refuse_of_memory_if(&self, others: bool) -> Result<()> {
        ensure!(
            !others || self.set.is_empty() && self.corpus.is_none(),
            "`--set` and `--corpus` choose toggles and episodes of the reference memory, which is not measured here: \
                leave them out"
        );
        Ok(())
    }

    /// The arguments as a selection.
    pub fn selection(&self) -> Selection {
        let SelectionArgs { filter, lane, set, repeat, corpus, seed, rounds_seed } = self.clone();
        Selection { filter, lanes: lane, set, repeat, corpus, seed, rounds_seed, shard: None }
    }

    /// True if some of the cases are selected.
    pub fn is_partial(&self) -> bool {
        self.filter.is_some() || !self.set.is_empty()
    }
}
