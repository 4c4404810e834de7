//! The configuration of a whole bench, and its start.

use std::fmt;
use std::time::Duration;

use crate::counter::{BytesCount, BytesFormat, CharsCount, CyclesCount, IntoCounter, ItemsCount};
use crate::options::BenchOptions;
use crate::{entry, worker};

/// A bench.
#[derive(Default)]
pub struct Divan {
    /// What goes before the options of benchmarks.
    pub(crate) options: BenchOptions,
    /// Benchmarks that are ignored run, too.
    pub(crate) runs_ignored: bool,
    /// The names of benchmarks that don't run.
    pub(crate) skipped: Vec<String>,
}

impl fmt::Debug for Divan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Divan").finish_non_exhaustive()
    }
}

impl Divan {
    /// With the arguments of the process, which are a worker's here.
    pub fn from_args() -> Divan {
        Divan::default()
    }

    /// Accepted, without effect: see [`Divan::from_args`].
    #[must_use]
    pub fn config_with_args(self) -> Divan {
        self
    }

    /// Does what the process is for.
    pub fn main(&self) {
        worker::main(|| entry::visit_all(self));
    }

    /// The same.
    pub fn run_benches(&self) {
        self.main();
    }

    /// The same.
    pub fn test_benches(&self) {
        self.main();
    }

    /// The same.
    pub fn list_benches(&self) {
        self.main();
    }

    /// Runs what is ignored, too.
    #[must_use]
    pub fn run_ignored(mut self) -> Divan {
        self.runs_ignored = true;
        self
    }

    /// Runs what is ignored. What is not stays.
    #[must_use]
    pub fn run_only_ignored(self) -> Divan {
        self.run_ignored()
    }

    /// Leaves out the benchmark of this name.
    #[must_use]
    pub fn skip_exact(mut self, filter: impl Into<String>) -> Divan {
        self.skipped.push(filter.into());
        self
    }

    /// Accepted, without effect.
    #[must_use]
    pub fn skip_regex<R>(self, _filter: R) -> Divan {
        self
    }

    /// Accepted, without effect.
    #[must_use]
    pub fn color(self, _yes: impl Into<Option<bool>>) -> Divan {
        self
    }

    /// Accepted, without effect.
    pub fn sample_count(self, _count: u32) -> Divan {
        self
    }

    /// Accepted, without effect.
    pub fn sample_size(self, _count: u32) -> Divan {
        self
    }

    /// The numbers of threads to run with.
    pub fn threads<T>(mut self, threads: T) -> Divan
    where
        T: IntoIterator<Item = usize>,
    {
        self.options.threads = Some(threads.into_iter().collect());
        self
    }

    /// Accepted, without effect.
    pub fn min_time(self, _time: Duration) -> Divan {
        self
    }

    /// Accepted, without effect.
    pub fn max_time(self, _time: Duration) -> Divan {
        self
    }

    /// Accepted, without effect.
    pub fn skip_ext_time(self, _skip: bool) -> Divan {
        self
    }

    /// Accepted, without effect.
    pub fn counter<C: IntoCounter>(self, _counter: C) -> Divan {
        self
    }

    /// Accepted, without effect.
    pub fn items_count<C: Into<ItemsCount>>(self, _count: C) -> Divan {
        self
    }

    /// Accepted, without effect.
    pub fn bytes_count<C: Into<BytesCount>>(self, _count: C) -> Divan {
        self
    }

    /// Accepted, without effect.
    pub fn bytes_format(self, _format: BytesFormat) -> Divan {
        self
    }

    /// Accepted, without effect.
    pub fn chars_count<C: Into<CharsCount>>(self, _count: C) -> Divan {
        self
    }

    /// Accepted, without effect.
    pub fn cycles_count<C: Into<CyclesCount>>(self, _count: C) -> Divan {
        self
    }
}
