//! Plants a 1% slowdown in a copy of `memory`: the gate must find it and name the function, and must be quiet without
//! it. Ten slowdowns of other kinds ([`plants`]) are planted in another copy, and six that wait, or ask the system or
//! the database for more ([`waiting_plants`]). Each copy is built anew, which takes minutes: they run on request.
//!
//! ```text
//! cargo nextest run --release -p cargo-assay --run-ignored only --no-capture -E 'test(planted::)'
//! ```
//!
//! What runs always plants in small projects (`project.rs` and its neighbours).
//!
//! Nothing is simulated: cargo builds the copy, valgrind counts it, the gate judges it. Without valgrind the test
//! prints that it is skipped.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::parts;
use crate::{plants, waiting_plants};

const FILTER: &str = "retrieve/100 ";
const FUNCTION: &str = "memory::retrieval::ranking::context_match";

#[test]
#[ignore = "builds a copy of the workspace: minutes"]
fn a_planted_slowdown_is_found_and_named() {
    if let Some(why) = harness::tools::valgrind::missing() {
        println!("skipped: {why}");
        return;
    }
    let workspace = harness::workspace::root();
    let folder = tempfile::tempdir_in(harness::workspace::target()).expect("a folder on the disk of the build");
    let stored = folder.path().join("stored");
    let base = folder.path().join("base.jsonl");

    // The unchanged tree: measured, accepted, and quiet.
    let run = assay(&workspace, None, &["run", FILTER, "--lane", "counts", "--output", text(&base)]);
    assert_eq!(parts(&run).0, 0, "{}", parts(&run).2);
    let accept = ["baseline", "accept", text(&base), "--reason", "as it is", "--dirty", "--baselines", text(&stored)];
    assert_eq!(parts(&assay(&workspace, None, &accept)).0, 0);
    let gate = ["gate", FILTER, "--baselines", text(&stored)];
    let (code, stdout, stderr) = parts(&assay(&workspace, None, &gate));
    assert_eq!(code, 0, "nothing changed:\n{stdout}{stderr}");

    // The copy, slower by about 1% in one function that runs once for each episode.
    let instructions = baselines::Run::read(&base, false).expect("a run").measurements;
    let counted = instructions.iter().find(|measurement| measurement.metric == "instructions").expect("counted");
    let copy = folder.path().join("copy");
    copy_workspace(&workspace, &copy);
    plant(&copy.join("memory/src/retrieval/ranking.rs"), counted.sample.median() / 100.0);
    let target = copy.join("target");
    copy_build(&harness::workspace::target(), &target);
    let (code, stdout, stderr) = parts(&assay(&copy, Some(&target), &gate));
    println!("{stdout}");
    let change = slower(&copy, counted.sample.median());
    assert!((0.005..0.02).contains(&change), "the plant is {:.2}% and should be about 1%", change * 100.0);
    assert_eq!(code, 100, "the plant was not found:\n{stdout}{stderr}");
    assert!(
        stdout.contains("retrieve/100") && stdout.contains(FUNCTION),
        "the report does not name the function:\n{stdout}"
    );
}

#[test]
fn every_plant_has_its_place() {
    let workspace = harness::workspace::root();
    assert_eq!([plants::lost(&workspace), waiting_plants::lost(&workspace)].concat(), [""; 0], "correct the plants");
}

#[test]
#[ignore = "builds a copy of the workspace and counts a case eleven times: minutes"]
fn ten_planted_changes_are_found_and_named() {
    counted_with(plants::plant, |count| plants::check(count));
}

#[test]
#[ignore = "builds a copy of the workspace and counts twelve cases: minutes"]
fn six_planted_changes_are_red_by_the_metric_they_belong_to() {
    counted_with(waiting_plants::plant, |count| waiting_plants::check(count));
}

