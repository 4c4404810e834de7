//! The history of a project: added to, shown, and published.

use std::path::Path;

use baselines::CaseKey;
use baselines::history::{CaseValues, CommitRecord, History};

use super::support::{Project, run};

/// A history of 40 commits whose last 15 take a tenth more instructions, in the project's folder.
fn stepped(folder: &Path) -> History {
    let mut history = History::new("x86_64");
    for number in 0..40_u32 {
        let case = CaseKey { benchmark: "sums/squares".to_owned(), variant: String::new() };
        let value = 1000.0 + f64::from(number % 3) + if number >= 25 { 100.0 } else { 0.0 };
        let values = [("instructions".to_owned(), value), ("allocations".to_owned(), 2.0)].into();
        let (commit, date) = (format!("{number:040x}"), format!("2026-01-{:02}T00:00:{number:02}Z", 1 + number / 2));
        let cases = vec![CaseValues { case, operations: 20, values }];
        history.add(CommitRecord::new(commit, date, cases));
    }
    history.add(CommitRecord::left_out("beef", "2026-01-31T00:00:00Z", "it does not build"));
    history.write(&folder.join("baselines/history")).expect("written");
    history
}

#[test]
fn a_change_is_shown_with_its_commits_and_blocks_where_the_policy_says_so() {
    let project = Project::new(&[("Cargo.toml", "[package]\nname = \"summing\"\nversion = \"0.1.0\"\n")]);
    let (code, said, told) = project.assay(&["history", "show"]);
    assert_eq!((code, said.as_str()), (4, ""), "{told}");
    assert!(told.contains("`assay history backfill HEAD~20..HEAD`"), "{told}");
    stepped(&project.root());
    let (code, said, told) = project.assay(&["history", "show"]);
    assert_eq!(code, 0, "{said}{told}");
    let range = "instructions of sums/squares: 1000 to 1101 in 000000000000..000000000000 (2026-01-13)";
    assert!(said.contains("+10.1%") && said.contains(range), "{said}");
    assert!(said.contains("left out: beef (2026-01-31): it does not build"), "{said}");
    assert!(said.ends_with("2 series, 1 without a change\n"), "{said}");
    assert_eq!(project.assay(&["history", "show", "other"]).0, 4);
    let policy = "schema = 1\n[[rule]]\nmetric = \"instructions\"\nrelative = 0.01\naction = \"block\"\n[history]\naction = \"block\"\n";
    project.write("baselines/policy.toml", policy);
    assert_eq!(project.assay(&["history", "show"]).0, 0, "a policy judges when it is committed");
    project.commit();
    let (code, said, told) = project.assay(&["history", "show"]);
    assert_eq!(code, 100, "{said}{told}");
    assert!(said.contains(": worse, blocks"), "{said}");
    let (code, said, _) = project.assay(&["history", "site", "public"]);
    assert!(code == 0 && said.ends_with("index.html: 2 pages\n"), "{said}");
    assert!(project.root().join("public/.nojekyll").is_file());
}

#[test]
fn runs_become_points_of_their_commits() {
    let project = Project::new(&[("Cargo.toml", "[package]\nname = \"summing\"\nversion = \"0.1.0\"\n")]);
    let mut measured = run(&[("step/log", 1234.0)]);
    let file = project.root().join("run.jsonl");
    measured.write(&file).expect("written");
    let (code, said, told) = project.assay(&["history", "add", "run.jsonl"]);
    assert!(code == 0 && said.contains("1 cases of 0123456789abcdef"), "{said}{told}");
    let [history] = &History::list(&project.root().join("baselines/history")).expect("listed")[..] else {
        panic!("one environment")
    };
    assert_eq!(history.environment, measured.header.environment.key());
    assert_eq!(history.commits[0].date, "2026-01-01T00:00:00Z", "the run's, as no commit has that name");
    assert_eq!(history.commits[0].cases[0].values["instructions"], 1234.0);
    assert!(!told.contains("note:"), "{told}");
    measured.header.environment.commit = "f".repeat(40);
    measured.measurements[0].operations = 7;
    measured.write(&file).expect("written");
    let (code, _, told) = project.assay(&["history", "add", "run.jsonl"]);
    assert!(code == 0 && told.contains("was counted over 7 operations"), "{told}");
    assert!(told.contains("this begins another series"), "{told}");
    measured.header.environment.dirty = true;
    measured.write(&file).expect("written");
    let (code, _, told) = project.assay(&["history", "add", "run.jsonl"]);
    assert!(code == 1 && told.contains("a history is of commits: commit, and measure again"), "{told}");
}

