//! The options of a benchmark, of a group, and of the whole bench. Only `ignore` and `threads` change what runs.

use std::borrow::Cow;
use std::time::Duration;

use crate::counter::CounterSet;

/// Options; those that nobody gave are absent.
#[derive(Debug, Clone, Default)]
pub struct BenchOptions {
    /// Without effect.
    pub sample_count: Option<u32>,
    /// Without effect.
    pub sample_size: Option<u32>,
    /// The numbers of threads to run with; 0 stands for all cores.
    pub threads: Option<Cow<'static, [usize]>>,
    /// Without effect.
    pub counters: CounterSet,
    /// Without effect.
    pub min_time: Option<Duration>,
    /// Without effect.
    pub max_time: Option<Duration>,
    /// Without effect.
    pub skip_ext_time: Option<bool>,
    /// It is not run, unless it is asked for.
    pub ignore: Option<bool>,
}

impl BenchOptions {
    /// These, and what they don't say from others.
    pub fn or(mut self, other: &BenchOptions) -> BenchOptions {
        self.threads = self.threads.or_else(|| other.threads.clone());
        self.ignore = self.ignore.or(other.ignore);
        self
    }

    /// The numbers of threads, each once.
    pub fn thread_counts(&self) -> Vec<usize> {
        let mut counts = self.threads.as_deref().unwrap_or_default().to_vec();
        counts.sort_unstable();
        counts.dedup();
        match counts.is_empty() {
            true => vec![1],
            false => counts,
        }
    }
}
