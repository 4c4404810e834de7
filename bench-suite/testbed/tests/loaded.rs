//! Faults while the load generator drives `memory-server`: the server is killed and started again, its link stalls or
//! is cut, its database is away. The run ends by itself, failures are counted, and what was acknowledged is there.
//!
//! A fault begins once episodes are stored and ends once the generator has told of errors, so nothing here waits for a
//! time. Without the two programs beside this test, or without an sqld, a test prints that it is skipped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use episodes::api::Script;
use episodes::corpus::{self, Corpus};
use memory::{NewStep, Outcome, StartEpisode};
use serde_json::Value;
use tempfile::TempDir;
use testbed::link::{Distance, Link};
use testbed::sqld::{self, Sqld};

/// The episodes of a run: more than are done when the fault begins.
const EPISODES: u64 = 600;

/// A program that cargo builds beside this test.
fn program(name: &str) -> Option<PathBuf> {
    let test = std::env::current_exe().expect("this test is a file");
    let found = test.ancestors().skip(2).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: there is no {name}: `cargo build --release -p assay-memory-server -p assay-loadgen`");
    }
    found
}

struct Place {
    folder: TempDir,
    loadgen: PathBuf,
    server: PathBuf,
}

/// A memory-server, killed when dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Place {
    fn new() -> Option<Place> {
        let folder = tempfile::tempdir().expect("a folder");
        let step = |number: usize| NewStep {
            tool: "shell".to_owned(),
            action: format!("cargo test {number}"),
            observation: "ok ".repeat(40),
            ..NewStep::default()
        };
        let script = |task: &str| Script {
            start: StartEpisode { task: task.to_owned(), ..StartEpisode::default() },
            steps: (0..6).map(step).collect(),
            outcome: Outcome::Success { verdict: "tests pass".to_owned() },
        };
        let scripts = ["fix the parser", "draw a chart", "find the leak"].map(script).to_vec();
        let file = folder.path().join("corpus.jsonl");
        corpus::write(&file, &Corpus { source: "a test".to_owned(), scripts }).expect("written");
        Some(Place { folder, loadgen: program("loadgen")?, server: program("memory-server")? })
    }

    /// A server of a variant, in a file of this place or on a database's server.
    fn serve(&self, variant: &str, listen: &str, database: Option<&str>) -> Server {
        let file = self.folder.path().join("memory").display().to_string();
        let place = database.map_or(["--path", &file], |url| ["--url", url]);
        let mut process = Command::new(&self.server)
            .args(["--variant", variant, "--listen", listen])
            .args(place)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let ready: Value = serde_json::from_str(&line).expect("the server is ready");
        let address = ready["listening"].as_str().and_then(|url| url.strip_prefix("http://")?.parse().ok());
        Server { process, address: address.expect("an address") }
    }

    /// The load generator; its requests time out after half a second.
    fn load(&self, url: &str, more: &[&str]) -> Load {
        let mut process = Command::new(&self.loadgen)
            .args(["--server", url, "--corpus"])
            .arg(self.folder.path().join("corpus.jsonl"))
            .args(["--episodes", &EPISODES.to_string(), "--rate", "60", "--arrivals", "poisson", "--gap", "5ms"])
            .args(["--users", "512", "--timeout", "500ms", "--max-start-lag", "1h", "--read-again"])
            .args(["--outage", "10m"])
            .args(more)
            .arg("--summary")
            .arg(self.summary())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the load generator starts");
        let said = BufReader::new(process.stderr.take().expect("piped"));
        Load { process, said }
    }

    fn summary(&self) -> PathBuf {
        self.folder.path().join("summary.json")
    }
}

impl Server {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Comes back once so many episodes are stored.
    fn wait_for_episodes(&self, at_least: u64) {
        while stats(self.address)["episodes"].as_u64().expect("a number") < at_least {}
    }

