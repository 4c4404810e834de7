//! A bench with a main function of its own, as criterion 0.8 documents it.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Baseline, BenchmarkFilter, Criterion, PlottingBackend, Throughput};

fn main() {
    let _ = Baseline::Save;
    let mut criterion = Criterion::default()
        .plotting_backend(PlottingBackend::None)
        .nresamples(1000)
        .confidence_level(0.9)
        .save_baseline("new".into())
        .retain_baseline("old".into(), false)
        .output_directory(std::path::Path::new("target"))
        .profile_time(Some(Duration::from_secs(1)))
        .with_output_color(true)
        .configure_from_args();
    let mut group = criterion.benchmark_group("own_main");
    group.throughput(Throughput::ElementsAndBytes { elements: 3, bytes: 24 });
    group.bench_function("sum", |b| b.iter(|| black_box([1_u64, 2, 3]).iter().sum::<u64>()));
    group.finish();
    criterion.final_summary();
    Criterion::default().with_filter("wan").bench_function("wanted", |b| b.iter(|| 1)).bench_function("other", |b| {
        b.iter(|| 1);
    });
    let exact = BenchmarkFilter::Exact("this".into());
    Criterion::default().with_benchmark_filter(exact).bench_function("this one not", |b| b.iter(|| 1));
}
