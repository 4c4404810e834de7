//! The command as users and CI see it: stdout, stderr, exit code. Nothing is measured here.

use super::support::like_the_memory;
use std::fs;
use std::process::{Command, Stdio};

use crate::support::{assay, parts, run};

#[test]
fn help_teaches_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, stdout, _) = parts(&assay(folder.path(), &["--help"]));
    assert_eq!(code, 0);
    for command in ["run", "compare", "gate", "profile", "report", "baseline", "corpus", "calibrate"] {
        assert!(stdout.contains(&format!("  {command}")), "{command} is not in the help");
        let (code, help, _) = parts(&assay(folder.path(), &[command, "--help"]));
        assert_eq!(code, 0, "{command} --help");
        assert!(help.len() > 200, "{command} --help teaches nothing:\n{help}");
    }
    assert_eq!(parts(&assay(folder.path(), &["fly"])).0, 2, "an unknown command is a usage error");
    assert_eq!(parts(&assay(folder.path(), &["run", "--lane", "fast"])).0, 2, "an unknown lane is a usage error");
    let (code, _, stderr) = parts(&assay(folder.path(), &["gate", "--against", "HEAD~1", "--budget", "29"]));
    assert_eq!(code, 2, "nothing is measured in less than half a minute");
    assert!(stderr.contains("at least 30 seconds") && !stderr.contains("18446744073709551615"), "{stderr}");
}

#[test]
fn what_would_be_measured_can_be_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    like_the_memory(folder.path());
    let (code, stdout, _) = parts(&assay(folder.path(), &["run", "--list", "retrieve"]));
    assert_eq!((code, stdout.lines().count()), (0, 5));
    let listed = |arguments: &[&str]| parts(&assay(folder.path(), arguments)).1.lines().count();
    assert!(listed(&["run", "--list", "--profile", "quick"]) < listed(&["run", "--list"]), "a brief run has fewer");
    assert_eq!(listed(&["run", "--list", "--profile", "quick", "retrieve/10000"]), 2, "what is named is measured");
    let (code, stdout, _) = parts(&assay(folder.path(), &["run", "--list", "no such thing"]));
    assert_eq!((code, stdout.as_str()), (4, ""));
    let (code, _, stderr) = parts(&assay(folder.path(), &["run", "--list", "--set", "codec=morse"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("json, messagepack, postcard"), "{stderr}");
}

#[test]
fn what_only_the_memory_has_is_refused_elsewhere_before_anything_is_built() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in [&["gate", "--against", "HEAD"][..], &["gate"], &["run"], &["run", "--list"]] {
        for more in [["--set", "foo=bar"], ["--corpus", "x"]] {
            let (code, _, stderr) = parts(&assay(folder.path(), &[command, &more[..]].concat()));
            assert_eq!(code, 1, "{stderr}");
            assert!(stderr.contains("of the reference memory, which is not measured here"), "{command:?}: {stderr}");
        }
    }
}

#[test]
fn a_regression_ends_with_100_and_names_the_function() {
    let folder = tempfile::tempdir().expect("a folder");
    let baselines = folder.path().join("stored");
    let at = |name: &str| folder.path().join(name);
    run(&[("retrieve/100", 100_000.0), ("step/log", 5000.0)]).write(&at("base.jsonl")).expect("writes");
    run(&[("retrieve/100", 101_000.0), ("step/log", 5000.0)]).write(&at("worse.jsonl")).expect("writes");
    let stored = baselines.to_str().expect("utf-8");
    let (code, stdout, stderr) =
        parts(&assay(folder.path(), &["baseline", "accept", "base.jsonl", "--reason", "first", "--baselines", stored]));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.trim().ends_with(".jsonl"));

    let gate = |run: &str| parts(&assay(folder.path(), &["gate", "--run", run, "--baselines", stored]));
    let (code, stdout, _) = gate("base.jsonl");
    assert_eq!(code, 0, "{stdout}");
    let (code, stdout, _) = gate("worse.jsonl");
    assert_eq!(code, 100, "{stdout}");
    assert!(stdout.contains("retrieve/100") && stdout.contains("memory::work"), "{stdout}");
    let (code, stdout, _) = parts(&assay(folder.path(), &["compare", "base.jsonl", "worse.jsonl"]));
    assert_eq!(code, 100, "{stdout}");
    let (code, stdout, _) = parts(&assay(folder.path(), &["compare", "worse.jsonl", "base.jsonl"]));
    assert_eq!(code, 0, "better is not worse: {stdout}");
    assert!(stdout.contains("improved"), "{stdout}");
}

