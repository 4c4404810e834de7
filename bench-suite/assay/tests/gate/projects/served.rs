//! A server under load: the worker that a gate starts for it, and what it refuses. The whole gate takes minutes, and
//! runs by hand.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::base::git;
use crate::support::{Project, assay, parts};

/// A server of HTTP that works for each request.
const SERVER: &str = r#"import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from work import work

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b'{"sum": %d}' % work()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

const LINE: &str = "python3 server.py {port}";

fn work(numbers: u32) -> String {
    format!("def work():\n    return sum(range({numbers}))\n")
}

/// A scenario of one request, which expects this status.
fn scenario(status: u16) -> String {
    format!(
        "schema = 1\nname = \"sums\"\nbase_url = \"http://127.0.0.1:9\"\n\n[[request]]\nname = \"sum\"\npath = \"/\"\n\
         check = {{ status = {status}, exists = [\"$.sum\"] }}\n"
    )
}

fn project() -> Project {
    Project::new(&[("server.py", SERVER), ("work.py", &work(20_000)), ("sums.toml", &scenario(200))])
}

/// False, and why, where there is no python or no load generator.
fn can_run() -> bool {
    let python = Command::new("python3").arg("--version").output().is_ok();
    let loadgen = Path::new(env!("CARGO_BIN_EXE_assay")).with_file_name("loadgen").is_file();
    if !python || !loadgen {
        println!("skipped: there is no python3, or no loadgen beside assay: `cargo build --release -p assay-loadgen`");
    }
    python && loadgen
}

/// The worker of the server.
fn worker(project: &Project) -> Child {
    let scenario = project.root().join("sums.toml").display().to_string();
    let arguments = ["--scenario", &scenario, "--max-start-lag", "1h"].map(|argument| format!("--load={argument}"));
    Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(["serve-server", "--rate", "100", "--users", "20"])
        .args(arguments)
        .args([LINE, "--serve", "--extra-work", "0000.000", "--shift", "00000"])
        .current_dir(project.root())
        .env("CARGO_TARGET_DIR", project.root().join("target"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("assay starts")
}

/// The answers of the worker to these requests.
fn answers(project: &Project, requests: &str) -> Vec<Value> {
    let mut worker = worker(project);
    worker.stdin.take().expect("a pipe").write_all(requests.as_bytes()).expect("written");
    let output = worker.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_slice_costs_what_the_server_took_and_a_wrong_answer_fails() {
    if !can_run() {
        return;
    }
    let project = project();
    let said = answers(&project, "slice 30\nslice 30\nend\n");
    let [ready, first, second, end] = &said[..] else { panic!("four answers: {said:?}") };
    assert!(ready["answer"] == "ready" && end["answer"] == "end", "{said:?}");
    for slice in [first, second] {
        let number = |field: &str| slice[field].as_u64().expect("a number");
        assert_eq!(number("operations"), 30);
        assert!(number("cpu_ns") > 30 * 50_000, "the sum alone takes that long: {slice}");
        assert!(number("response_p50_ns") > 0 && number("response_p95_ns") >= number("response_p50_ns"), "{slice}");
    }

    project.write("sums.toml", &scenario(201));
    let said = answers(&project, "slice 5\nend\n");
    let why = said.last().and_then(|last| last["why"].as_str()).expect("it fails");
    assert!(why.starts_with("of 5 requests 5 ") && why.ends_with("were answered wrongly"), "{why}");
}

#[test]
fn a_server_ends_with_its_worker_even_if_that_is_killed() {
    if !can_run() {
        return;
    }
    let project = project();
    project.write("work.py", "import os\nopen('process', 'w').write(str(os.getpid()))\ndef work():\n    return 1\n");
    let mut worker = worker(&project);
    let mut ready = String::new();
    BufReader::new(worker.stdout.take().expect("a pipe")).read_line(&mut ready).expect("it answers");
    assert!(ready.contains("ready"), "{ready}");
    let server = std::fs::read_to_string(project.root().join("process")).expect("it has started");
    worker.kill().expect("killed");
    worker.wait().expect("ended");
    // A process that has ended and that nobody has waited for is a zombie.
    let lives = || {
        let stat = std::fs::read_to_string(format!("/proc/{server}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
    };
    assert!((0..1_000_000).any(|_| !lives()), "the server {server} is still there");
}

#[test]
fn a_server_without_a_port_or_requests_is_refused_with_the_remedy() {
    let project = project();
    let refused = |more: &[&str]| {
        let (code, _, said) = project.assay(&[&["gate", "--against", "HEAD"], more].concat());
        (code, said)
    };
    let (code, said) = refused(&["--server", "python3 server.py 80", "--scenario", "sums.toml"]);
    assert!(code == 1 && said.contains("has no {port}: write it where"), "{said}");
    let (code, said) = refused(&["--server", LINE, "--scenario", "sums.toml", "--load", "--rate 5"]);
    assert!(code == 1 && said.contains("use --rate and --seconds"), "{said}");
    let (code, said) = refused(&["--server", LINE]);
    assert!(code == 1 && said.contains("give a file with --scenario"), "{said}");
    let (code, said) = refused(&["--build", "make"]);
    assert!(code == 1 && said.contains("give one of them"), "{said}");
}

#[test]
#[ignore = "takes minutes, on an idle machine"]
fn a_server_that_works_longer_is_red_and_the_same_server_is_not() {
    let project = project();
    let gate = ["gate", "--server", LINE, "--scenario", "sums.toml", "--against", "HEAD", "--budget", "400"];
    project.write("README.md", "words");
    let (code, stdout, stderr) = parts(&assay(&project.root(), &gate));
    assert!(code == 0 || code == 3, "nothing got worse: {stdout}{stderr}");
    git(&project.root(), &["add", "--all"]);
    project.write("work.py", &work(30_000));
    let (code, stdout, stderr) = parts(&assay(&project.root(), &gate));
    assert_eq!(code, 100, "{stdout}{stderr}");
    assert!(stdout.contains("regressed") && stdout.contains("cpu_per_request"), "{stdout}");
}