/// Changes a copy of the workspace and builds it; `check` counts cases of it with one of the changes switched on.
fn counted_with(change: impl FnOnce(&Path), check: impl FnOnce(&dyn Fn(&str, usize) -> baselines::Run)) {
    if let Some(why) = harness::tools::valgrind::missing() {
        println!("skipped: {why}");
        return;
    }
    let workspace = harness::workspace::root();
    let folder = tempfile::tempdir_in(harness::workspace::target()).expect("a folder on the disk of the build");
    let copy = folder.path().join("copy");
    copy_workspace(&workspace, &copy);
    change(&copy);
    let target = copy.join("target");
    copy_build(&harness::workspace::target(), &target);
    check(&|case, plant| {
        let path = folder.path().join(format!("{case}-{plant}.jsonl"));
        let arguments = ["run", case, "--lane", "counts", "--output", text(&path)];
        let run = command(&copy, Some(&target), &arguments).env("ASSAY_PLANT", plant.to_string()).output();
        let (code, _, stderr) = parts(&run.expect("assay starts"));
        assert_eq!(code, 0, "plant {plant}: {stderr}");
        let mut run = baselines::Run::read(&path, false).expect("a run");
        // The name of a case may begin the name of others.
        let wanted = harness::recorded::Recorded::key(&workloads::cases::find(case, &[]).expect("listed"));
        run.measurements.retain(|measurement| measurement.case == wanted);
        run
    });
}

/// The slowdown of the copy's only run, relative to the base.
fn slower(copy: &Path, base: f64) -> f64 {
    let mut runs = std::fs::read_dir(copy.join("target/assay/runs"))
        .expect("the gate kept its run")
        .map(|entry| entry.expect("lists").path());
    let run = runs.find(|path| !path.to_string_lossy().contains(".stacks.")).expect("the gate kept its run");
    let measurements = baselines::Run::read(&run, false).expect("a run").measurements;
    let counted = measurements.iter().find(|measurement| measurement.metric == "instructions").expect("counted");
    counted.sample.median() / base - 1.0
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

fn assay(folder: &Path, target: Option<&Path>, arguments: &[&str]) -> Output {
    command(folder, target, arguments).output().expect("assay starts")
}

fn command(folder: &Path, target: Option<&Path>, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1").env_remove("GITHUB_BASE_REF");
    if let Some(target) = target {
        command.env("CARGO_TARGET_DIR", target);
    }
    command
}

pub fn copy_workspace(from: &Path, to: &Path) {
    let listed = Command::new("git")
        .args(["ls-files", "-co", "--exclude-standard"])
        .current_dir(from)
        .output()
        .expect("git lists");
    for file in
        String::from_utf8(listed.stdout).expect("names are UTF-8").lines().filter(|file| from.join(file).is_file())
    {
        let copy = to.join(file);
        std::fs::create_dir_all(copy.parent().expect("a file has a folder")).expect("makes folders");
        std::fs::copy(from.join(file), &copy).expect("copies");
        // With the age of the original: cargo then builds only changed crates again, and those that depend on them.
        let modified = std::fs::metadata(from.join(file)).and_then(|file| file.modified()).expect("has an age");
        let opened = std::fs::File::options().write(true).open(&copy).expect("opens");
        opened.set_modified(modified).expect("sets the age");
    }
}

/// Copies the build folder, so that only changed crates and those that depend on them are compiled.
pub fn copy_build(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("release")).expect("makes folders");
    for part in ["deps", "build", ".fingerprint"] {
        let source: PathBuf = from.join("release").join(part);
        let copied = Command::new("cp").arg("-a").arg(source).arg(to.join("release")).status().expect("cp starts");
        assert!(copied.success(), "cp failed");
    }
}

/// Adds a loop of about `instructions` an operation to a function that an operation calls 100 times.
fn plant(file: &Path, instructions: f64) {
    let source = std::fs::read_to_string(file).expect("reads");
    let head = "pub fn context_match(query: &TaskContext, context: &TaskContext) -> f32 {\n";
    assert!(source.contains(head), "the function has another head: correct this test");
    // A turn of the loop is three to five instructions; the compiler must not know the number of turns, or it unrolls
    // them.
    let turns = (instructions / 100.0 / 4.0).ceil().max(1.0) as u64;
    let turns = format!("for turn in 0..std::hint::black_box({turns}u64) {{ std::hint::black_box(turn); }}");
    let planted = format!("{head}    {turns}\n");
    std::fs::write(file, source.replace(head, &planted)).expect("writes");
}

/// Changes a file of a copy.
pub fn edit(file: &Path, change: impl FnOnce(String) -> String) {
    let source = std::fs::read_to_string(file).expect("reads");
    std::fs::write(file, change(source)).expect("writes");
}