#[test]
fn a_reader_that_goes_away_changes_no_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    run(&[("retrieve/100", 100_000.0)]).write(&folder.path().join("base.jsonl")).expect("writes");
    run(&[("retrieve/100", 101_000.0)]).write(&folder.path().join("worse.jsonl")).expect("writes");
    for (arguments, code) in [
        (&["report", "base.jsonl", "--format", "text"][..], 0),
        (&["compare", "base.jsonl", "worse.jsonl"], 100),
        (&["run", "--metrics"], 0),
        (&["man"], 0),
    ] {
        let mut assay = Command::new(env!("CARGO_BIN_EXE_assay"));
        assay.args(arguments).current_dir(folder.path()).env("CARGO_TARGET_DIR", folder.path().join("target"));
        let mut child = assay.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("assay starts");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("it ends");
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
    }
}

#[test]
fn a_missing_benchmark_is_never_green() {
    let folder = tempfile::tempdir().expect("a folder");
    run(&[("retrieve/100", 100.0), ("step/log", 100.0)]).write(&folder.path().join("base.jsonl")).expect("writes");
    run(&[("retrieve/100", 100.0)]).write(&folder.path().join("new.jsonl")).expect("writes");
    let (code, stdout, _) = parts(&assay(folder.path(), &["compare", "base.jsonl", "new.jsonl"]));
    assert_eq!(code, 3, "{stdout}");
    assert!(stdout.contains("missing"), "{stdout}");
}

#[test]
fn what_a_brief_run_leaves_out_is_not_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (all, brief) =
        ([("retrieve/100", 9.0), ("retrieve/10000", 9.0), ("step/log", 9.0)], ["retrieve/100", "step/log"]);
    run(&all).write(&folder.path().join("base.jsonl")).expect("writes");
    let accepted =
        assay(folder.path(), &["baseline", "accept", "base.jsonl", "--reason", "first", "--baselines", "stored"]);
    assert_eq!(parts(&accepted).0, 0);
    let gate = |profile: &str, benchmarks: &[&str]| {
        let counts: Vec<(&str, f64)> = benchmarks.iter().map(|benchmark| (*benchmark, 9.0)).collect();
        let mut new = run(&counts);
        profile.clone_into(&mut new.header.profile);
        new.write(&folder.path().join("new.jsonl")).expect("writes");
        parts(&assay(folder.path(), &["gate", "--run", "new.jsonl", "--baselines", "stored"]))
    };
    let (code, stdout, _) = gate("quick", &brief);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("2 of 3 cases: a quick run"), "{stdout}");
    let (_, stdout, _) = gate("quick", &all.map(|(benchmark, _)| benchmark));
    assert!(!stdout.contains("a quick run"), "nothing was left out: {stdout}");
    assert_eq!(gate("full", &brief).0, 3, "a full run must have it");
    let (code, stdout, _) = gate("quick", &brief[..1]);
    assert_eq!(code, 3, "a brief run has `step/log`: {stdout}");
}

#[test]
fn comparing_nothing_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    run(&[("retrieve/100", 100.0)]).write(&folder.path().join("base.jsonl")).expect("writes");
    let mut unnamed = run(&[("retrieve/100", 100.0)]);
    unnamed.measurements[0].metric = "wall_time".to_owned();
    unnamed.write(&folder.path().join("times.jsonl")).expect("writes");
    let (code, stdout, _) = parts(&assay(folder.path(), &["compare", "times.jsonl", "times.jsonl"]));
    assert_eq!(code, 4, "times of two sessions are never judged: {stdout}");
    assert!(stdout.contains("nothing was compared"), "{stdout}");
    let (code, _, stderr) = parts(&assay(folder.path(), &["gate", "--run", "base.jsonl", "--baselines", "nowhere"]));
    assert_eq!(code, 4);
    assert!(stderr.contains("there is no baseline in nowhere"), "{stderr}");
}

