//! Does what the process was asked for by means of one timing loop: slices on request, the operations of one exact
//! count, or a single iteration.

use std::io::BufRead;
use std::panic::resume_unwind;

use crate::arguments::Mode;
use crate::clock::{self, Scheduling};
use crate::process::Process;
use crate::slice::Slice;
use crate::{json, system, valgrind};

/// The version of the protocol that FORMAT.md of Assay defines.
const PROTOCOL: u32 = 3;

/// A timing loop: it does so many iterations, and adds what they cost to the slice.
type Repeat<'a> = dyn FnMut(u64, &mut Slice) + 'a;

/// Runs the first loop of a benchmark. A second one is not run: the first has answered the requests.
pub fn run_first(id: &str, is_done: &mut bool, repeat: &mut Repeat<'_>) {
    match std::mem::replace(is_done, true) {
        true => eprintln!("`{id}` has several loops: only its first is measured"),
        false => run(id, repeat),
    }
}

/// Runs a loop as often as this process is for. Errors leave as panics do: they end the benchmark.
fn run(id: &str, repeat: &mut Repeat<'_>) {
    let process = Process::get();
    match process.arguments.mode {
        Mode::Serve => {
            if let Err(why) = serve(process, id, repeat) {
                resume_unwind(Box::new(why));
            }
        }
        Mode::Count => {
            let operations = process.arguments.operations;
            // Before the warm-up, so that the simulated caches are warm after it. A single operation takes so long that
            // it fills them itself.
            if operations > 1 {
                valgrind::start_instrumentation();
                repeat(1, &mut Slice::warm_up());
            } else {
                repeat(1, &mut Slice::warm_up());
                valgrind::start_instrumentation();
            }
            repeat(operations, &mut Slice::new(0));
            // The heap was not counted here: no field, not a zero.
            let threads = system::threads().map_or(String::new(), |threads| format!(r#""threads":{threads}"#));
            process.answer(&format!("{{{threads}}}"));
        }
        _ => repeat(1, &mut Slice::warm_up()),
    }
}

fn serve(process: &Process, id: &str, repeat: &mut Repeat<'_>) -> Result<(), String> {
    let arguments = &process.arguments;
    let idle_ns = Slice::idle_ns();
    repeat(1, &mut Slice::warm_up());
    process.answer(&format!(
        r#"{{"answer":"ready","protocol":{PROTOCOL},"case":{},"variant":"","seed":{},"input":"","counted":{}}}"#,
        json::string(id),
        arguments.seed,
        arguments.operations,
    ));
    let mut others_ns = clock::others_cpu_ns();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| format!("can't read the next command: {error}"))?;
        // Other threads worked while nothing was asked for: on what the slice before put off.
        let put_off_ns = clock::others_cpu_ns().saturating_sub(others_ns);
        match line.trim().split_once(' ') {
            Some(("slice" | "count", number)) => {
                let operations = match number.parse() {
                    Ok(0) | Err(_) => {
                        return Err(format!("`{number}` is not a number of operations: send at least 1"));
                    }
                    Ok(operations) => operations,
                };
                let done = slice(operations, arguments.extra_percent / 100.0, [idle_ns, put_off_ns], repeat);
                others_ns = clock::others_cpu_ns();
                process.answer(&done);
            }
            None if line.trim() == "end" => {
                process.answer(r#"{"answer":"end","counters":{}}"#);
                return Ok(());
            }
            _ => return Err(format!("`{line}` is not a command: send `slice N`, `count N` or `end`")),
        }
    }
    Err("the commands ended without `end`: send it last".to_owned())
}

/// Does a slice, with its extra work, and says what it cost, with what the one before put off. There are no fields for
/// allocations: nothing counts them.
fn slice(operations: u64, extra: f64, [idle_ns, put_off_ns]: [u64; 2], repeat: &mut Repeat<'_>) -> String {
    let clocks = clock::readings().unwrap_or_default();
    let (whole, part) = with_extra(operations, extra);
    let before = Scheduling::of_this_thread();
    let mut slice = Slice::new(idle_ns);
    repeat(whole, &mut slice);
    slice.spin((slice.cpu_ns as f64 / whole as f64 * part) as u64);
    slice.put_off(put_off_ns);
    let scheduling = Scheduling::of_this_thread().since(before);
    let waiting_ns = slice.off_cpu_ns.and_then(|off_cpu_ns| scheduling.waiting_ns(off_cpu_ns));
    format!(
        concat!(
            r#"{{"answer":"slice","operations":{},"cpu_ns":{},"wall_ns":{},"waiting_ns":{},"#,
            r#""voluntary_switches":{},"involuntary_switches":{}{}}}"#,
        ),
        operations,
        slice.cpu_ns,
        slice.wall_ns,
        waiting_ns.map_or("null".to_owned(), |waiting_ns| waiting_ns.to_string()),
        scheduling.voluntary_switches,
        scheduling.involuntary_switches,
        clocks,
    )
}

/// The whole operations to do for so many with extra work, and the fraction of one that is left over.
fn with_extra(operations: u64, extra: f64) -> (u64, f64) {
    let total = operations as f64 * (1.0 + extra);
    // Just below a whole number counts as that number: 100 x 1.05 is 105 operations.
    let whole = (total + 1e-6).floor();
    (whole as u64, (total - whole).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_work_is_whole_operations_and_the_part_left_over() {
        assert_eq!(with_extra(7, 0.0), (7, 0.0));
        assert_eq!(with_extra(100, 0.05).0, 105);
        assert!(with_extra(100, 0.05).1 < 1e-6);
        assert_eq!(with_extra(7, 0.05).0, 7);
        assert!((with_extra(7, 0.05).1 - 0.35).abs() < 1e-9);
    }

    #[test]
    fn extra_work_is_done_and_not_said() {
        let mut done = Vec::new();
        let answer = slice(40, 0.05, [0, 0], &mut |iterations, _| done.push(iterations));
        assert!(
            answer.starts_with(r#"{"answer":"slice","operations":40,"cpu_ns":0,"wall_ns":0,"waiting_ns":"#),
            "{answer}"
        );
        assert_eq!(done, [42]);
    }

    #[test]
    fn what_was_put_off_counts_unless_the_benchmark_tells_its_time() {
        let of = |told: Option<u64>| {
            slice(40, 0.0, [0, 7], &mut |_, slice| told.into_iter().for_each(|time_ns| slice.is_told(time_ns)))
        };
        let begins = |answer: String, costs: &str| {
            assert!(answer.starts_with(&format!(r#"{{"answer":"slice","operations":40,{costs}"#)), "{answer}");
        };
        begins(of(None), r#""cpu_ns":7,"wall_ns":0,"#);
        begins(of(Some(5)), r#""cpu_ns":5,"wall_ns":5,"#);
    }
}
