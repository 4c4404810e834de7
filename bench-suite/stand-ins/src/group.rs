//! Groups of benchmarks.

use std::hint::black_box;
use std::time::Duration;

use crate::bencher::Bencher;
use crate::configuration::{PlotConfiguration, SamplingMode, Throughput};
use crate::criterion::Criterion;
use crate::id::IntoBenchmarkId;
use crate::measurement::{Measurement, WallTime};

/// Benchmarks with a common name and configuration.
#[derive(Debug)]
pub struct BenchmarkGroup<'a, M: Measurement = WallTime> {
    criterion: &'a mut Criterion<M>,
    name: String,
}

impl<M: Measurement> Criterion<M> {
    /// Begins a group.
    ///
    /// # Panics
    /// The name is empty.
    pub fn benchmark_group<S: Into<String>>(&mut self, group_name: S) -> BenchmarkGroup<'_, M> {
        let name = group_name.into();
        assert!(!name.is_empty(), "a group needs a name");
        BenchmarkGroup { criterion: self, name }
    }
}

/// Methods whose arguments change nothing here.
macro_rules! without_effect {
    ($($name:ident($argument:ident: $kind:ty)),+ $(,)*) => {
        $(
            /// Accepted, without effect.
            pub fn $name(&mut self, $argument: $kind) -> &mut Self {
                self
            }
        )+
    };
}

impl<'a, M: Measurement> BenchmarkGroup<'a, M> {
    without_effect! {
        sample_size(_samples: usize),
        warm_up_time(_time: Duration),
        measurement_time(_time: Duration),
        nresamples(_resamples: usize),
        noise_threshold(_threshold: f64),
        confidence_level(_level: f64),
        significance_level(_level: f64),
        plot_config(_configuration: PlotConfiguration),
        throughput(_throughput: Throughput),
        sampling_mode(_mode: SamplingMode),
    }

    /// A benchmark of the group.
    pub fn bench_function<ID: IntoBenchmarkId, F>(&mut self, id: ID, mut f: F) -> &mut Self
    where
        F: FnMut(&mut Bencher<'_, M>),
    {
        self.criterion.visit(&self.name, &id.into_benchmark_id(), &mut f);
        self
    }

    /// A benchmark of the group, with an input.
    pub fn bench_with_input<ID: IntoBenchmarkId, F, I>(&mut self, id: ID, input: &I, mut f: F) -> &mut Self
    where
        F: FnMut(&mut Bencher<'_, M>, &I),
        I: ?Sized,
    {
        let id = id.into_benchmark_id();
        self.criterion.visit(&self.name, &id, &mut |bencher| f(bencher, black_box(input)));
        self
    }

    /// Ends the group.
    pub fn finish(self) {}
}
