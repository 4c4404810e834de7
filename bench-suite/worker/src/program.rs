//! The main function of a worker program: parses the arguments and runs what they ask for.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use lexopt::{Arg, Parser, ValueExt};
use serde::Serialize;

use crate::heap::CountingAllocator;
use crate::protocol::Counted;
use crate::slice::InjectedSlowdown;
use crate::{BenchmarkSuite, alignment, cpu, pin, serve, slice};

const USAGE: &str = "\
Runs one case and prints its cost as JSON, one record a line.

Usage:
  PROGRAM --list                 list the cases
  PROGRAM --cpu                  list the CPU's features as this process sees them
  PROGRAM CASE --serve           run slices on the commands of stdin: `slice N`, `count N`, `end`
  PROGRAM CASE --count [--heap]  run the operations of one exact count, for a profiler; --heap counts allocations

Options:
  --set TOGGLE=STRATEGY   override a toggle of the case; may be repeated
  --extra-work PERCENT    with --serve: do this much more work than asked for
  --extra-wait PERCENT    with --serve: then sleep for this part of the time that the work took
  --shift BYTES           with --serve: allocate this much first, to move the rest of the heap
  --core N                with --serve: pin the process to this core
";

/// The parsed arguments.
#[derive(Debug, Default, PartialEq)]
struct Arguments {
    mode: Option<Mode>,
    case: Option<String>,
    set: Vec<String>,
    heap: bool,
    extra_percent: f64,
    wait_percent: f64,
    shift_bytes: u16,
    core: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Help,
    List,
    Cpu,
    Serve,
    Count,
}

