//! Instructions of one retrieval among up to 100,000 episodes: `cargo bench --bench growth`.
//!
//! No lane runs it, nor does a plain `cargo bench`, because making 100,000 episodes under valgrind takes minutes. Only
//! callgrind runs. The numbers are for all operations, of which every size has the same number. `retrieve` asks for
//! generated tickets; the others for texts and dense vectors that are spread like natural ones, as `assay recall` does.

mod harness {
    use gungraun::{Callgrind, EntryPoint, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group};
    use worker::slice::{self, ROOT};
    use worker::{Prepared, valgrind};
    use workloads::benchmark::{Benchmark, SetUp};
    use workloads::benchmarks::retrieval;
    use workloads::cases::Case;
    use workloads::input::Source;
    use workloads::natural::{Asked, Data};
    use workloads::recall::Retrieving;
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
    fn retrieve(ready: Ready) -> Ready {
        retrieve_all(ready)
    }

    fn retrieve_all((mut prepared, operations): Ready) -> Ready {
        match slice::run_measured(prepared.as_mut(), operations) {
            Ok(()) => (prepared, operations),
            Err(error) => panic!("{error:#}"),
        }
    }

    /// Queries, every second one with a context.
    const QUERIES: u64 = 16;

    fn natural(data: Data, asked: Asked, stored: usize) -> Ready {
        let prepared = || {
            let mut retrieving = Retrieving::among(data, asked, stored, QUERIES as usize, 1)?;
            slice::warm_up(&mut retrieving, QUERIES)?;
            anyhow::Ok(retrieving)
        };
        match prepared() {
            Ok(retrieving) => (Box::new(retrieving), QUERIES),
            Err(error) => panic!("{stored} of {data:?}: {error:#}"),
        }
    }

    #[library_benchmark(teardown = check)]
    #[bench::known_1000(natural(Data::Text, Asked::Known, 1_000))]
    #[bench::known_100000(natural(Data::Text, Asked::Known, 100_000))]
    #[bench::new_1000(natural(Data::Text, Asked::New, 1_000))]
    #[bench::new_100000(natural(Data::Text, Asked::New, 100_000))]
    #[bench::unlike_1000(natural(Data::Text, Asked::Unlike, 1_000))]
    #[bench::unlike_100000(natural(Data::Text, Asked::Unlike, 100_000))]
    fn texts(ready: Ready) -> Ready {
        retrieve_all(ready)
    }

    #[library_benchmark(teardown = check)]
    #[bench::known_1000(natural(Data::Vectors, Asked::Known, 1_000))]
    #[bench::known_100000(natural(Data::Vectors, Asked::Known, 100_000))]
    #[bench::new_1000(natural(Data::Vectors, Asked::New, 1_000))]
    #[bench::new_100000(natural(Data::Vectors, Asked::New, 100_000))]
    #[bench::unlike_1000(natural(Data::Vectors, Asked::Unlike, 1_000))]
    #[bench::unlike_100000(natural(Data::Vectors, Asked::Unlike, 100_000))]
    fn vectors(ready: Ready) -> Ready {
        retrieve_all(ready)
    }

    library_benchmark_group!(name = growing; benchmarks = retrieve, texts, vectors);

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