#[test]
fn a_baseline_of_another_machine_is_incomparable_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut other = run(&[("retrieve/100", 100.0)]);
    other.header.environment.rustc = "rustc 1.0.0 (a59de37e9 2015-05-13)".to_owned();
    other.header.environment.valgrind = Some("valgrind-2.0.0".to_owned());
    other.header.environment.libc = "glibc 2.0".to_owned();
    other.header.environment.cpu_features = vec!["abacus".to_owned()];
    other.write(&folder.path().join("other.jsonl")).expect("writes");
    let mut here = run(&[("retrieve/100", 900.0)]);
    here.header.environment.cpu_features = vec!["avx2".to_owned()];
    here.write(&folder.path().join("here.jsonl")).expect("writes");
    let stored = folder.path().join("stored");
    let stored = stored.to_str().expect("utf-8");
    let accepted =
        assay(folder.path(), &["baseline", "accept", "other.jsonl", "--reason", "elsewhere", "--baselines", stored]);
    assert_eq!(parts(&accepted).0, 0);
    let (code, stdout, _) = parts(&assay(folder.path(), &["gate", "--run", "here.jsonl", "--baselines", stored]));
    assert_eq!(code, 4, "{stdout}");
    for field in ["incomparable", "rustc", "valgrind", "libc", "cpu_features"] {
        assert!(stdout.contains(field), "{field} is not said:\n{stdout}");
    }
}

#[test]
fn damaged_runs_have_each_their_own_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.jsonl");
    run(&[("retrieve/100", 100.0), ("step/log", 100.0)]).write(&path).expect("writes");
    let whole = fs::read_to_string(&path).expect("reads");
    let lines: Vec<&str> = whole.lines().collect();
    let attempt = |contents: String, expected_code: i32, expected: &str| {
        fs::write(&path, contents).expect("writes");
        let (code, _, stderr) = parts(&assay(folder.path(), &["report", "run.jsonl", "--format", "text"]));
        assert_eq!(code, expected_code, "{expected}: {stderr}");
        assert!(stderr.contains(expected), "expected `{expected}`:\n{stderr}");
        assert_eq!(stderr.lines().count(), 1, "one line: {stderr}");
    };
    attempt(String::new(), 4, "is an empty run");
    attempt("{}\n".to_owned(), 1, "no schema version");
    attempt("not json\n".to_owned(), 1, "is not a run");
    attempt(whole.replace("\"schema\":4", "\"schema\":99"), 1, "has schema version 99, this assay reads 1 to 4");
    attempt(format!("{}\n{}\n", lines[0], lines[1]), 1, "is truncated after 1 measurements");
    attempt(format!("{}\n{}\n{}", lines[0], lines[1], &lines[2][..40]), 1, "is truncated after 1 measurements");
    attempt(format!("{}\n{}\n{}\n", lines[0], &lines[1][..40], lines[2]), 1, "run.jsonl:2: not a record");
    attempt(whole.replacen("[100.0]", "[NaN]", 1), 1, "run.jsonl:2: not a record");
    attempt(whole.replacen("[100.0]", "[null]", 1), 1, "run.jsonl:2: not a record");
    attempt(whole.replacen("[100.0]", "[]", 1), 1, "a sample needs at least one value");
    attempt(whole.replacen("\"instructions\",", "\"wishes\",", 1), 1, "unknown metric `wishes`");
    attempt(format!("{}\n{}\n{}\n{}\n", lines[0], lines[1], lines[1], lines[3]), 1, "twice");
    attempt(
        whole.replacen("\"measurements\":2", "\"measurements\":3", 1),
        1,
        "the end line counts 3 measurements, the file has 2",
    );
    attempt(format!("{}\n{}\n", lines[0], lines[3].replace('2', "0")), 4, "is an empty run");
    fs::write(&path, format!("{}\n{}\n", lines[0], lines[1])).expect("writes");
    let (code, stdout, _) = parts(&assay(folder.path(), &["report", "run.jsonl", "--format", "text", "--partial"]));
    assert_eq!(code, 0, "what a killed run left is not lost: {stdout}");
    assert!(stdout.contains("retrieve/100"), "{stdout}");
}

