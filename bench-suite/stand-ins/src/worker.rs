//! Decides what happens to each benchmark that the benches come past.
//!
//! The benches are functions that run from start to end. To serve one benchmark they run up to it, and the functions
//! of all others are not called. When it is done, the process leaves by unwinding, so that what they hold is dropped.

use std::any::Any;
use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

use crate::arguments::{Arguments, Mode};
use crate::json;
use crate::placement;
use crate::process::Process;

/// The way out of the benches: the exit code.
struct Leaving(i32);

thread_local! {
    /// True below [`main`], which can be left by unwinding.
    static IS_IN_MAIN: Cell<bool> = const { Cell::new(false) };
}

/// The main function of a bench.
pub fn main(benches: impl FnOnce()) {
    let process = Process::get();
    IS_IN_MAIN.with(|is_in_main| is_in_main.set(true));
    let all = || {
        placed(process, benches);
        missing(process);
        summary();
    };
    let code = match catch_unwind(AssertUnwindSafe(all)) {
        Ok(()) => 0,
        Err(payload) => match payload.downcast::<Leaving>() {
            Ok(leaving) => leaving.0,
            Err(payload) => resume_unwind(payload),
        },
    };
    if code != 0 {
        std::process::exit(code);
    }
}

/// Calls the function of some benchmarks. If it panics outside of a benchmark, the benchmarks that it still had are
/// lost, and only they.
pub fn target(name: &str, benches: impl FnOnce()) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(benches)) else { return };
    if payload.is::<Leaving>() {
        resume_unwind(payload);
    }
    let process = Process::get();
    let why = format!("its function panicked before all benchmarks were known: {}", message(&*payload));
    match process.arguments.mode {
        Mode::List => process.answer(&listing(process, name, Some(&why))),
        _ => failed(process, name, &why),
    }
}

/// Comes past a benchmark: lists it, runs it, or does nothing. `refusal` is the reason why it can't be measured. The
/// function takes the identifier, and says if it called a timing loop.
pub fn visit(id: String, refusal: Option<String>, f: &mut dyn FnMut(&str) -> bool) {
    let process = Process::get();
    let id = process.unique(id);
    let name = process.arguments.name.as_deref();
    let is_wanted = match process.arguments.mode {
        Mode::List => return process.answer(&listing(process, &id, refusal.as_deref())),
        Mode::Serve | Mode::Count => name == Some(&*id),
        _ => name.map_or(true, |part| id.contains(part)),
    };
    if !is_wanted {
        return;
    }
    if process.arguments.mode == Mode::Names {
        return process.answer(&format!("{id}: benchmark"));
    }
    let failure = match refusal {
        Some(why) if process.arguments.mode != Mode::Once => Some(why),
        _ => run(process, &id, f),
    };
    match (process.arguments.mode, failure) {
        (Mode::Once, None) => process.answer(&format!("{id}: ran")),
        (Mode::Once, Some(why)) => failed(process, &id, &why),
        (_, None) => leave(0),
        (Mode::Serve, Some(why)) => {
            process.answer(&refused(&why));
            leave(1)
        }
        (_, Some(why)) => {
            failed(process, &id, &why);
            leave(1)
        }
    }
}

/// Runs a benchmark; the reason if it failed.
fn run(process: &Process, id: &str, f: &mut dyn FnMut(&str) -> bool) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(|| placed(process, || f(id)))) {
        Ok(true) => None,
        Ok(false) => Some("its function called no loop of the bencher: call `iter`, `bench` or another one".to_owned()),
        Err(payload) => Some(message(&*payload)),
    }
}

/// All benchmarks were come past, and the one that is wanted was not among them, or the process would have ended there.
fn missing(process: &Process) {
    let Arguments { mode: mode @ (Mode::Serve | Mode::Count), name: Some(name), .. } = &process.arguments else {
        return;
    };
    let why = format!("no benchmark is named `{name}`: --list prints the names");
    if *mode == Mode::Serve {
        process.answer(&refused(&why));
    }
    eprintln!("error: {why}");
    leave(1)
}

/// Says what failed up to now, where people run the benches.
pub fn summary() {
    let process = Process::get();
    let failed = process.failed();
    if process.arguments.mode == Mode::Once && !failed.is_empty() {
        eprintln!("error: failed: {}", failed.join(", "));
        leave(1)
    }
}

fn listing(process: &Process, id: &str, skipped: Option<&str>) -> String {
    let id = json::string(id);
    let skipped = skipped.map_or(String::new(), |why| format!(r#","skipped":{}"#, json::string(why)));
    let operations = process.arguments.operations;
    format!(r#"{{"id":{id},"benchmark":{id},"variant":"","operations":{operations}{skipped}}}"#)
}

fn refused(why: &str) -> String {
    format!(r#"{{"answer":"failed","why":{}}}"#, json::string(why))
}

fn failed(process: &Process, id: &str, why: &str) {
    eprintln!("{id}: {why}");
    process.fail(id);
}

/// What a panic said.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it panicked").to_owned()
}

/// Calls with a stack that begins at a page, if a profiler may be counting. Otherwise where it begins is left to
/// chance: it is different in each process, and so is averaged away.
fn placed<T>(process: &Process, work: impl FnOnce() -> T) -> T {
    match process.arguments.mode {
        Mode::Count => placement::on_stack_page(work),
        _ => work(),
    }
}

/// Ends the process: by unwinding to [`main`] if that is there, at once if the bench has a main function of its own.
fn leave(code: i32) -> ! {
    if IS_IN_MAIN.with(Cell::get) {
        resume_unwind(Box::new(Leaving(code)));
    }
    std::process::exit(code)
}
