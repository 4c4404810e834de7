//! Instructions of one retrieval among up to 100,000 episodes: `cargo bench --bench growth`.
//!
//! No lane runs it, nor does a plain `cargo bench`, because making 100,000 episodes under valgrind takes minutes. Only
//! callgrind runs. The numbers are for all operations, of which every size has the same number.

mod harness {
    use gungraun::{Callgrind, EntryPoint, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group};
    use worker::slice::{self, ROOT};
    use worker::{Prepared, valgrind};
    use workloads::benchmark::{Benchmark, SetUp};
    use workloads::benchmarks::retrieval;
    use workloads::cases::Case;
    use workloads::input::Source;
    use workloads::suite;

    /// The result of a setup: the state, and the number of operations to count.
    type Ready = (Box<dyn Prepared>, u64);

    const NAIVE: &str = "retrieval=scan,sharing=clone";
    const INDEXED: &str = "retrieval=indexed,sharing=arc";

    const fn retrieving(name: &'static str, setup: SetUp) -> Benchmark {
        let exercises: &[&str] = &["store", "retrieval", "sharing"];
        Benchmark { name, about: "the 10 episodes that fit a task best", exercises, episodes: 8, operations: 4, setup }
    }

    static AMONG_1000: Benchmark = retrieving("retrieve/1000", retrieval::among_1000);
    static AMONG_10000: Benchmark = retrieving("retrieve/10000", retrieval::among_10000);
    static AMONG_100000: Benchmark = retrieving("retrieve/100000", |setup| retrieval::among(setup, 100_000));

    fn prepare(benchmark: &'static Benchmark, variant: &str) -> Ready {
        let prepared = || {
            let case = Case { id: "growth", benchmark, variant: variant.parse()?, tags: &[] };
            let input = Source::from_environment()?.load(benchmark.episodes)?;
            anyhow::Ok((suite::prepare(&case, &input, None)?, benchmark.operations))
        };
        match prepared() {
            Ok(ready) => ready,
            Err(error) => panic!("{} under {variant}: {error:#}", benchmark.name),
        }
    }

    /// Checks the answers after the count, and leaks the episodes: dropping them would take longer.
    fn check((mut prepared, _): Ready) {
        if let Err(error) = prepared.check() {
            panic!("{error:#}");
        }
        std::mem::forget(prepared);
    }

    #[library_benchmark(teardown = check)]
    #[bench::naive_1000(prepare(&AMONG_1000, NAIVE))]
    #[bench::naive_10000(prepare(&AMONG_10000, NAIVE))]
    #[bench::indexed_1000(prepare(&AMONG_1000, INDEXED))]
    #[bench::indexed_10000(prepare(&AMONG_10000, INDEXED))]
    #[bench::indexed_100000(prepare(&AMONG_100000, INDEXED))]
    fn retrieve((mut prepared, operations): Ready) -> Ready {
        match slice::run_measured(prepared.as_mut(), operations) {
            Ok(()) => (prepared, operations),
            Err(error) => panic!("{error:#}"),
        }
    }

    library_benchmark_group!(name = growing; benchmarks = retrieve);

    fn configuration() -> LibraryBenchmarkConfig {
        let mut configuration = LibraryBenchmarkConfig::default();
        let callgrind = Callgrind::with_args([valgrind::INSTRUMENTATION, "--cache-sim=no"])
            .entry_point(EntryPoint::Custom(format!("*{}*", ROOT)))
            .clone();
        configuration.tool(callgrind);
        configuration
    }

    gungraun::main!(config = configuration(); library_benchmark_groups = growing);

    /// Gungraun's main function.
    pub fn run() {
        main();
    }
}

fn main() {
    harness::run();
}
