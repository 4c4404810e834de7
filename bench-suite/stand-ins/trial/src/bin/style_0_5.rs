//! A bench as people write them since criterion 0.5, with futures and a measurement of its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Duration;

use criterion::async_executor::AsyncExecutor;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::profiler::Profiler;
use criterion::{criterion_group, criterion_main, BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput};

/// Polls until the future is ready.
struct Spinning;

impl AsyncExecutor for Spinning {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        const TABLE: RawWakerVTable = RawWakerVTable::new(|_| RAW, |_| {}, |_| {}, |_| {});
        const RAW: RawWaker = RawWaker::new(std::ptr::null(), &TABLE);
        // SAFETY: the functions of the table do nothing, with any pointer.
        let waker = unsafe { Waker::from_raw(RAW) };
        let mut future = Box::pin(future);
        loop {
            if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return done;
            }
        }
    }
}

/// Is ready at the second poll.
#[derive(Default)]
struct Twice(bool);

impl Future for Twice {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(1),
            false => Poll::Pending,
        }
    }
}

fn asynchronous(c: &mut Criterion) {
    let mut group = c.benchmark_group("async");
    group.throughput(Throughput::Elements(1)).sampling_mode(criterion::SamplingMode::Flat);
    group.bench_function("iter", |b| b.to_async(Spinning).iter(Twice::default));
    group.bench_function("batched", |b| {
        b.to_async(Spinning).iter_batched(
            || vec![1],
            |v| async move { v.len() as u32 + Twice::default().await },
            BatchSize::SmallInput,
        )
    });
    group.bench_function("batched_ref", |b| {
        b.to_async(Spinning).iter_batched_ref(
            || vec![1],
            |v| {
                v.push(2);
                Twice::default()
            },
            BatchSize::LargeInput,
        )
    });
    group.bench_function("custom", |b| {
        b.to_async(Spinning).iter_custom(|iters| async move {
            for _ in 0..iters {
                Twice::default().await;
            }
            Duration::from_nanos(10 * iters)
        })
    });
    group.bench_function("large_drop", |b| b.to_async(Spinning).iter_with_large_drop(|| async { vec![1] }));
    group.finish();
}

fn generic<M: Measurement>(group: &mut BenchmarkGroup<'_, M>) {
    group.bench_with_input(BenchmarkId::new("len", "str"), "unsized", |b, text| b.iter(|| text.len()));
    group.bench_function(String::from("owned"), |b| b.iter(|| 1));
}

fn helped(c: &mut Criterion<WallTime>) {
    let mut group = c.benchmark_group("generic".to_string());
    group.sample_size(10).measurement_time(Duration::from_secs(20)).significance_level(0.1).noise_threshold(0.05);
    generic(&mut group);
}

/// Halves of something, in values that are no time.
struct Half;

struct Words;

impl ValueFormatter for Words {
    fn scale_values(&self, _: f64, _: &mut [f64]) -> &'static str {
        "halves"
    }
    fn scale_throughputs(&self, _: f64, _: &Throughput, _: &mut [f64]) -> &'static str {
        "halves/s"
    }
    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "halves"
    }
}

impl Measurement for Half {
    type Intermediate = ();
    type Value = u64;
    fn start(&self) {
        panic!("the measurement is not there on this machine");
    }
    fn end(&self, (): ()) -> u64 {
        1
    }
    fn add(&self, first: &u64, second: &u64) -> u64 {
        first + second
    }
    fn zero(&self) -> u64 {
        0
    }
    fn to_f64(&self, value: &u64) -> f64 {
        *value as f64
    }
    fn formatter(&self) -> &dyn ValueFormatter {
        &Words
    }
}

struct Silent;

impl Profiler for Silent {
    fn start_profiling(&mut self, _: &str, _: &std::path::Path) {}
    fn stop_profiling(&mut self, _: &str, _: &std::path::Path) {}
}

fn halves(c: &mut Criterion<Half>) {
    c.bench_function("half", |b| b.iter(|| 1));
    c.bench_function("half/custom", |b| b.iter_custom(|_| u64::MAX));
}

criterion_group!(benches, asynchronous, helped);
criterion_group!(
    name = own;
    config = Criterion::default().with_profiler(Silent).with_measurement(Half);
    targets = halves,
);
criterion_main!(benches, own);
