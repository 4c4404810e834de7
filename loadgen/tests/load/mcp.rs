//! Tools of an MCP server under load, over both transports: the reference memory's, `memory-mcp`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::support::{Reply, Stub, fails, measurements, run, stderr, stdout, value};

const EPISODES: &str = r#"
schema = 1
name = "memory-tools"
TARGET

[pool.ids]
draw = "latest"

[[request]]
name = "start"
tool = "start_episode"
arguments = '{"task": "fix the \"parser\" of dates {{session}}", "metadata": {"agent": "planner"}}'
extract = { id = "$.structuredContent.id" }

[[request]]
name = "step"
tool = "log_step"
arguments = """
{
  "episode": "{{id}}",
  "tool": "shell"
}"""
check = { exists = ["$.structuredContent.number"], latency = "1h" }

[[request]]
name = "complete"
tool = "complete_episode"
arguments = '{"episode": "{{id}}", "outcome": "success", "why": "tests pass"}'
put = { ids = "{{id}}" }

[[request]]
name = "get"
tool = "get_episode"
arguments = '{"episode": "{{ids}}"}'
check = { equals = { "$.structuredContent.head.id" = "{{ids}}", "$.content[0].type" = "text" } }

[[request]]
name = "health"
tool = "health"

[[session]]
name = "episode"
before = 2
weight = 2
requests = ["start", "step", "step", "complete"]

[[session]]
name = "read"
requests = ["get", "health"]
"#;

const PACE: [&str; 9] = ["--sessions", "30", "--rate", "300", "--users", "8", "--quiet", "--max-start-lag", "1h"];

/// The memory's server; none, with a message, if it was not built.
fn memory_mcp() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_BIN_EXE_loadgen")).with_file_name("memory-mcp");
    if !beside.is_file() {
        println!("skipped: there is no memory-mcp: `cargo build --release -p memory-mcp`");
    }
    Some(beside).filter(|file| file.is_file())
}

/// The scenario, with another target.
fn scenario(folder: &Path, target: &str) -> String {
    let path = folder.join("tools.toml");
    fs::write(&path, EPISODES.replace("TARGET", target)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A server over HTTP, killed when dropped.
struct Listening {
    process: Child,
    base: String,
}

impl Listening {
    fn start(program: &Path) -> Listening {
        let mut process =
            Command::new(program).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let base = ready["listening"].as_str().unwrap().strip_suffix("/mcp").unwrap().to_owned();
        Listening { process, base }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// All answers are right, and as many as were planned.
fn assert_right(more: &[&str]) {
    let plan = run(&[more, &PACE, &["--plan"]].concat());
    assert!(plan.status.success(), "{}", stderr(&plan));
    let starts = |line: &str| {
        let planned: Value = serde_json::from_str(line).unwrap();
        planned["starts_ns"].as_array().unwrap().len()
    };
    let requests: usize = stdout(&plan).lines().map(starts).sum();
    let output = run(&[more, &PACE].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let measured = measurements(stdout(&output));
    assert_eq!(value(&measured, "errors"), 0.0, "{}", stderr(&output));
    assert_eq!(measured[0].case.benchmark, "load/memory-tools");
    assert!(stderr(&output).contains(&format!("  30 sessions, {requests} requests in ")), "{}", stderr(&output));
}

#[test]
fn tools_are_called_over_stdio() {
    let Some(program) = memory_mcp() else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("memory.redb");
    let command = [program.to_str().unwrap(), "--variant", "store=redb", "--path", store.to_str().unwrap()];
    let path = scenario(folder.path(), &format!("[target]\ncommand = {command:?}"));
    assert_right(&["--scenario", &path]);
    // It was asked to end, and has let go of its store.
    assert_right(&["--scenario", &path]);
    fails(&run(&["--scenario", &path, "--server", "http://127.0.0.1:9"]), 1, "leave --server out");
}

#[test]
fn tools_are_called_over_http() {
    let Some(program) = memory_mcp() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Listening::start(&program);
    let path = scenario(folder.path(), "base_url = \"http://127.0.0.1:9\"\n[target]\nmcp = \"/mcp\"");
    assert_right(&["--scenario", &path, "--server", &server.base]);
}

#[test]
fn a_tool_that_fails_is_an_error() {
    let Some(program) = memory_mcp() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &format!("[target]\ncommand = [{:?}]", program.to_str().unwrap()));
    let text = fs::read_to_string(&path).unwrap();
    let wrong = text.replace("\"episode\": \"{{id}}\",\n  \"tool\"", "\"episode\": \"7{{session}}\",\n  \"tool\"");
    assert_ne!(text, wrong);
    fs::write(&path, &wrong).unwrap();
    let told = "before the run, `step` was answered wrongly: the tool failed: `7";
    fails(&run(&[&["--scenario", &path][..], &PACE].concat()), 1, told);

    let measured = wrong.replace("before = 2\n", "").replace("\"get\", ", "").replace("put = { ids = \"{{id}}\" }", "");
    fs::write(&path, measured).unwrap();
    let output = run(&[&["--scenario", &path][..], &PACE].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(value(&measurements(stdout(&output)), "errors") > 0.0);
    assert!(stderr(&output).contains(" x step: the tool failed: `7"), "{}", stderr(&output));
}

#[test]
fn a_server_that_ends_or_is_none_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), "[target]\ncommand = [\"no-such-program\"]");
    fails(&run(&["--scenario", &path]), 1, "can't start no-such-program");
    let path = scenario(folder.path(), "[target]\ncommand = [\"true\"]");
    fails(
        &run(&["--scenario", &path]),
        1,
        "true does not answer: the server has ended (is an MCP server running there?)",
    );
    let stub = Stub::start(|_, _| Reply::Answer(404, "{}".to_owned()));
    let path = scenario(folder.path(), "base_url = \"http://127.0.0.1:9\"\n[target]\nmcp = \"/mcp\"");
    let other = run(&["--scenario", &path, "--server", &stub.url]);
    fails(&other, 1, "began no session: status 404 (is it an MCP server?)");
}
