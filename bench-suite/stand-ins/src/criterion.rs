//! The entrance: configuration, which is accepted, and benchmarks, which are visited.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use crate::bencher::Bencher;
use crate::configuration::{BenchmarkFilter, PlottingBackend};
use crate::id::BenchmarkId;
use crate::measurement::{Measurement, WallTime};
use crate::process::Process;
use crate::profiler::Profiler;
use crate::worker;

/// What benchmarks are given to, alone or in groups.
#[derive(Debug, Clone)]
pub struct Criterion<M: Measurement = WallTime> {
    pub(crate) measurement: M,
    pub(crate) filter: BenchmarkFilter,
}

impl Default for Criterion {
    /// The first one reads the arguments of the process.
    fn default() -> Criterion {
        Process::get();
        Criterion { measurement: WallTime, filter: BenchmarkFilter::AcceptAll }
    }
}

/// Methods whose arguments change nothing here.
macro_rules! without_effect {
    ($($name:ident($($argument:ident: $kind:ty),*)),+ $(,)*) => {
        $(
            /// Accepted, without effect.
            #[must_use]
            pub fn $name(self, $($argument: $kind),*) -> Criterion<M> {
                self
            }
        )+
    };
}

impl<M: Measurement> Criterion<M> {
    without_effect! {
        plotting_backend(_backend: PlottingBackend),
        sample_size(_samples: usize),
        warm_up_time(_time: Duration),
        measurement_time(_time: Duration),
        nresamples(_resamples: usize),
        noise_threshold(_threshold: f64),
        confidence_level(_level: f64),
        significance_level(_level: f64),
        with_plots(),
        without_plots(),
        save_baseline(_name: String),
        retain_baseline(_name: String, _is_strict: bool),
        with_output_color(_is_on: bool),
        output_directory(_path: &Path),
        profile_time(_time: Option<Duration>),
        configure_from_args(),
    }

    /// Accepted, without effect: the profiler is never called.
    #[must_use]
    pub fn with_profiler<P: Profiler + 'static>(self, _profiler: P) -> Criterion<M> {
        self
    }

    /// Replaces the measurement. It is never asked: all benchmarks are measured alike.
    pub fn with_measurement<M2: Measurement>(self, measurement: M2) -> Criterion<M2> {
        Criterion { measurement, filter: self.filter }
    }

    /// Leaves out the benchmarks whose identifier does not contain this. Criterion takes a regular expression; one that
    /// is more than plain text leaves out nothing.
    #[must_use]
    pub fn with_filter<S: Into<String>>(self, filter: S) -> Criterion<M> {
        let part = filter.into();
        let is_plain = !part.contains(|letter| r"\.+*?()|[]{}^$".contains(letter));
        self.with_benchmark_filter(match is_plain {
            true => BenchmarkFilter::Containing(part),
            false => BenchmarkFilter::AcceptAll,
        })
    }

    /// Leaves out benchmarks.
    #[must_use]
    pub fn with_benchmark_filter(mut self, filter: BenchmarkFilter) -> Criterion<M> {
        self.filter = filter;
        self
    }

    /// Says what failed up to now, and then ends the process with an error.
    pub fn final_summary(&self) {
        worker::summary();
    }

    /// A benchmark without a group.
    pub fn bench_function<F>(&mut self, id: &str, mut f: F) -> &mut Criterion<M>
    where
        F: FnMut(&mut Bencher<'_, M>),
    {
        self.visit(id, &BenchmarkId::UNNAMED, &mut f);
        self
    }

    /// A benchmark without a group, with an input.
    pub fn bench_with_input<F, I>(&mut self, id: BenchmarkId, input: &I, mut f: F) -> &mut Criterion<M>
    where
        F: FnMut(&mut Bencher<'_, M>, &I),
        I: ?Sized,
    {
        let BenchmarkId { function, parameter } = id;
        let (group, parameter) = match function {
            Some(function) => (function, parameter),
            None => (parameter.unwrap_or_default(), None),
        };
        let within = BenchmarkId { function: None, parameter };
        self.visit(&group, &within, &mut |bencher| f(bencher, black_box(input)));
        self
    }

    /// Runs a benchmark if it is the one that this process is for.
    pub(crate) fn visit(&mut self, group: &str, id: &BenchmarkId, f: &mut dyn FnMut(&mut Bencher<'_, M>)) {
        let id = id.within(group);
        if self.filter.accepts(&id) {
            worker::visit(id, None, &mut |id| {
                let mut bencher = Bencher::new(id, &self.measurement);
                f(&mut bencher);
                bencher.is_done()
            });
        }
    }
}

/// Runs benches without the macros.
#[doc(hidden)]
pub fn runner(benches: &[&dyn Fn()]) {
    worker::main(|| benches.iter().for_each(|bench| bench()));
}
