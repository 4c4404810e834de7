//! The time lane with shell scripts as workers: it judges honest ones correctly, and no way to fool it ends green.
//!
//! Nothing is measured here: the scripts print the times of their clocks.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod checkout;
mod in_place;
mod layouts;
mod machine_code;
mod python;
mod script;

use std::path::Path;
use std::time::Duration;

use baselines::delta::{Comparison, Verdict};
use baselines::gate::{self, GateOutcome, Judgement};
use baselines::paired::{self, Control, PairVerdicts, Paired};
use baselines::policy::Policy;
use baselines::{Environment, Run, RunHeader, RunWriter};
use harness::budget::Budget;
use harness::case_command::CaseCommand;
use harness::schedule::deadlines::Deadlines;
use harness::schedule::jobs::{self, Job, SLOWER_PERCENT};
use harness::schedule::scheduler::{self, Settings, Sizes};
use harness::schedule::worker_program::{Slicing, WorkerProgram};
use harness::subject::SubjectCase;
use harness::subject::memory::MemorySubject;
use script::Script;
use stats::Procedure;
use workloads::cases;

/// The result of a session with these workers.
struct Session {
    run: Run,
    judgement: Judgement,
}

const TODAY: jiff::civil::Date = jiff::civil::date(2026, 1, 1);

fn case(id: &str) -> SubjectCase {
    MemorySubject::case(&cases::find(id, &[]).unwrap(), &[])
}

/// A pair of a case on two workers; the new one gets `extra_percent` of extra work.
fn pair(case: &SubjectCase, base: &Path, new: &Path, extra_percent: f64) -> Job {
    let program = |path: &Path, extra_percent| {
        let (program, case) = (path.to_owned(), case.id.clone());
        let command = CaseCommand { program, case, ..CaseCommand::default() };
        WorkerProgram { command, layouts: None, extra_percent, slicing: Slicing::OF_WORKERS }
    };
    jobs::job(case, "base", program(base, 0.0), program(new, extra_percent))
}

fn control(control: Control, worker: &Path) -> Job {
    let extra = if let Control::Slower { percent } = control { percent } else { 0.0 };
    let mut job = pair(&case("embedding_embed"), worker, worker, extra);
    job.pair.control = Some(control);
    job
}

/// Measures jobs into a new run, and judges them.
fn measured(folder: &Path, jobs: Vec<Job>, deadlines: Deadlines, budget: Budget) -> (RunWriter, PairVerdicts) {
    measured_to(folder, jobs, deadlines, budget, false)
}

fn measured_to(
    folder: &Path,
    jobs: Vec<Job>,
    deadlines: Deadlines,
    budget: Budget,
    first_look_only: bool,
) -> (RunWriter, PairVerdicts) {
    let (procedure, policy) = (Procedure::default(), Policy::standard());
    let settings = Settings {
        procedure: &procedure,
        policy: &policy,
        today: TODAY,
        seed: 1,
        deadlines,
        first_look_only,
        budget,
        sizes: &Sizes::default(),
    };
    let mut writer = RunWriter::create(&folder.join("run.jsonl"), header()).unwrap();
    scheduler::run_rounds(jobs, &settings, &mut writer).unwrap();
    let outcome = judged(&writer.so_far().pairs);
    (writer, outcome)
}

fn judged(pairs: &[Paired]) -> PairVerdicts {
    paired::judge(&Procedure::default(), pairs, &Policy::standard(), TODAY, 0).unwrap()
}

/// Measures one case, with its controls, and judges it as the gate does.
fn session(folder: &Path, base: &Script<'_>, new: &Script<'_>, deadlines: Deadlines) -> Session {
    let (base, new) = (base.write(&folder.join("base")), new.write(&folder.join("new")));
    let all = vec![
        pair(&case("codec_encode_small_json"), &base, &new, 0.0),
        control(Control::Same, &new),
        control(Control::Slower { percent: SLOWER_PERCENT }, &new),
    ];
    let (mut writer, outcome) = measured(folder, all, deadlines, Budget::default());
    for wrong in &outcome.wrong_controls {
        writer.invalid(&wrong.what, &wrong.why).unwrap();
    }
    writer.finish().unwrap();
    let run = Run::read(&folder.join("run.jsonl"), false).unwrap();
    assert_eq!(judged(&run.pairs), outcome, "the file gives other verdicts");
    let comparison = Comparison { differences: vec![], deltas: outcome.deltas };
    let judgement = gate::judge(comparison, &run.invalid, &[]);
    Session { run, judgement }
}