#[test]
fn a_range_without_commits_is_said_to_be_reversed() {
    let manifest = "[package]\nname = \"summing\"\nversion = \"0.1.0\"\n";
    let project = Project::new(&[("Cargo.toml", manifest), ("src/lib.rs", "")]);
    project.write("src/lib.rs", "//! Sums.\n");
    project.commit();
    for (range, why) in [
        ("HEAD..HEAD~1", "`HEAD..HEAD~1` has no commits, because HEAD~1 is an ancestor of HEAD: give HEAD~1..HEAD"),
        ("..HEAD~1", "`..HEAD~1` has no commits, because HEAD~1 is an ancestor of HEAD: give HEAD~1..HEAD"),
        ("HEAD..", "`HEAD..` has no commits: give two revisions, the older one first"),
    ] {
        let (code, said, told) = project.assay(&["history", "backfill", range]);
        assert!(code == 4 && said.is_empty() && told.contains(why), "{said}{told}");
    }
}

#[test]
fn a_report_shows_the_trend_and_keeps_it() {
    let project = Project::new(&[("Cargo.toml", "[package]\nname = \"summing\"\nversion = \"0.1.0\"\n")]);
    let add = |number: u32, instructions: f64| {
        let mut measured = run(&[("step/log", instructions)]);
        measured.header.environment.commit = format!("{number:040}");
        measured.header.started_at = format!("2026-01-{number:02}T00:00:00Z");
        measured.write(&project.root().join("run.jsonl")).expect("written");
        assert_eq!(project.assay(&["history", "add", "run.jsonl"]).0, 0);
    };
    (1..=8).for_each(|number| add(number, 1000.0));
    (9..=16).for_each(|number| add(number, 1100.0));
    let page = |run: &str| {
        let (code, said, told) = project.assay(&["report", run, "--output", "page.html"]);
        assert_eq!(code, 0, "{said}{told}");
        std::fs::read_to_string(project.root().join("page.html")).expect("a page")
    };
    let first = page("run.jsonl");
    assert!(first.contains("16 commits, 1 change, the last one +10.0% at 000000000000 (2026-01-09)"), "{first}");
    // The page has its history: without the project's, it is made again with the trend.
    let kept = project.root().join("baselines/history");
    let [stored] = &History::list(&kept).expect("listed")[..] else { panic!("one environment") };
    project.write("run.history.jsonl", &stored.to_text());
    std::fs::remove_dir_all(&kept).expect("removed");
    assert_eq!(page("run.jsonl"), first);
    assert!(first.contains("download=\"run.history.jsonl.gz\""), "{first}");
}

#[test]
fn a_run_like_no_other_is_marked_and_becomes_no_baseline_without_a_word() {
    let project = Project::new(&[("Cargo.toml", "[package]\nname = \"summing\"\nversion = \"0.1.0\"\n")]);
    let written = |number: u32, share: f64| {
        let counts = ["a", "b", "c", "d", "e"].map(|name| (name, 1000.0 * share));
        let mut measured = run(&counts);
        measured.header.environment.commit = format!("{number:040}");
        measured.header.started_at = format!("2026-01-{number:02}T00:00:00Z");
        measured.write(&project.root().join("run.jsonl")).expect("written");
    };
    for number in 1..=10 {
        written(number, 1.0);
        assert_eq!(project.assay(&["history", "add", "run.jsonl"]).0, 0);
    }
    let accept = |more: &[&str]| {
        let accept = ["baseline", "accept", "run.jsonl", "--reason", "first", "--baselines", "stored"];
        project.assay(&[&accept[..], more].concat())
    };
    assert_eq!(accept(&[]).0, 0, "one like the others");
    written(11, 1.1);
    let told = "outside of the forecast's 99% interval in 5 of 5 benchmarks, and like no other run";
    let (code, _, said) = accept(&[]);
    assert!(code == 1 && said.contains(told) && said.contains("accept it with --odd"), "{said}");
    assert_eq!(accept(&["--odd"]).0, 0);
    assert_eq!(project.assay(&["history", "add", "run.jsonl"]).0, 0);
    let (_, said, _) = project.assay(&["history", "show"]);
    assert!(said.contains(&format!("odd: 000000000000 (2026-01-11): {told}\n")), "{said}");
}
