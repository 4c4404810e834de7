//! Exact counts under valgrind, through gungraun: instructions and simulated caches (callgrind), allocations and bytes (DHAT).
//!
//! `cargo bench --bench counts` runs every case of the list; what comes after `--` and is no option selects the cases whose identifier contains it.
//! `assay run --lane counts` runs the same program and keeps the numbers.

use std::process::ExitCode;

/// What a case's setup gives: the state, and the operations to count.
type Ready = (Box<dyn bench_suite::benchmark::Prepared>, u64);

mod harness {
    use std::hint::black_box;

    use bench_suite::input::{Source, VARIABLES, set_from_environment};
    use bench_suite::{cases, for_each_case, runner};
    use gungraun::{Callgrind, Dhat, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group};

    use super::Ready;

    /// Everything that is not counted. One round goes before: lazily made state exists, as in a memory that is in use.
    fn prepare(id: &str) -> Ready {
        let prepared = || {
            let case = cases::find(id, &set_from_environment())?;
            runner::slice::prepare(&case, &Source::from_environment()?.load(case.benchmark.episodes)?)
        };
        match prepared() {
            Ok(ready) => ready,
            Err(error) => panic!("{id}: {error:#}"),
        }
    }

    /// Checks the answers after the count.
    fn check((mut prepared, _): Ready) {
        if let Err(error) = prepared.check() {
            panic!("wrong answer: {error:#}");
        }
        // The process ends here: taking ten thousand episodes apart under valgrind would take seconds. Files lie in the caller's folder.
        std::mem::forget(prepared);
    }

    macro_rules! counted {
        ($(($id:ident, $benchmark:literal, $variant:literal),)+) => {
            #[library_benchmark(teardown = check)]
            $(#[bench::$id(prepare(stringify!($id)))])+
            fn count((mut prepared, operations): Ready) -> Ready {
                if let Err(error) = prepared.run(black_box(operations)) {
                    panic!("{error:#}");
                }
                black_box((prepared, operations))
            }
        };
    }
    for_each_case!(counted);

    library_benchmark_group!(name = cases_group; benchmarks = count);

    /// The simulated caches are given: by default they are those of the machine, and every machine would count other hits.
    const CALLGRIND: [&str; 6] = [
        runner::valgrind::INSTRUMENTATION,
        "--cache-sim=yes",
        "--branch-sim=yes",
        "--I1=32768,8,64",
        "--D1=32768,8,64",
        "--LL=8388608,16,64",
    ];

    fn configuration() -> LibraryBenchmarkConfig {
        let mut configuration = LibraryBenchmarkConfig::default();
        // Gungraun adds up the allocations whose stack has the measured function, and valgrind's 12 frames end before it.
        configuration.tool(Callgrind::with_args(CALLGRIND)).tool(Dhat::with_args(["--num-callers=100"]));
        for variable in VARIABLES.into_iter().chain(["ASSAY_SCRATCH", "ASSAY_PADDING"]) {
            configuration.pass_through_env(variable);
        }
        configuration
    }

    gungraun::main!(config = configuration(); library_benchmark_groups = cases_group);

    /// Gungraun's main function.
    pub fn run() {
        main();
    }
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // Gungraun's filters are patterns over its own names; cargo's users expect that a part of the name selects. Valgrind's children come with
    // `--gungraun-run`, and a pattern passes as it is.
    let filter = arguments.iter().position(|argument| !argument.starts_with('-') && !argument.contains('*'));
    let measured = arguments.first().is_some_and(|first| first == "--gungraun-run");
    let Some(place) = filter.filter(|_| !measured) else {
        harness::run();
        return ExitCode::SUCCESS;
    };
    arguments[place] = format!("*{}*", arguments[place].replace('/', "_"));
    let program = std::env::current_exe().expect("a running program has a path");
    match std::process::Command::new(program).args(arguments).status() {
        Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)),
        Err(error) => {
            eprintln!("error: can't run the benchmarks: {error}");
            ExitCode::FAILURE
        }
    }
}