fn header() -> RunHeader {
    RunHeader::new("assay gate", "quick", Environment::detect(1, "generated"))
}

fn with(base: &Script<'_>, new: &Script<'_>) -> Session {
    let folder = tempfile::tempdir().unwrap();
    session(folder.path(), base, new, Deadlines::default())
}

/// The reasons why a session is invalid, one per line.
fn refused(new: &Script<'_>) -> String {
    let session = with(&Script::honest(), new);
    assert_eq!(session.judgement.outcome, GateOutcome::Invalid, "{}", session.judgement.summary);
    session.judgement.invalid.join("\n")
}

#[test]
fn identical_programs_are_equal() {
    let Session { run, judgement } = with(&Script::honest(), &Script::honest());
    assert_eq!(judgement.outcome, GateOutcome::Passed, "{}", judgement.summary);
    let delta = &judgement.comparison.deltas[0];
    assert_eq!((delta.verdict, judgement.comparison.deltas.len()), (Verdict::Equal, 1), "{}", delta.why);
    assert_eq!(run.pairs.len(), 3, "the case and two controls");
    assert!(run.pairs[0].rounds.iter().all(|round| round.base.cpu_ns.len() == 8 && round.new.cpu_ns.len() == 8));
}

#[test]
fn a_slower_program_regressed_and_a_faster_one_improved() {
    let slower = Script { time_ns: 5_250_000, ..Script::honest() };
    let judgement = with(&Script::honest(), &slower).judgement;
    assert_eq!(judgement.outcome, GateOutcome::Regressed, "{}", judgement.summary);
    let delta = &judgement.comparison.deltas[0];
    assert!((delta.relative.unwrap() - 0.05).abs() < 0.005, "{delta:?}");
    assert!(delta.why.contains("in 20 fresh ones"), "{}", delta.why);
    let judgement = with(&slower, &Script::honest()).judgement;
    assert_eq!(judgement.outcome, GateOutcome::Passed);
    assert_eq!(judgement.comparison.deltas[0].verdict, Verdict::Improved);
}

#[test]
fn when_the_time_is_up_nothing_is_green() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::honest().write(&folder.path().join("worker"));
    let jobs = vec![pair(&case("codec_encode_small_json"), &script, &script, 0.0)];
    let (_, outcome) = measured(folder.path(), jobs, Deadlines::default(), Budget::start(Some(Duration::ZERO)));
    assert_eq!(outcome.deltas[0].verdict, Verdict::Inconclusive, "{}", outcome.deltas[0].why);
    let comparison = Comparison { differences: vec![], deltas: outcome.deltas };
    let judgement = gate::judge(comparison, &[], &[]);
    assert_eq!((judgement.outcome, judgement.outcome.exit().code()), (GateOutcome::Undecided, 3));
}

#[test]
fn after_the_first_look_only_controls_go_on_where_something_else_has_decided() {
    let folder = tempfile::tempdir().unwrap();
    let honest = Script::honest().write(&folder.path().join("honest"));
    let slower = Script { time_ns: 5_250_000, ..Script::honest() }.write(&folder.path().join("slower"));
    let jobs = vec![
        pair(&case("codec_encode_small_json"), &honest, &slower, 0.0),
        control(Control::Slower { percent: SLOWER_PERCENT }, &honest),
    ];
    let (deadlines, budget) = (Deadlines::default(), Budget::default());
    let (writer, outcome) = measured_to(folder.path(), jobs, deadlines, budget, true);
    let rounds: Vec<usize> = writer.so_far().pairs.iter().map(|paired| paired.rounds.len()).collect();
    assert_eq!(rounds, [20, 40]);
    assert_eq!(outcome.deltas[0].verdict, Verdict::Inconclusive, "a regression needs fresh rounds");
    assert!(outcome.wrong_controls.is_empty(), "{:?}", outcome.wrong_controls);
}