#[test]
fn a_baseline_needs_a_reason_and_a_clean_tree() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut dirty = run(&[("retrieve/100", 100.0)]);
    dirty.header.environment.dirty = true;
    dirty.write(&folder.path().join("dirty.jsonl")).expect("writes");
    let accept = |reason: &str, more: &[&str]| {
        let mut arguments = vec!["baseline", "accept", "dirty.jsonl", "--baselines", "stored", "--reason", reason];
        arguments.extend_from_slice(more);
        parts(&assay(folder.path(), &arguments))
    };
    assert!(accept(" ", &["--dirty"]).2.contains("with a reason"));
    assert!(accept("first", &[]).2.contains("uncommitted") || accept("first", &[]).2.contains("dirty tree"));
    assert_eq!(accept("first", &["--dirty"]).0, 0);
    let (code, stdout, _) = parts(&assay(folder.path(), &["baseline", "list", "--baselines", "stored"]));
    assert_eq!(code, 0);
    assert!(stdout.contains("first"), "{stdout}");
    assert_eq!(parts(&assay(folder.path(), &["baseline", "list", "--baselines", "nowhere"])).0, 4);
}

#[test]
fn policies_that_guard_nothing_are_found_out() {
    let folder = tempfile::tempdir().expect("a folder");
    run(&[("retrieve/100", 100.0)]).write(&folder.path().join("run.jsonl")).expect("writes");
    let compare = |policy: &str| {
        fs::write(folder.path().join("policy.toml"), policy).expect("writes");
        parts(&assay(folder.path(), &["compare", "run.jsonl", "run.jsonl", "--policy", "policy.toml"]))
    };
    let rule = "schema = 1\n[[rule]]\nmetric = \"instructions\"\naction = \"block\"\n";
    assert_eq!(compare(rule).0, 0);
    let (code, stdout, _) =
        compare(&format!("{rule}[[rule]]\nmetric = \"instructions\"\nbenchmark = \"gone/*\"\naction = \"block\"\n"));
    assert_eq!(code, 3, "{stdout}");
    assert!(stdout.contains("gone/*"), "{stdout}");
    let expired = "[[exception]]\nmetric = \"instructions\"\nbenchmark = \"retrieve/*\"\nrelative = 0.5\nreason = \
        \"known\"\nexpires = \"2020-01-01\"\n";
    let (code, stdout, _) = compare(&format!("{rule}{expired}"));
    assert_eq!(code, 3, "{stdout}");
    assert!(stdout.contains("ran out on 2020-01-01"), "{stdout}");
    let (code, _, stderr) = compare("schema = 1\n[[rule]]\nmetric = \"instuctions\"\naction = \"block\"\n");
    assert_eq!(code, 1);
    assert!(stderr.contains("unknown metric `instuctions`"), "{stderr}");
}

#[test]
fn a_run_that_cannot_be_believed_is_neither_red_nor_green() {
    let folder = tempfile::tempdir().expect("a folder");
    run(&[("retrieve/100", 100.0)]).write(&folder.path().join("base.jsonl")).expect("writes");
    let mut doubtful = run(&[("retrieve/100", 100.0)]);
    doubtful.invalid.push(baselines::InvalidEntry { what: "step/log".into(), why: "wrong answer".into() });
    doubtful.write(&folder.path().join("new.jsonl")).expect("writes");
    let (code, stdout, _) = parts(&assay(folder.path(), &["compare", "base.jsonl", "new.jsonl"]));
    assert_eq!(code, 3, "{stdout}");
    assert!(stdout.contains("wrong answer"), "{stdout}");
}

