//! Criterion's hook for profilers, which is never called: the harness profiles the whole process.

use std::path::Path;

/// Something that profiles a benchmark.
pub trait Profiler {
    /// Would be called before a benchmark.
    fn start_profiling(&mut self, benchmark_id: &str, benchmark_dir: &Path);

    /// Would be called after it.
    fn stop_profiling(&mut self, benchmark_id: &str, benchmark_dir: &Path);
}

/// Stands for a profiler outside of the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExternalProfiler;

impl Profiler for ExternalProfiler {
    fn start_profiling(&mut self, _benchmark_id: &str, _benchmark_dir: &Path) {}

    fn stop_profiling(&mut self, _benchmark_id: &str, _benchmark_dir: &Path) {}
}
