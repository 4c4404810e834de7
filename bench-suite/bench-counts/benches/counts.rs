//! Exact counts under valgrind, through gungraun (iai-callgrind under its new name): instructions and simulated caches
//! (callgrind), allocations and bytes (DHAT).
//!
//! `cargo bench --bench counts` runs every case; an argument after `--` that is not an option selects the cases whose
//! identifier contains it. `assay run --lane counts` counts the same work in the worker, and stores the numbers.

use std::process::ExitCode;

mod harness {
    use gungraun::{Callgrind, Dhat, EntryPoint, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group};
    use worker::alignment::{begin_heap_page, on_stack_page};
    use worker::slice::{self, ROOT};
    use worker::{BenchmarkSuite, CaseSetup, valgrind};
    use workloads::for_each_case;
    use workloads::input::{VARIABLES, set_from_environment};
    use workloads::suite::MemorySuite;

    /// The part that is not counted.
    fn prepare(id: &str) -> CaseSetup {
        let prepared = || {
            let mut setup = MemorySuite.set_up(id, &set_from_environment())?;
            slice::warm_up(setup.prepared.as_mut(), setup.ready.counted)?;
            anyhow::Ok(setup)
        };
        begin_heap_page();
        match on_stack_page(prepared) {
            Ok(setup) => setup,
            Err(error) => panic!("{id}: {error:#}"),
        }
    }

    /// Checks the answers after the count.
    fn check(mut setup: CaseSetup) {
        if let Err(error) = setup.prepared.check() {
            panic!("{error:#}");
        }
        // The process ends here: dropping ten thousand episodes under valgrind would take seconds.
        std::mem::forget(setup);
    }

    macro_rules! counted {
        (
            cases { $(($id:ident, $benchmark:literal, $variant:literal, [$($tag:ident)*]),)+ }
            others $others:tt
        ) => {
            #[library_benchmark(teardown = check)]
            $(#[bench::$id(prepare(stringify!($id)))])+
            fn count(mut setup: CaseSetup) -> CaseSetup {
                let done = on_stack_page(|| slice::run_measured(setup.prepared.as_mut(), setup.ready.counted));
                match done {
                    Ok(()) => setup,
                    Err(error) => panic!("{error:#}"),
                }
            }
        };
    }
    for_each_case!(counted);

    library_benchmark_group!(name = cases_group; benchmarks = count);

    fn configuration() -> LibraryBenchmarkConfig {
        let mut configuration = LibraryBenchmarkConfig::default();
        // Gungraun sums the allocations whose stack contains the measured function, and valgrind's 12 frames end before
        // it.
        let measured = || EntryPoint::Custom(format!("*{ROOT}*"));
        configuration
            .tool(Callgrind::with_args([valgrind::INSTRUMENTATION]).entry_point(measured()).clone())
            .tool(Dhat::with_args(["--num-callers=100"]).entry_point(measured()).clone());
        for variable in VARIABLES.into_iter().chain([workloads::scratch::VARIABLE]) {
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
    // Gungraun's filters are patterns over its own names; users of cargo expect a part of the name to select.
    // Valgrind's children get `--gungraun-run`, and a pattern is passed unchanged.
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