#[test]
fn a_control_that_shows_no_slowdown_makes_the_run_invalid() {
    let deaf = Script { extra_ns: 0, ..Script::honest() };
    assert!(refused(&deaf).contains("control with 5% more work"));
}

#[test]
fn swapped_labels_make_the_run_invalid() {
    let swapped = Script { extra_ns: -250_000, ..Script::honest() };
    let why = refused(&swapped);
    assert!(why.contains("it is improved"), "{why}");
}

#[test]
fn a_worker_that_dies_is_invalid() {
    let dead = Script { start: "echo out of memory >&2; exit 7", ..Script::honest() };
    let why = refused(&dead);
    assert!(why.contains("the new side: the worker died") && why.contains("stderr: out of memory"), "{why}");
    let later = Script { before_answer: "[ $n -lt 5 ] || exit 0", ..Script::honest() };
    assert!(refused(&later).contains("died"));
}

/// A worker that is killed leaves its temporary files behind.
#[test]
fn every_worker_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script { start: "touch started $$.temporary", after_end: "rm $$.temporary", ..Script::honest() };
    let worker = script.write(&folder.path().join("worker"));
    let jobs = vec![pair(&case("codec_encode_small_json"), &worker, &worker, 0.0)];
    measured(folder.path(), jobs, Deadlines::default(), Budget::default());
    let files = std::fs::read_dir(worker.parent().unwrap()).unwrap().map(|file| file.unwrap().file_name());
    let mut files: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["started", worker.file_name().unwrap().to_str().unwrap()]);
}

/// Each worker holds what only one can, while it is set up.
#[test]
fn workers_that_get_into_each_others_way_are_measured_alone() {
    let folder = tempfile::tempdir().unwrap();
    // A lock ends with its process, also if that is killed.
    let start = "exec 9> ../held; flock -n 9 || { echo in use >&2; exit 7; }; sleep 0.05 9>&-; flock -u 9";
    let script = Script { start, ..Script::honest() };
    let [base, new] = ["base", "new"].map(|side| script.write(&folder.path().join(side)));
    let jobs = vec![pair(&case("codec_encode_small_json"), &base, &new, 0.0)];
    let (writer, outcome) = measured(folder.path(), jobs, Deadlines::default(), Budget::default());
    assert!(writer.so_far().invalid.is_empty(), "{:?}", writer.so_far().invalid);
    assert_eq!((writer.so_far().pairs[0].rounds.len(), outcome.deltas[0].verdict), (20, Verdict::Equal));
}

/// Nothing is in the way of a server and its load, so a wrong answer of theirs is one.
#[test]
fn what_is_measured_alone_anyway_fails_the_first_time() {
    let folder = tempfile::tempdir().unwrap();
    let before_answer = "[ -e ../failed ] || { touch ../failed; exit 1; }";
    let script = Script { before_answer, ..Script::honest() };
    for (alone, invalid) in [(false, 0), (true, 1)] {
        let folder = folder.path().join(alone.to_string());
        let [base, new] = ["base", "new"].map(|side| script.write(&folder.join(side)));
        let mut job = pair(&case("codec_encode_small_json"), &base, &new, 0.0);
        let slicing = Slicing { operations: Some(1_000), alone, ..Slicing::OF_WORKERS };
        (job.base.slicing, job.new.slicing) = (slicing, slicing);
        let (writer, _) = measured(&folder, vec![job], Deadlines::default(), Budget::default());
        assert_eq!(writer.so_far().invalid.len(), invalid, "{:?}", writer.so_far().invalid);
    }
}