    fn kill(mut self) -> String {
        self.process.kill().expect("killed");
        self.process.wait().expect("ended");
        self.address.to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn stats(address: SocketAddr) -> Value {
    let mut stream = TcpStream::connect(address).expect("connects");
    write!(stream, "GET /stats HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
}

/// A running load.
struct Load {
    process: Child,
    said: BufReader<ChildStderr>,
}

impl Load {
    /// Comes back once its progress tells of errors.
    fn wait_for_errors(&mut self) {
        let mut line = String::new();
        while self.said.read_line(&mut line).expect("read") > 0 {
            if line.contains(" errors") && !line.contains(", 0 errors") {
                return;
            }
            line.clear();
        }
        panic!("it ended without an error");
    }

    /// The exit code, and the rest of what it said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.said.read_to_string(&mut said).expect("read");
        let Output { status, .. } = self.process.wait_with_output().expect("it ends");
        (status.code(), said)
    }
}

/// The number of failed requests, and of the times that the server was away.
fn counted(summary: &Path) -> (u64, u64) {
    let summary: Value = serde_json::from_str(&std::fs::read_to_string(summary).expect("written")).expect("JSON");
    let errors = summary["errors"].as_object().expect("counts").values().filter_map(Value::as_u64).sum();
    (errors, summary["outages"].as_u64().expect("a number"))
}

/// The run ended by itself, in good health, with failures, and found again what it had written.
fn assert_survived(place: &Place, load: Load) -> u64 {
    let (code, said) = load.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("loadgen: read ") && said.contains(" episodes again"), "{said}");
    let (errors, outages) = counted(&place.summary());
    assert!(errors > 0, "{said}");
    outages
}

/// A load whose server was killed while it ran, and the server that was then started in its place.
fn killed_and_started_again(place: &Place, variant: &str) -> (Load, Server) {
    let server = place.serve(variant, "127.0.0.1:0", None);
    let mut load = place.load(&server.url(), &[]);
    server.wait_for_episodes(20);
    let address = server.kill();
    load.wait_for_errors();
    (load, place.serve(variant, &address, None))
}

#[test]
fn a_server_that_is_killed_and_started_again_has_all_that_it_acknowledged() {
    let Some(place) = Place::new() else { return };
    let (load, _again) = killed_and_started_again(&place, "store=redb,durability=fsynced");
    assert!(assert_survived(&place, load) > 0, "it was away");
}

/// The control: a class that promises less loses some of it, and that is seen.
#[test]
fn what_a_buffered_store_loses_with_its_server_is_told() {
    let Some(place) = Place::new() else { return };
    let (load, _again) = killed_and_started_again(&place, "store=redb,durability=buffered");
    let (code, said) = load.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(" acknowledged episodes are not whole: "), "{said}");
}

#[test]
fn a_server_that_stays_away_ends_the_run() {
    let Some(place) = Place::new() else { return };
    let server = place.serve("store=memory", "127.0.0.1:0", None);
    let load = place.load(&server.url(), &["--outage", "1s"]);
    server.wait_for_episodes(20);
    server.kill();
    let (code, said) = load.end();
    assert!(code == Some(1) && said.contains(" went away after "), "{said}");
}

#[test]
fn a_link_that_stalls_delays_and_loses_nothing() {
    let Some(place) = Place::new() else { return };
    let server = place.serve("store=redb,durability=fsynced", "127.0.0.1:0", None);
    let link = Link::start(server.address, Distance::milliseconds(1)).expect("starts");
    let mut load = place.load(&link.url(), &[]);
    server.wait_for_episodes(20);
    // Progress comes every 2 s, so it stalls for about as long.
    link.stall(true);
    load.wait_for_errors();
    link.stall(false);
    assert_survived(&place, load);
}

#[test]
fn connections_that_are_reset_are_errors_and_the_run_goes_on() {
    let Some(place) = Place::new() else { return };
    let server = place.serve("store=redb,durability=fsynced", "127.0.0.1:0", None);
    // Far enough that some request is always on its way.
    let link = Link::start(server.address, Distance::milliseconds(40)).expect("starts");
    let load = place.load(&link.url(), &[]);
    for episodes in [20, 60, 100] {
        server.wait_for_episodes(episodes);
        assert!(link.cut() > 0, "there were connections");
    }
    assert_survived(&place, load);
}

#[test]
fn a_database_that_is_away_for_a_while_loses_nothing() {
    let Some(place) = Place::new() else { return };
    let program = match sqld::find() {
        Ok(program) => program,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let database = Sqld::start(program).expect("starts");
    let link = Link::start(database.address(), Distance::milliseconds(0)).expect("starts");
    let server = place.serve("store=libsql,durability=committed,pool=keepalive", "127.0.0.1:0", Some(&link.url()));
    let mut load = place.load(&server.url(), &[]);
    server.wait_for_episodes(20);
    link.refuse(true);
    link.cut();
    load.wait_for_errors();
    link.refuse(false);
    assert_survived(&place, load);
}
