//! The tools of `assay mcp`, called by the official Python SDK in a small project.

use std::path::Path;

use serde_json::{Value, json};

#[path = "../../../../../memory/memory-mcp/tests/tools/client.rs"]
mod client;

use self::client::{Client, names};
use crate::support::{LIBRARY, Project, has_valgrind, slower, summing};

fn start(mode: &str, project: &Project) -> Option<Client> {
    Client::start(mode, &[env!("CARGO_BIN_EXE_assay"), "mcp"], &project.root())
}

fn text(answer: &Value) -> &str {
    answer["text"].as_str().expect("a text")
}

#[test]
fn an_agent_finds_a_slower_function_and_its_cause() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    project.write("src/lib.rs", &slower(LIBRARY));
    let Some(mut client) = start("auto", &project) else { return };
    let listed = client.list();
    assert_eq!((&listed["server"], names(&listed).len()), (&json!("assay"), 5));

    let listed = client.call("list", json!({ "filter": "sums/" }));
    let benchmarks: Vec<&str> = text(&listed).lines().filter(|line| !line.starts_with("skipped")).collect();
    assert!(benchmarks.len() == 2 && benchmarks[1].ends_with("sums/largest"), "{listed}");

    let gated = client.call("gate", json!({ "against": "HEAD", "filter": "sums/", "lane": "counts" }));
    let said = text(&gated);
    assert!(said.starts_with("regressed"), "the verdict comes first: {said}");
    assert!(said.lines().nth(1).is_some_and(|line| line.starts_with("exit code 100 (regressed)")), "{said}");
    assert!(said.contains("summing::squares: costlier per call"), "{said}");
    let fields = &gated["structured"];
    assert_eq!((&fields["outcome"], &fields["exit_code"]), (&json!("regressed"), &json!(100)));
    let row = &fields["rows"][0];
    assert_eq!(
        (&row["verdict"], &row["blocks"], &row["metric"]),
        (&json!("regressed"), &json!(true), &json!("instructions"))
    );
    assert!(row["benchmark"].as_str().is_some_and(|name| name.ends_with("sums/squares")), "{row}");
    assert!(row["change_percent"].as_f64().is_some_and(|change| change > 1.0), "{row}");
    assert!(gated["progress"].as_array().is_some_and(|lines| !lines.is_empty()), "{gated}");

    let explained = client.call("explain", json!({ "benchmark": "squares" }));
    for part in ["regressed: instructions of ", "whose doing: your code", "summing::squares: costlier per call"] {
        assert!(text(&explained).contains(part), "no {part}: {explained}");
    }
    let (_, other) = client.refused("explain", json!({ "benchmark": "largest" }));
    assert_eq!(other, "nothing of that benchmark and metric changed: `gate` lists what did");

    let report = client.call("report", json!({ "format": "markdown" }));
    assert!(text(&report).contains("sums/squares"), "{report}");
    // The stored verdict explains the case to another client, too.
    let mut other = start("legacy", &project).expect("as before");
    assert_eq!(text(&other.call("explain", json!({}))), text(&explained));
    let same = other.call("compare", json!({ "base": "latest", "new": "latest" }));
    assert_eq!((&same["structured"]["outcome"], &same["structured"]["rows"]), (&json!("passed"), &json!([])), "{same}");
}

#[test]
fn what_is_no_verdict_is_not_told_as_one() {
    let project = summing();
    let Some(mut client) = start("auto", &project) else { return };
    let nothing = client.call("gate", json!({ "against": "HEAD" }));
    assert_eq!(
        (&nothing["structured"]["outcome"], &nothing["structured"]["exit_code"]),
        (&json!("nothing"), &json!(4))
    );
    assert!(text(&nothing).contains("the base is HEAD, and the tree has no changes"), "{nothing}");
    for (tool, arguments, said) in [
        ("gate", json!({ "against": "nowhere" }), "nowhere"),
        ("report", json!({}), "there is no run yet"),
        ("explain", json!({}), "there is no run yet"),
        ("compare", json!({ "base": "gone", "new": "HEAD" }), "`gone` is not a revision either"),
        ("list", json!({ "filter": "no such benchmark" }), "no benchmark matches"),
    ] {
        let (kind, text) = client.refused(tool, arguments);
        assert!(kind == "tool" && text.contains(said), "{tool}: {text}");
    }
}

#[test]
fn arguments_outside_of_the_project_and_its_limits_are_refused() {
    let project = summing();
    std::fs::write(project.root().join("../secret.jsonl"), "a secret").expect("written");
    let Some(mut client) = start("auto", &project) else { return };
    for (tool, arguments, said) in [
        ("report", json!({ "run": "../secret.jsonl" }), "only what is in the project's folder can be read"),
        ("report", json!({ "run": "/etc/passwd" }), "only what is in the project's folder can be read"),
        ("compare", json!({ "base": "latest", "new": "../secret.jsonl" }), "only what is in the project's folder"),
        ("gate", json!({ "against": "--command=touch x" }), "it must not start with a dash"),
        ("gate", json!({ "against": "HEAD", "filter": "--command=touch x" }), "it must not start with a dash"),
        ("gate", json!({ "against": "HEAD", "budget_seconds": 1801 }), "give 30 to 1800"),
        ("gate", json!({ "budget_seconds": 60 }), "`budget_seconds` needs `against`"),
        ("list", json!({ "filter": "x".repeat(301) }), "give 1 to 300"),
    ] {
        let (kind, text) = client.refused(tool, arguments);
        assert!(kind == "tool" && text.contains(said), "{tool}: {text}");
    }
    for (tool, arguments, said) in [
        ("gate", json!({ "agianst": "HEAD" }), "unknown field `agianst`"),
        ("gate", json!({ "lane": "load" }), "unknown variant `load`"),
        ("compare", json!({ "base": "latest" }), "missing field `new`"),
        ("run", json!({}), "tool not found"),
    ] {
        let (_, text) = client.refused(tool, arguments);
        assert!(text.contains(said), "{tool}: {text}");
    }
}

#[test]
fn a_cancelled_gate_ends_and_lets_the_next_call_through() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    project.write("src/lib.rs", &slower(LIBRARY));
    let Some(mut client) = start("auto", &project) else { return };
    let gate = json!({ "tool": "gate", "arguments": { "against": "HEAD" }, "cancel": true });
    assert_eq!(client.ask(&gate)["error"], "cancelled");
    let listed = client.call("list", json!({ "filter": "squares" }));
    assert!(text(&listed).contains("sums/squares"), "{listed}");
    let gates = commands_in(&project.root()).filter(|command| command.contains("--against")).collect::<Vec<_>>();
    assert_eq!(gates, Vec::<String>::new(), "the gate goes on");
    let runs = std::fs::read_dir(project.root().join("target/assay/runs")).into_iter().flatten().flatten();
    let finished: Vec<_> =
        runs.map(|run| run.file_name()).filter(|run| run.to_string_lossy().ends_with(".jsonl")).collect();
    assert!(finished.is_empty(), "the gate went on to its end: {finished:?}");
}

/// The command lines of the processes that work in a folder.
fn commands_in(folder: &Path) -> impl Iterator<Item = String> {
    let folder = folder.canonicalize().expect("there");
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten().map(|entry| entry.path());
    let inside = processes.filter(move |process| std::fs::read_link(process.join("cwd")).is_ok_and(|at| at == folder));
    inside.filter_map(|process| std::fs::read_to_string(process.join("cmdline")).ok())
}
