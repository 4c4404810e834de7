//! What criterion 0.3 still had from 0.2: groups that are values.

use std::fmt::Debug;
use std::time::Duration;

use crate::bencher::Bencher;
use crate::configuration::{PlotConfiguration, SamplingMode, Throughput};
use crate::criterion::Criterion;
use crate::id::BenchmarkId;
use crate::measurement::{Measurement, WallTime};

/// A function of an old group.
type Function<M, T> = Box<dyn FnMut(&mut Bencher<'_, M>, &T)>;

/// Functions that are compared with each other.
pub struct Benchmark<M: Measurement = WallTime> {
    functions: Vec<(String, Function<M, ()>)>,
}

/// Functions that are compared with each other at some parameters.
pub struct ParameterizedBenchmark<T: Debug, M: Measurement = WallTime> {
    functions: Vec<(String, Function<M, T>)>,
    parameters: Vec<T>,
}

/// A function with a name, for [`Criterion::bench_functions`].
pub struct Fun<I: Debug, M: Measurement + 'static = WallTime> {
    name: String,
    function: Function<M, I>,
}

impl<I: Debug, M: Measurement + 'static> Fun<I, M> {
    /// Names a function.
    pub fn new<F>(name: &str, function: F) -> Fun<I, M>
    where
        F: FnMut(&mut Bencher<'_, M>, &I) + 'static,
    {
        Fun { name: name.to_owned(), function: Box::new(function) }
    }
}

/// Methods whose arguments change nothing here.
macro_rules! without_effect {
    ($($name:ident($argument:ident: $kind:ty)),+ $(,)*) => {
        $(
            /// Accepted, without effect.
            #[must_use]
            pub fn $name(self, $argument: $kind) -> Self {
                self
            }
        )+
    };
}

macro_rules! configuration_without_effect {
    () => {
        without_effect! {
            sample_size(_samples: usize),
            warm_up_time(_time: Duration),
            measurement_time(_time: Duration),
            nresamples(_resamples: usize),
            noise_threshold(_threshold: f64),
            confidence_level(_level: f64),
            significance_level(_level: f64),
            plot_config(_configuration: PlotConfiguration),
            sampling_mode(_mode: SamplingMode),
        }
    };
}

impl<M: Measurement + 'static> Benchmark<M> {
    configuration_without_effect! {}

    without_effect! { throughput(_throughput: Throughput) }

    /// A group of one function.
    pub fn new<S: Into<String>, F>(id: S, f: F) -> Benchmark<M>
    where
        F: FnMut(&mut Bencher<'_, M>) + 'static,
    {
        Benchmark { functions: Vec::new() }.with_function(id, f)
    }

    /// One function more.
    #[must_use]
    pub fn with_function<S: Into<String>, F>(mut self, id: S, mut f: F) -> Benchmark<M>
    where
        F: FnMut(&mut Bencher<'_, M>) + 'static,
    {
        self.functions.push((id.into(), Box::new(move |bencher, ()| f(bencher))));
        self
    }
}

impl<T: Debug + 'static, M: Measurement + 'static> ParameterizedBenchmark<T, M> {
    configuration_without_effect! {}

    /// A group of one function and its parameters.
    pub fn new<S: Into<String>, F, I>(id: S, f: F, parameters: I) -> ParameterizedBenchmark<T, M>
    where
        F: FnMut(&mut Bencher<'_, M>, &T) + 'static,
        I: IntoIterator<Item = T>,
    {
        let parameters = parameters.into_iter().collect();
        ParameterizedBenchmark { functions: Vec::new(), parameters }.with_function(id, f)
    }

    /// One function more.
    #[must_use]
    pub fn with_function<S: Into<String>, F>(mut self, id: S, f: F) -> ParameterizedBenchmark<T, M>
    where
        F: FnMut(&mut Bencher<'_, M>, &T) + 'static,
    {
        self.functions.push((id.into(), Box::new(f)));
        self
    }

    /// Accepted, without effect.
    #[must_use]
    pub fn throughput<F: Fn(&T) -> Throughput + 'static>(self, _throughput: F) -> ParameterizedBenchmark<T, M> {
        self
    }
}

/// Groups that are values.
pub trait BenchmarkDefinition<M: Measurement = WallTime> {
    /// Visits the benchmarks of the group.
    fn run(self, group: &str, criterion: &mut Criterion<M>);
}

/// The function's part of an identifier: none where a group is one function of the same name.
fn name_in(group: &str, functions: usize, name: &str) -> Option<String> {
    (functions > 1 || group != name).then(|| name.to_owned())
}

impl<M: Measurement + 'static> BenchmarkDefinition<M> for Benchmark<M> {
    fn run(self, group: &str, criterion: &mut Criterion<M>) {
        let number = self.functions.len();
        for (name, mut function) in self.functions {
            let id = BenchmarkId { function: name_in(group, number, &name), parameter: None };
            criterion.visit(group, &id, &mut |bencher| function(bencher, &()));
        }
    }
}

impl<T: Debug + 'static, M: Measurement + 'static> BenchmarkDefinition<M> for ParameterizedBenchmark<T, M> {
    fn run(self, group: &str, criterion: &mut Criterion<M>) {
        let (number, parameters) = (self.functions.len(), self.parameters);
        for (name, mut function) in self.functions {
            for value in &parameters {
                let parameter = (parameters.len() > 1 || number == 1).then(|| format!("{value:?}"));
                let id = BenchmarkId { function: name_in(group, number, &name), parameter };
                criterion.visit(group, &id, &mut |bencher| function(bencher, value));
            }
        }
    }
}

impl<M: Measurement + 'static> Criterion<M> {
    /// Visits the benchmarks of an old group.
    #[doc(hidden)]
    pub fn bench<S: Into<String>, B: BenchmarkDefinition<M>>(&mut self, group_id: S, benchmark: B) -> &mut Self {
        benchmark.run(&group_id.into(), self);
        self
    }

    /// Functions at one input.
    #[doc(hidden)]
    pub fn bench_functions<I: Debug + 'static>(&mut self, id: &str, funs: Vec<Fun<I, M>>, input: I) -> &mut Self {
        let functions = funs.into_iter().map(|fun| (fun.name, fun.function)).collect();
        self.bench(id, ParameterizedBenchmark { functions, parameters: vec![input] })
    }

    /// One function at several inputs.
    #[doc(hidden)]
    pub fn bench_function_over_inputs<I, F>(&mut self, id: &str, f: F, inputs: I) -> &mut Self
    where
        I: IntoIterator,
        I::Item: Debug + 'static,
        F: FnMut(&mut Bencher<'_, M>, &I::Item) + 'static,
    {
        self.bench(id, ParameterizedBenchmark::new(id, f, inputs))
    }
}