#[test]
fn a_corpus_can_be_generated_imported_and_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, stdout, stderr) =
        parts(&assay(folder.path(), &["corpus", "generate", "--episodes", "20", "--seed", "3"]));
    assert_eq!((code, stdout.as_str()), (0, "corpus.jsonl: 20 episodes\n"), "{stderr}");
    let (code, stdout, _) = parts(&assay(folder.path(), &["corpus", "shape", "corpus.jsonl"]));
    assert_eq!(code, 0);
    assert!(stdout.starts_with("20 episodes"), "{stdout}");
    fs::write(folder.path().join("broken.traj"), "{\"trajectory\": [{\"action\": 7}]}").expect("writes");
    let (code, _, stderr) = parts(&assay(folder.path(), &["corpus", "import", "broken.traj", "-o", "out.jsonl"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("broken.traj") && stderr.contains("trajectory[0]"), "{stderr}");
    let skip = assay(folder.path(), &["corpus", "import", "broken.traj", "-o", "out.jsonl", "--malformed", "skip"]);
    let (code, _, stderr) = parts(&skip);
    assert_eq!(code, 4, "{stderr}");
    assert!(!folder.path().join("out.jsonl").exists(), "nothing is written for nothing");
}

/// What somebody archived is enough: the page has the run in it, and the run makes the page.
#[test]
fn a_page_can_be_made_again_from_itself() {
    let (first, second) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    run(&[("retrieve/100", 100.0), ("retrieve/1000", 900.0)]).write(&first.path().join("run.jsonl")).expect("writes");
    let report = ["report", "run.jsonl", "--output", "page.html"];
    assert_eq!(parts(&assay(first.path(), &report)).0, 0);
    let page = fs::read_to_string(first.path().join("page.html")).expect("reads");
    let packed = page.split("base64,").nth(1).and_then(|rest| rest.split_once("\" download=\"run.jsonl.gz\""));
    fs::write(second.path().join("packed"), packed.expect("the run is in the page").0).expect("writes");
    let unpacked = std::process::Command::new("bash")
        .args(["-c", "base64 -d packed | gunzip > run.jsonl"])
        .current_dir(second.path())
        .status();
    assert!(unpacked.expect("bash starts").success());
    assert_eq!(parts(&assay(second.path(), &report)).0, 0);
    assert!(fs::read_to_string(second.path().join("page.html")).expect("reads") == page, "it is the same page");
}

#[test]
fn a_full_disk_loses_nothing_that_was_there() {
    let folder = tempfile::tempdir().expect("a folder");
    run(&[("retrieve/100", 100.0)]).write(&folder.path().join("run.jsonl")).expect("writes");
    let report = ["report", "run.jsonl", "--output", "page.html"];
    assert_eq!(parts(&assay(folder.path(), &report)).0, 0);
    let before = fs::read(folder.path().join("page.html")).expect("reads");
    // A process that may write only 1 KiB a file gets the error of a full disk, without filling one.
    let limited = std::process::Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_assay")])
        .args(report)
        .current_dir(folder.path())
        .output()
        .expect("bash starts");
    let (code, _, stderr) = parts(&limited);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("page.html"), "{stderr}");
    assert!(fs::read(folder.path().join("page.html")).expect("still there") == before, "the old page is whole");
    assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 2, "no temporary file stays");
}

#[test]
fn recall_is_stated_and_too_little_of_it_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let recall = |queries: &str, more: &[&str]| {
        let arguments = [&["recall", "--sizes", "50,1500", "--episodes", "120", "--queries", queries], more].concat();
        parts(&assay(folder.path(), &arguments))
    };
    let (code, stdout, stderr) = recall("8", &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.starts_with("recall at 10 of retrieval=indexed against the exhaustive scan: 8 queries"), "{stdout}");
    for (data, size) in [("text", 50), ("text", 1500), ("vectors", 50), ("vectors", 1500)] {
        for query in ["known", "new", "unlike"] {
            let line = format!("\n  {data:<7} {size:>9}  {query:<6}  ");
            assert!(stdout.contains(&line), "{line} is not in {stdout}");
            assert!(
                data == "vectors" || stdout.contains(&format!("{line}1.0000 ")),
                "texts have exact codes: {stdout}"
            );
        }
    }
    assert!(stdout.contains("the exhaustive scan of a database: 120 episodes, 8 queries\n"), "{stdout}");
    assert!(stdout.contains("retrieval=indexed          1.0000\n"), "{stdout}");
    assert!(stdout.contains("bytes without libSQL's index"), "{stdout}");
    let (code, _, stderr) = recall("8", &["--least", "1.5"]);
    assert_eq!(code, 1, "more than everything cannot be found");
    assert!(stderr.contains("less than 1.5"), "{stderr}");
    let (code, _, stderr) = recall("0", &[]);
    assert_eq!((code, stderr.contains("compares nothing")), (1, true), "{stderr}");
    let (code, _, stderr) = recall("8", &["--sizes", "500,5"]);
    assert_eq!((code, stderr.contains("in rising order")), (1, true), "{stderr}");
}
