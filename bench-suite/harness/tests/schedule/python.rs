//! The worker that the documentation shows, in Python: it is a worker like every other one.

use std::path::Path;
use std::process::Command;

use harness::case_command::CaseCommand;
use harness::schedule::deadlines::Deadlines;
use harness::schedule::placement::Placement;
use harness::schedule::round::{self, RoundTerms};
use harness::schedule::worker_client::list_cases;
use harness::schedule::worker_program::{Slicing, WorkerProgram};
use rand::SeedableRng;

const WORKER: &str = include_str!("worker.py");

/// The worker in a folder, with work that also sums so many numbers and keeps how often it was done.
fn worker(folder: &Path, numbers: u32, extra_percent: f64) -> WorkerProgram {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("worker.py"), WORKER).unwrap();
    let work = format!(
        "import atexit\ndone = 0\natexit.register(lambda: open('done', 'w').write(str(done)))\ndef work():\n    global \
        done\n    done += 1\n    sum(range({numbers}))\n    return sum(range(1000))\n"
    );
    std::fs::write(folder.join("work.py"), work).unwrap();
    let command = CaseCommand {
        program: "python3".into(),
        arguments: vec!["worker.py".to_owned()],
        case: "sum".to_owned(),
        folder: Some(folder.to_owned()),
        ..CaseCommand::default()
    };
    WorkerProgram { command, layouts: None, extra_percent, slicing: Slicing::OF_WORKERS }
}

/// The median growth of the CPU time in three rounds.
fn growth(base: &WorkerProgram, new: &WorkerProgram) -> f64 {
    let mut random = rand_pcg::Pcg64::seed_from_u64(1);
    let mut values = [0, 1, 2].map(|number| {
        let placement = Placement::draw(None, &mut random);
        let terms = RoundTerms { number, operations: 30, placement, deadlines: Deadlines::default(), in_turn: false };
        let measured = round::measure(base, new, terms, &mut random);
        let (base, new) = measured.unwrap();
        stats::round_value(&base.times_ns("cpu_time"), &new.times_ns("cpu_time")).unwrap()
    });
    values.sort_by(f64::total_cmp);
    values[1].exp_m1()
}

#[test]
fn a_worker_in_python_lists_serves_and_does_more_on_demand() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [base, slow, extra] = [("a", 5_000, 0.0), ("b", 15_000, 0.0), ("c", 5_000, 50.0)]
        .map(|(name, numbers, extra)| worker(&folder.path().join(name), numbers, extra));
    let mut list = Command::new("python3");
    list.arg("worker.py").current_dir(folder.path().join("a"));
    let cases = list_cases(&mut list).unwrap();
    assert_eq!(cases.iter().map(|case| (case.id.as_str(), case.gated)).collect::<Vec<_>>(), [("sum", true)]);
    let slower = growth(&base, &slow);
    assert!(slower > 0.3, "it does three times as much: {slower}");
    growth(&base, &extra);
    // Once to check, and ten slices of 30.
    let done = |name: &str| std::fs::read_to_string(folder.path().join(name).join("done")).unwrap();
    assert_eq!((done("a").as_str(), done("c").as_str()), ("301", "451"), "half more on demand");
}