/// Runs a worker of a suite. `heap` is the global allocator of the program.
pub fn main(suite: &dyn BenchmarkSuite, heap: &CountingAllocator) -> ExitCode {
    let arguments = match parse(Parser::from_env()) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("error: {error:#}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(suite, heap, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut parser: Parser) -> Result<Arguments> {
    let mut arguments = Arguments::default();
    while let Some(argument) = parser.next()? {
        let mode = match argument {
            Arg::Long("help") | Arg::Short('h') => Mode::Help,
            Arg::Long("list") => Mode::List,
            Arg::Long("cpu") => Mode::Cpu,
            Arg::Long("serve") => Mode::Serve,
            Arg::Long("count") => Mode::Count,
            other => {
                match other {
                    Arg::Long("heap") => arguments.heap = true,
                    Arg::Long("set") => arguments.set.push(parser.value()?.string()?),
                    Arg::Long("extra-work") => arguments.extra_percent = parser.value()?.parse()?,
                    Arg::Long("extra-wait") => arguments.wait_percent = parser.value()?.parse()?,
                    Arg::Long("shift") => arguments.shift_bytes = parser.value()?.parse()?,
                    Arg::Long("core") => arguments.core = Some(parser.value()?.parse()?),
                    Arg::Value(case) if arguments.case.is_none() => arguments.case = Some(case.string()?),
                    other => return Err(other.unexpected().into()),
                }
                continue;
            }
        };
        ensure!(arguments.mode.is_none_or(|first| first == mode), "give only one of --list, --cpu, --serve, --count");
        arguments.mode = Some(mode);
    }
    let extra = [("--extra-work", arguments.extra_percent), ("--extra-wait", arguments.wait_percent)];
    for (option, percent) in extra {
        ensure!((0.0..=1000.0).contains(&percent), "{option} is {percent}: give per cent, from 0 to 1000");
    }
    let serving = arguments.mode == Some(Mode::Serve);
    let is_slowed = extra.iter().any(|(_, percent)| *percent != 0.0);
    let serve_options = is_slowed || arguments.shift_bytes != 0 || arguments.core.is_some();
    ensure!(serving || !serve_options, "--extra-work, --extra-wait, --shift and --core need --serve: add it");
    ensure!(arguments.mode == Some(Mode::Count) || !arguments.heap, "--heap needs --count: add it");
    Ok(arguments)
}

fn run(suite: &dyn BenchmarkSuite, heap: &CountingAllocator, arguments: &Arguments) -> Result<()> {
    match arguments.mode {
        Some(Mode::Help) => print(USAGE.as_bytes()),
        Some(Mode::Cpu) => record(&cpu::features()),
        Some(Mode::List) => suite.list(&arguments.set)?.iter().try_for_each(record),
        Some(Mode::Serve) => {
            // Never freed, so that later blocks get other addresses.
            std::mem::forget(std::hint::black_box(Vec::<u8>::with_capacity(usize::from(arguments.shift_bytes))));
            if let Some(core) = arguments.core {
                pin::pin_to_core(core)?;
            }
            let set_up = || suite.set_up(case(arguments)?, &arguments.set);
            let (commands, answers) = (std::io::stdin().lock(), std::io::stdout().lock());
            if arguments.wait_percent > 0.0 {
                slice::wake_on_time();
            }
            let slowdown = InjectedSlowdown {
                share: arguments.extra_percent / 100.0,
                wait_share: arguments.wait_percent / 100.0,
                waits: false,
            };
            serve::serve(set_up, slowdown, heap, commands, answers)
        }
        Some(Mode::Count) => count(suite, heap, arguments),
        None => bail!("no mode: give --list, --cpu, --serve or --count; --help explains them"),
    }
}

fn case(arguments: &Arguments) -> Result<&str> {
    arguments.case.as_deref().context("no case: give the identifier of one, as --list prints it")
}

/// Runs the operations of one exact count. Below [`slice::run_measured`], a profiler sees the measured work only.
fn count(suite: &dyn BenchmarkSuite, heap: &CountingAllocator, arguments: &Arguments) -> Result<()> {
    let case = case(arguments)?;
    alignment::begin_heap_page();
    let mut setup = alignment::on_stack_page(|| {
        let mut setup = suite.set_up(case, &arguments.set)?;
        slice::warm_up(setup.prepared.as_mut(), setup.ready.counted)?;
        anyhow::Ok(setup)
    })?;
    heap.count(arguments.heap);
    let done = alignment::on_stack_page(|| slice::run_measured(setup.prepared.as_mut(), setup.ready.counted));
    heap.count(false);
    done?;
    let usage = heap.usage();
    setup.prepared.check()?;
    slice::ensure_no_children()?;
    let counters = setup.prepared.counters().into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    let threads = std::fs::read_dir("/proc/self/task").ok().map(|threads| threads.count() as u64);
    record(&Counted { heap: Some(usage), counters, input: Some(setup.ready.input.clone()), threads })?;
    // The process ends here: dropping thousands of episodes under valgrind would take seconds. The caller removes the
    // files in its folder.
    std::mem::forget(setup);
    Ok(())
}

fn record(value: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(value).context("a record has string keys")?;
    line.push(b'\n');
    print(&line)
}

fn print(bytes: &[u8]) -> Result<()> {
    std::io::stdout().lock().write_all(bytes).context("can't write to stdout")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Arguments> {
        parse(Parser::from_args(arguments))
    }

    #[test]
    fn arguments_are_read_in_any_order() {
        let read = parsed(&["--serve", "--core", "1", "a_case", "--set", "codec=json", "--shift=00016", "--set=a=b"]);
        let expected = Arguments {
            mode: Some(Mode::Serve),
            case: Some("a_case".into()),
            set: vec!["codec=json".into(), "a=b".into()],
            shift_bytes: 16,
            core: Some(1),
            ..Arguments::default()
        };
        assert_eq!(read.expect("right"), expected);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            &["--fly"][..],
            &["--list", "--serve"],
            &["a", "b", "--serve"],
            &["a", "--serve", "--extra-work", "-3"],
            &["a", "--serve", "--extra-wait", "2000"],
            &["a", "--count", "--extra-wait", "5"],
            &["a", "--count", "--core", "1"],
            &["a", "--serve", "--heap"],
            &["a", "--serve", "--shift", "70000"],
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }
}
