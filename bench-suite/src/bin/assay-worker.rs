//! The process that runs slices of one case: what profilers look at and what the time lane alternates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use bench_suite::input::Source;
use bench_suite::pair::place;
use bench_suite::pair::protocol::Known;
use bench_suite::pair::serve::{self, Heap};
use bench_suite::runner::counts::Taken;
use bench_suite::runner::slice;
use bench_suite::{cases, engagement};
use clap::Parser;
use serde::Serialize;

/// Runs rounds of one case and prints what each cost, one JSON record a line.
#[derive(Debug, Parser)]
#[command(name = "assay-worker", version)]
struct Arguments {
    /// The case, as `assay run --list` names it
    #[arg(required_unless_present = "list")]
    case: Option<String>,

    /// List the cases, one JSON record a line
    #[arg(long)]
    list: bool,

    /// Do slices as stdin asks for them: `slice N`, `count N`, `end`
    #[arg(long, conflicts_with = "rounds")]
    serve: bool,

    /// Do this many per cent more than is asked for: a slowdown of a known size
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, requires = "serve")]
    extra_work: f64,

    /// Print what the operations of one exact count take of the heap, one JSON record, and nothing else
    #[arg(long, conflicts_with_all = ["serve", "rounds"])]
    heap: bool,

    /// Take this much of the heap first, so that everything else lies elsewhere
    #[arg(long, value_name = "BYTES", default_value_t = 0, requires = "serve")]
    shift: u16,

    /// Stay on this core
    #[arg(long, value_name = "N", requires = "serve")]
    core: Option<usize>,

    /// How many rounds to run
    #[arg(long, default_value_t = 1)]
    rounds: u32,

    /// Operations a round [default: those of one exact count]
    #[arg(long)]
    operations: Option<u64>,

    /// Sets a toggle otherwise than the case does
    #[arg(long, value_name = "TOGGLE=STRATEGY")]
    set: Vec<String>,
}

#[derive(Serialize)]
struct Round {
    operations: u64,
    cpu_ns: u64,
    wall_ns: u64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    if arguments.list {
        for listed in cases::LISTED {
            let case = listed.resolve(&arguments.set)?;
            let known = Known {
                id: case.id.to_owned(),
                benchmark: case.benchmark.name.to_owned(),
                variant: case.variant.to_string(),
                operations: case.benchmark.operations,
            };
            serde_json::to_writer(&mut stdout, &known).context("can't write the case")?;
            writeln!(stdout).context("can't write the case")?;
        }
        return Ok(());
    }
    // Never given back: what comes after lies elsewhere.
    std::mem::forget(std::hint::black_box(Vec::<u8>::with_capacity(usize::from(arguments.shift))));
    if let Some(core) = arguments.core {
        place::stay(core)?;
    }
    let Some(id) = &arguments.case else { bail!("no case is named") };
    let case = cases::find(id, &arguments.set)?;
    let input = Source::from_environment()?.load(case.benchmark.episodes)?;
    if arguments.serve {
        let extra = arguments.extra_work;
        if !(0.0..=1000.0).contains(&extra) {
            bail!("--extra-work is {extra}: give per cent, from 0 to 1000");
        }
        return serve::serve(&case, &input, extra, &HEAP, std::io::stdin().lock(), stdout);
    }
    let (mut prepared, counted) = slice::prepare(&case, &input)?;
    let operations = arguments.operations.unwrap_or(counted);
    if arguments.heap {
        HEAP.count(true);
        let done = prepared.run(operations);
        HEAP.count(false);
        done?;
        serde_json::to_writer(&mut stdout, &HEAP.taken()).context("can't write the record")?;
        writeln!(stdout).context("can't write the record")?;
        return prepared.check().context("wrong answer");
    }
    for _ in 0..arguments.rounds {
        let slice = slice::measure(prepared.as_mut(), operations)?;
        let round = Round { operations, cpu_ns: slice.cpu_ns, wall_ns: slice.wall_ns };
        serde_json::to_writer(&mut stdout, &round).context("can't write the round")?;
        writeln!(stdout).context("can't write the round")?;
    }
    prepared.check().context("wrong answer")?;
    engagement::check(&case, &prepared.counters())
}

/// The system's allocator, which counts while it is told to: what is timed pays for one look at a flag.
struct Counting {
    on: AtomicBool,
    blocks: AtomicU64,
    bytes: AtomicU64,
    /// Of the blocks, those that were there before and grew or shrank.
    resized: AtomicU64,
    alive: AtomicI64,
    peak: AtomicI64,
}

#[global_allocator]
static HEAP: Counting = Counting {
    on: AtomicBool::new(false),
    blocks: AtomicU64::new(0),
    bytes: AtomicU64::new(0),
    resized: AtomicU64::new(0),
    alive: AtomicI64::new(0),
    peak: AtomicI64::new(0),
};

impl Counting {
    #[inline]
    fn note(&self, bytes: usize, freed: usize) {
        if self.on.load(Ordering::Relaxed) {
            self.add(bytes, freed);
        }
    }

    #[inline]
    fn free(&self, bytes: usize) {
        if self.on.load(Ordering::Relaxed) {
            self.subtract(bytes);
        }
    }

    // Out of line, so that the path that is timed stays a look and a jump.
    #[cold]
    #[inline(never)]
    fn add(&self, bytes: usize, freed: usize) {
        self.blocks.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if freed > 0 {
            self.resized.fetch_add(1, Ordering::Relaxed);
        }
        let grown = bytes as i64 - freed as i64;
        self.peak.fetch_max(self.alive.fetch_add(grown, Ordering::Relaxed) + grown, Ordering::Relaxed);
    }

    #[cold]
    #[inline(never)]
    fn subtract(&self, bytes: usize) {
        self.alive.fetch_sub(bytes as i64, Ordering::Relaxed);
    }

    fn taken(&self) -> Taken {
        let resized = self.resized.load(Ordering::Relaxed);
        Taken {
            peak_bytes: u64::try_from(self.peak.load(Ordering::Relaxed)).unwrap_or(0),
            allocations: self.blocks.load(Ordering::Relaxed) - resized,
        }
    }
}

impl Heap for Counting {
    fn count(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    fn counted(&self) -> (u64, u64) {
        (self.blocks.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

#[expect(
    unsafe_code,
    reason = "an allocator can be written in no other way; every call goes to the system's unchanged"
)]
// SAFETY: every method passes its arguments unchanged to the system's allocator, and counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.note(layout.size(), 0);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.note(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.note(size, layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.free(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