#[test]
fn a_worker_that_hangs_is_invalid_and_killed() {
    let patience = Duration::from_secs(2);
    let setup = Script { start: "echo $$ > pid; while read -r word; do :; done", ..Script::honest() };
    let work = Script { before_answer: "echo $$ > pid; while read -r word; do :; done", ..Script::honest() };
    for hanging in [setup, work] {
        let folder = tempfile::tempdir().unwrap();
        let deadlines = Deadlines { ready: patience, slice: patience, end: patience };
        let Session { judgement, .. } = session(folder.path(), &Script::honest(), &hanging, deadlines);
        assert_eq!(judgement.outcome, GateOutcome::Invalid);
        assert!(judgement.invalid[0].contains("it hung and was killed"), "{:?}", judgement.invalid);
        let pid = std::fs::read_to_string(folder.path().join("new/pid")).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "the process {pid} is still there");
    }
}

#[test]
fn a_worker_that_talks_nonsense_is_invalid() {
    let cases = [
        (Script { start: "echo hello", ..Script::honest() }, "the worker sent an invalid answer"),
        (Script { protocol: 9, ..Script::honest() }, "speaks protocol 9"),
        (Script { case: "another", ..Script::honest() }, "the sides are mixed up"),
        (Script { input: "other", ..Script::honest() }, "different inputs"),
        (Script { operations: "777", ..Script::honest() }, "operations instead of"),
        (Script { after_end: "echo more", ..Script::honest() }, "after its end"),
        (Script { after_end: "exit 3", ..Script::honest() }, "failed at its end"),
    ];
    for (script, expected) in cases {
        let why = refused(&script);
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn a_clock_that_stands_still_is_invalid() {
    let zero = Script { time_ns: 0, jitter: "0", ..Script::honest() };
    assert!(refused(&zero).contains("stands still"));
    let frozen = Script { jitter: "0", extra_ns: 0, ..Script::honest() };
    let session = with(&frozen, &frozen);
    assert_eq!(session.judgement.outcome, GateOutcome::Invalid);
    assert!(session.judgement.invalid[0].contains("the clock stands still"), "{:?}", session.judgement.invalid);
}

#[test]
fn a_clock_that_is_not_the_systems_is_invalid() {
    let slow = Script { more: r#","clocks":{"cpu_ns":1,"wall_ns":1}"#, ..Script::honest() };
    let why = refused(&slow);
    assert!(why.contains("the new side: the worker's") && why.contains("can't be believed"), "{why}");
}

#[test]
fn a_wrong_answer_and_an_idle_toggle_are_invalid() {
    for why in ["wrong answer: 3 steps of 4 are stored", "codec=postcard did not engage: the counter is 0"] {
        let answer = format!(r#"{{"answer":"failed","why":"{why}"}}"#);
        let lying = Script { at_end: &answer, ..Script::honest() };
        let refusal = refused(&lying);
        assert!(refusal.contains(why), "{refusal}");
    }
}

#[test]
fn less_work_is_not_faster() {
    let ended = |rows: u64| format!(r#"{{"answer":"end","counters":{{"rows_read":{rows},"cache_hits":{rows}}}}}"#);
    let (five, three) = (ended(500), ended(300));
    let base = Script { at_end: &five, ..Script::honest() };
    let faster = Script { time_ns: 4_000_000, at_end: &three, ..Script::honest() };
    let judgement = with(&base, &faster).judgement;
    assert_eq!(judgement.outcome, GateOutcome::Invalid, "{}", judgement.summary);
    assert!(judgement.invalid[0].contains("rows_read 300 in a process, the base 500"), "{:?}", judgement.invalid);
    assert!(!judgement.invalid[0].contains("cache_hits"), "how it is done may change: {:?}", judgement.invalid);
    let more = with(&Script { at_end: &three, ..Script::honest() }, &base).judgement;
    assert_eq!(more.outcome, GateOutcome::Passed, "{}", more.summary);
}

#[test]
fn a_worker_that_is_not_there_is_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::honest().write(&folder.path().join("worker"));
    let none = folder.path().join("none");
    let job = pair(&case("codec_encode_small_json"), &script, &none, 0.0);
    let (writer, outcome) = measured(folder.path(), vec![job], Deadlines::default(), Budget::default());
    assert!(writer.so_far().pairs[0].abandoned);
    assert!(writer.so_far().invalid[0].why.contains("can't start"));
    assert!(outcome.deltas.is_empty());
}
