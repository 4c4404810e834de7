//! The main function of a worker program: its arguments, and what it does for each.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use lexopt::{Arg, Parser, ValueExt};
use serde::Serialize;

use crate::heap::CountingAllocator;
use crate::{BenchmarkSuite, alignment, cpu, pin, serve, slice};

const USAGE: &str = "\
Does work of one case and says what it costs, as JSON, one record a line.

Usage:
  PROGRAM --list                 the cases
  PROGRAM --cpu                  the features of the CPU as this process sees it
  PROGRAM CASE --serve           do slices as stdin asks for them: `slice N`, `count N`, `end`
  PROGRAM CASE --count [--heap]  do the operations of one exact count, for a profiler; with --heap count allocations

Options:
  --set TOGGLE=STRATEGY   set a toggle otherwise than the case does; may be repeated
  --extra-work PERCENT    with --serve: do more than is asked for, a slowdown of a known size
  --shift BYTES           with --serve: take this much of the heap first, so that everything else lies elsewhere
  --core N                with --serve: stay on this core
";

/// What the arguments ask for.
#[derive(Debug, Default, PartialEq)]
struct Arguments {
    mode: Option<Mode>,
    case: Option<String>,
    set: Vec<String>,
    heap: bool,
    extra_percent: f64,
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
                    Arg::Long("shift") => arguments.shift_bytes = parser.value()?.parse()?,
                    Arg::Long("core") => arguments.core = Some(parser.value()?.parse()?),
                    Arg::Value(case) if arguments.case.is_none() => arguments.case = Some(case.string()?),
                    other => return Err(other.unexpected().into()),
                }
                continue;
            }
        };
        ensure!(arguments.mode.is_none_or(|known| known == mode), "one of --list, --cpu, --serve and --count");
        arguments.mode = Some(mode);
    }
    let extra = arguments.extra_percent;
    ensure!((0.0..=1000.0).contains(&extra), "--extra-work is {extra}: give per cent, from 0 to 1000");
    let serving = arguments.mode == Some(Mode::Serve);
    let told = extra != 0.0 || arguments.shift_bytes != 0 || arguments.core.is_some();
    ensure!(serving || !told, "--extra-work, --shift and --core go with --serve");
    ensure!(arguments.mode == Some(Mode::Count) || !arguments.heap, "--heap goes with --count");
    Ok(arguments)
}

fn run(suite: &dyn BenchmarkSuite, heap: &CountingAllocator, arguments: &Arguments) -> Result<()> {
    match arguments.mode {
        Some(Mode::Help) => print(USAGE.as_bytes()),
        Some(Mode::Cpu) => record(&cpu::features()),
        Some(Mode::List) => suite.list(&arguments.set)?.iter().try_for_each(record),
        Some(Mode::Serve) => {
            // Never given back: what comes after lies elsewhere.
            std::mem::forget(std::hint::black_box(Vec::<u8>::with_capacity(usize::from(arguments.shift_bytes))));
            if let Some(core) = arguments.core {
                pin::pin_to_core(core)?;
            }
            let set_up = || suite.set_up(case(arguments)?, &arguments.set);
            let (commands, answers) = (std::io::stdin().lock(), std::io::stdout().lock());
            serve::serve(set_up, arguments.extra_percent, heap, commands, answers)
        }
        Some(Mode::Count) => count(suite, heap, arguments),
        None => bail!("say what to do: --list, --cpu, --serve or --count; --help explains them"),
    }
}

fn case(arguments: &Arguments) -> Result<&str> {
    arguments.case.as_deref().context("no case is named")
}

/// Does the operations of one exact count. What a profiler sees below [`slice::run_measured`] is the measured work and
/// nothing else.
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
    record(&usage)?;
    // The process ends here: to take thousands of episodes apart under valgrind would take seconds. Files lie in the
    // caller's folder.
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
            &["a", "--count", "--core", "1"],
            &["a", "--serve", "--heap"],
            &["a", "--serve", "--shift", "70000"],
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }
}
