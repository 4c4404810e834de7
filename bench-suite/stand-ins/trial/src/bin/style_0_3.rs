//! A bench as people wrote them for criterion 0.3, with what was left of 0.2.

#[macro_use]
extern crate criterion;

use criterion::{
    black_box, AxisScale, BatchSize, Bencher, Benchmark, BenchmarkId, Criterion, Fun, ParameterizedBenchmark,
    PlotConfiguration, Throughput,
};
use std::time::{Duration, Instant};

fn fibonacci(n: u64) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

fn alone(c: &mut Criterion) {
    c.bench_function("fib 20", |b| b.iter(|| fibonacci(black_box(20))));
    c.bench_with_input(BenchmarkId::new("fib", 10), &10, |b: &mut Bencher, &n| b.iter(|| fibonacci(n)));
    c.bench_function("setup", |b| b.iter_with_setup(|| vec![0; 10], |v| v.len()));
    c.bench_function("large_setup", |b| b.iter_with_large_setup(|| vec![0; 10], |v| v.len()));
    c.bench_function("large_drop", |b| b.iter_with_large_drop(|| vec![0; 10]));
    c.bench_function("custom", |b| {
        b.iter_custom(|iters| {
            let start = Instant::now();
            for _ in 0..iters {
                black_box(fibonacci(10));
            }
            start.elapsed() + Duration::from_nanos(1)
        })
    });
}

fn old(c: &mut Criterion) {
    c.bench("one", Benchmark::new("one", |b| b.iter(|| fibonacci(3))).sample_size(10));
    c.bench(
        "two",
        Benchmark::new("a", |b| b.iter(|| fibonacci(3)))
            .with_function("b", |b| b.iter(|| fibonacci(4)))
            .throughput(Throughput::Elements(1)),
    );
    c.bench(
        "sizes",
        ParameterizedBenchmark::new("fib", |b, n| b.iter(|| fibonacci(*n)), vec![1, 2])
            .throughput(|n| Throughput::Bytes(*n))
            .plot_config(PlotConfiguration::default().summary_scale(AxisScale::Logarithmic)),
    );
    let funs = vec![Fun::new("x", |b, n: &u64| b.iter(|| fibonacci(*n))), Fun::new("y", |b, n| b.iter(|| *n))];
    c.bench_functions("funs", funs, 5);
    c.bench_function_over_inputs("over", |b, &n| b.iter(|| fibonacci(n)), vec![7, 8]);
}

fn batched(c: &mut Criterion) {
    let mut group = c.benchmark_group("batched");
    for size in [BatchSize::SmallInput, BatchSize::LargeInput, BatchSize::PerIteration].iter() {
        group.bench_with_input(BenchmarkId::from_parameter(format!("{:?}", size)), size, |b, size| {
            b.iter_batched(|| vec![1, 2, 3], |v| v.iter().sum::<u32>(), *size)
        });
    }
    group.finish();
}

criterion_group!(benches, alone, old);
criterion_group! {
    name = configured;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(1)).without_plots();
    targets = batched
}
criterion_main!(benches, configured);
