//! System calls and heap blocks of a program whose work is known. Without valgrind the test prints that it is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use harness::budget::Budget;
use harness::case_command::CaseCommand;
use harness::lanes::counts::{DETAILS, Place, callgrind, measurements};
use harness::subject::memory::MemorySubject;
use harness::tools::valgrind::{self, ExactCount};
use worker::slice::ROOT;

/// Compiles the program beside this file.
fn known_work(folder: &Path) -> PathBuf {
    let (source, program) = (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/counts/known_work.rs"), folder.join("known"));
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.args(["--edition=2024", "-Copt-level=3", "-Adead_code", source, "-o"]).arg(&program);
    assert!(command.status().expect("rustc starts").success(), "it compiles");
    program
}

fn command(folder: &Path) -> CaseCommand {
    CaseCommand { program: known_work(folder), case: "known".to_owned(), ..CaseCommand::default() }
}

#[test]
fn system_calls_and_blocks_of_known_work_are_counted_exactly() {
    if let Some(why) = valgrind::missing() {
        println!("skipped: {why}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (scratch, budget) = (folder.path().to_owned(), Budget::default());
    let count = ExactCount { command: command(folder.path()), scratch, padding: 0, budget };
    let counted = [1, 2].map(|_| {
        let profile = callgrind(&count, folder.path(), &DETAILS).expect("counted");
        (profile.system_calls(ROOT), profile.heap_blocks(ROOT), profile.freed_blocks(ROOT))
    });
    assert_eq!(counted, [(5 * 3, 5 * 2, 5); 2]);
}

#[test]
fn a_count_is_killed_when_the_time_is_up() {
    if let Some(why) = valgrind::missing() {
        println!("skipped: {why}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["-c", "exec sleep 600"].map(str::to_owned).to_vec();
    let command = CaseCommand { program: PathBuf::from("/bin/sh"), arguments, ..CaseCommand::default() };
    let (scratch, budget) = (folder.path().to_owned(), Budget::start(Some(Duration::from_secs(1))));
    let count = ExactCount { command, scratch, padding: 0, budget };
    let error = callgrind(&count, folder.path(), &[]).expect_err("killed").to_string();
    assert!(error.ends_with("it was killed") && budget.is_over(), "{error}");
}

#[test]
fn a_count_says_what_it_worked_on_and_with_how_many_threads() {
    if let Some(why) = valgrind::missing() {
        println!("skipped: {why}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let command = command(folder.path());
    let place = Place::new([command.program.as_path()], 1, vec![]).expect("placed");
    let case = MemorySubject::case(&workloads::cases::find("embedding_embed", &[]).expect("listed"), &[]);
    let counted = place.count(&command, 0, 0).expect("counted");
    let measured = measurements(&case, &[counted]).expect("measured");
    let instructions = measured.iter().find(|measurement| measurement.metric == "instructions").expect("counted");
    assert_eq!(instructions.input.as_deref(), Some("known#1"));
    assert_eq!(instructions.counters.get("threads"), Some(&1));
}
