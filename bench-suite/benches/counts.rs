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
    use gungraun::{Callgrind, Dhat, EntryPoint, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group};

    use super::Ready;

    /// Everything that is not counted. One round goes before: lazily made state exists, as in a memory that is in use.
    fn prepare(id: &str) -> Ready {
        let prepared = || {
            let case = cases::find(id, &set_from_environment())?;
            runner::slice::prepare(&case, &Source::from_environment()?.load(case.benchmark.episodes)?)
        };
        begin_a_page_of_the_heap();
        match at_a_page(prepared) {
            Ok(ready) => ready,
            Err(error) => panic!("{id}: {error:#}"),
        }
    }

    /// The heap grows by as much as is ever needed, never shrinks, and gives every block itself: otherwise it would call the system whenever a page of its
    /// end is reached or free, and where the pages begin depends on the length of the program's path.
    const HEAP: [(&str, &str); 3] = [
        ("MALLOC_TOP_PAD_", "268435456"),
        ("MALLOC_TRIM_THRESHOLD_", "4294967296"),
        ("MALLOC_MMAP_THRESHOLD_", "33554432"),
    ];

    /// Takes what is left of a page at the end of the heap, for ever: what is allocated from now on lies where it always lies.
    fn begin_a_page_of_the_heap() {
        let probe = Vec::<u8>::with_capacity(PROBE_BYTES);
        let end = probe.as_ptr() as usize + PROBE_BYTES;
        // Half of the probe and a page, so that no block that was freed before can serve.
        std::mem::forget(Vec::<u8>::with_capacity(PROBE_BYTES / 2 + end.next_multiple_of(4096) - end));
        std::mem::forget(probe);
    }

    /// Larger than anything that a program allocates before its main function.
    const PROBE_BYTES: usize = 1 << 20;

    /// A local variable that lies at the beginning of a page, and so does the stack below it.
    #[repr(align(4096))]
    struct Page([u8; 1]);

    /// Runs on a stack that begins at a page. Where the process's stack begins depends on the size of the environment and the length of the program's
    /// path, and copying a block takes an instruction more or less where it lies otherwise.
    #[inline(never)]
    fn at_a_page<T>(work: impl FnOnce() -> T) -> T {
        let page = Page([0]);
        black_box(&page.0);
        let done = work();
        black_box(&page.0);
        done
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
                match at_a_page(|| runner::slice::run_measured(prepared.as_mut(), operations)) {
                    Ok(()) => (prepared, operations),
                    Err(error) => panic!("{error:#}"),
                }
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
        let measured = || EntryPoint::Custom(format!("*{}*", runner::profile::ROOT));
        configuration
            .tool(Callgrind::with_args(CALLGRIND).entry_point(measured()).clone())
            .tool(Dhat::with_args(["--num-callers=100"]).entry_point(measured()).clone());
        configuration.envs(HEAP);
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
