//! The HTTP front end over a real socket, and the `memory-server` binary as whoever starts it sees it.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod backups;
mod metrics;
mod operating;
#[cfg(feature = "otlp")]
mod otlp;
mod tenants;
mod wire;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use episodes::api::{ServerReady, ServerStats};
use memory::{EpisodeId, Memory, Options, Outcome, Retention, StartEpisode, Variant};
use serde_json::{Value, json};
use tokio::sync::oneshot;

const UNKNOWN: &str = "000000000000000000000000000000ff";

/// A server on a thread of its own.
struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<memory::Result<()>>>,
}

fn start(variant: &str, path: Option<&Path>) -> Running {
    let variant: Variant = variant.parse().unwrap();
    let options = Options { path: path.map(Path::to_owned), ..Options::default() };
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, address) = mpsc::channel();
    let thread = thread::spawn(move || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
            let memory = Arc::new(Memory::open(&variant, options).await?);
            let listener = memory_server::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
            ready.send(listener.local_addr().unwrap()).unwrap();
            memory_server::serve(listener, memory, async move {
                stopped.await.ok();
            })
            .await
        })
    });
    Running { address: address.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
}

impl Running {
    fn call(&self, method: &str, path: &str, body: impl Into<Option<Value>>) -> (u16, Value) {
        call(self.address, method, path, &body.into().map_or_else(String::new, |body| body.to_string()))
    }

    fn stop(mut self) -> memory::Result<()> {
        self.stop.take().unwrap().send(()).unwrap();
        self.thread.take().unwrap().join().unwrap()
    }

    fn start_episode(&self, task: &str) -> String {
        let (status, body) = self.call("POST", "/episodes", start_body(task));
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }
}

/// A connection that gives up: a server that hangs fails its test.
fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// One request over a connection of its own, by hand: what any client would send.
fn call(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = connect(address);
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{method} {path}: {error}: {answer}")))
}

fn start_body(task: &str) -> Value {
    json!({
        "task": task,
        "task_type": "bug-fix",
        "context": {"language": "rust", "framework": null, "domain": "parsing", "complexity": "simple", "tags": ["ci"]},
        "metadata": {"repository": "left-pad"},
    })
}

fn step_body(tool: &str) -> Value {
    json!({
        "tool": tool, "action": "look", "parameters": {"path": "src/lib.rs"}, "observation": "3 lines \u{e9}",
        "status": "ok", "latency_ns": 1200, "tokens": 7,
    })
}

#[test]
fn an_episode_goes_through_its_life() {
    let server = start("store=memory", None);
    let id = server.start_episode("fix the parser of dates");
    for number in 0..3 {
        let (status, body) = server.call("POST", &format!("/episodes/{id}/steps"), step_body("shell"));
        assert_eq!((status, body), (201, json!({"number": number})));
    }
    let (status, open) = server.call("GET", &format!("/episodes/{id}"), None);
    assert_eq!((status, &open["head"]["completion"]), (200, &Value::Null));
    assert_eq!(open["steps"][2]["number"], 2);
    assert_eq!(open["steps"][2]["observation"], "3 lines \u{e9}");

    let outcome = json!({"success": {"verdict": "all tests pass"}});
    let (status, completion) = server.call("POST", &format!("/episodes/{id}/complete"), outcome.clone());
    assert_eq!((status, &completion["outcome"]), (200, &outcome));

    let query = json!({"text": "the parser of dates is broken", "context": start_body("")["context"]});
    let (status, found) = server.call("POST", "/retrieve", query.clone());
    assert_eq!(status, 200);
    let best = &found["results"][0];
    assert_eq!((&best["head"]["id"], &best["step_count"]), (&json!(id), &json!(3)));
    assert_eq!(best.get("steps"), None, "steps only where they are asked for");
    let mut with_steps = query;
    with_steps["steps"] = json!(true);
    let (_, found) = server.call("POST", "/retrieve", with_steps);
    assert_eq!(found["results"][0]["steps"].as_array().map(Vec::len), Some(3));

    let (status, matches) = server.call("GET", "/metadata?key=repository&value=left-pad", None);
    assert_eq!((status, matches), (200, json!({"ids": [id]})));
    let (status, matches) = server.call("GET", "/metadata?key=repository&value=right-pad", None);
    assert_eq!((status, matches), (200, json!({"ids": []})));

    let (status, patterns) = server.call("GET", "/patterns", None);
    assert_eq!(status, 200);
    let patterns = patterns["patterns"].as_array().unwrap();
    assert_eq!(patterns.len(), completion["patterns"].as_array().unwrap().len());

    let (status, health) = server.call("GET", "/health", None);
    assert_eq!(status, 200);
    let (status, stats) = server.call("GET", "/stats", None);
    assert_eq!(status, 200);
    let stats: ServerStats = serde_json::from_value(stats).unwrap();
    assert_eq!((stats.episodes, stats.steps, stats.patterns), (1, 3, patterns.len() as u64));
    assert_eq!(health["variant"], stats.variant);
    assert!(stats.variant.starts_with("store=memory,durability=memory,"), "{}", stats.variant);
    assert!(stats.process.cpu_time_ns > 0);
    server.stop().unwrap();
}

#[test]
fn every_refusal_has_its_status_and_says_why() {
    let server = start("store=memory", None);
    let done = server.start_episode("done");
    let open = server.start_episode("open");
    let success = json!({"success": {"verdict": "fine"}}).to_string();
    assert_eq!(call(server.address, "POST", &format!("/episodes/{done}/complete"), &success).0, 200);
    let step = step_body("shell").to_string();
    let cases = [
        ("POST", "/episodes".to_owned(), "{", 400, "the body is not what this route takes: EOF"),
        ("POST", "/episodes".to_owned(), "", 400, "the body is not what this route takes"),
        ("POST", "/episodes".to_owned(), r#"{"task":1}"#, 400, "invalid type: integer `1`"),
        ("POST", format!("/episodes/{open}/steps"), r#"{"tool":"a"}"#, 400, "missing field `action`"),
        ("POST", "/episodes/xyz/steps".to_owned(), &step, 400, "`xyz` is no id"),
        ("GET", "/episodes/xyz".to_owned(), "", 400, "`xyz` is no id"),
        ("GET", format!("/episodes/{UNKNOWN}"), "", 404, "no episode 000000000000000000000000000000ff"),
        ("POST", format!("/episodes/{UNKNOWN}/steps"), &step, 404, "no episode"),
        ("POST", format!("/episodes/{UNKNOWN}/complete"), &success, 404, "no episode"),
        ("POST", format!("/episodes/{done}/steps"), &step, 409, "is completed"),
        ("POST", format!("/episodes/{done}/complete"), &success, 409, "is completed"),
        ("POST", "/retrieve".to_owned(), r#"{"text":"a","limit":1001}"#, 400, "limit 1001 is too large"),
        ("POST", "/retrieve".to_owned(), r#"{"text":"a","limits":1}"#, 400, "unknown field `limits`"),
        ("GET", "/metadata?key=a".to_owned(), "", 400, "use /metadata?key=..&value=.."),
        ("GET", "/nowhere".to_owned(), "", 404, "no route /nowhere"),
        ("PUT", format!("/episodes/{open}"), "", 405, "does not take PUT"),
        ("DELETE", format!("/episodes/{UNKNOWN}"), "", 404, "no episode"),
    ];
    for (method, path, body, status, reason) in cases {
        let (found, answer) = call(server.address, method, &path, body);
        assert_eq!(found, status, "{method} {path}: {answer}");
        assert!(answer["error"].as_str().is_some_and(|error| error.contains(reason)), "{method} {path}: {answer}");
    }
    // No refusal has changed anything.
    let (_, episode) = server.call("GET", &format!("/episodes/{open}"), None);
    assert_eq!(episode["steps"], json!([]));
    server.stop().unwrap();
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let server = start("store=memory", None);
    let mut stream = connect(server.address);
    let length = episodes::api::BODY_BYTES_MAX + 1;
    write!(stream, "POST /episodes HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n")
        .unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert!(line.contains(" 413 "), "{line}");
    server.stop().unwrap();
}

#[test]
fn many_clients_log_to_one_episode_without_gaps() {
    let server = start("store=memory", None);
    let id = server.start_episode("together");
    let (address, path) = (server.address, format!("/episodes/{id}/steps"));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            thread::spawn(move || {
                let step = step_body("shell").to_string();
                (0..10).map(|_| call(address, "POST", &path, &step).1["number"].as_u64().unwrap()).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut numbers: Vec<u64> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..80).collect::<Vec<_>>());
    server.stop().unwrap();
}

#[test]
fn stopping_flushes_and_the_next_server_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = start("store=redb,durability=buffered", Some(&folder.path().join("store")));
    let id = server.start_episode("kept");
    assert_eq!(server.call("POST", &format!("/episodes/{id}/steps"), step_body("shell")).0, 201);
    server.stop().unwrap();

    let server = start("store=redb,durability=buffered", Some(&folder.path().join("store")));
    let (status, body) = server.call("POST", &format!("/episodes/{id}/steps"), step_body("edit"));
    assert_eq!((status, body), (201, json!({"number": 1})));
    server.stop().unwrap();
}

/// The binary, started and ready.
struct Process {
    child: Child,
    ready: ServerReady,
    stdout: BufReader<std::process::ChildStdout>,
}

fn spawn(arguments: &[&str]) -> Process {
    spawn_with(arguments, &[])
}

/// With variables of the environment.
fn spawn_with(arguments: &[&str], variables: &[(&str, &str)]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memory-server"));
    spawn_command(command.args(arguments).envs(variables.iter().copied()))
}

/// By a command that becomes the server.
fn spawn_command(command: &mut Command) -> Process {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    Process { child, ready, stdout }
}

impl Process {
    fn address(&self) -> SocketAddr {
        self.ready.listening.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Ends it as a supervisor does; answers with what else it printed on stdout.
    fn terminate(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        rest
    }
}

#[test]
fn the_binary_says_where_it_listens_and_ends_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let path = path.to_str().unwrap();
    let arguments = ["--variant", "store=redb,durability=buffered,codec=postcard", "--path", path, "--seed", "7"];
    let server = spawn(&arguments);
    assert!(
        server.ready.variant.starts_with("store=redb,durability=buffered,codec=postcard,"),
        "{}",
        server.ready.variant
    );
    let (status, body) = call(server.address(), "POST", "/episodes", &start_body("seeded").to_string());
    assert_eq!(status, 201);
    let id: EpisodeId = body["id"].as_str().unwrap().parse().unwrap();
    let after_the_time = |id: EpisodeId| id.0 as u64;
    let seeded = memory::IdSource::seeded(7).next_id(0).unwrap();
    assert_eq!(after_the_time(id), after_the_time(seeded), "the seed names the episodes");
    assert_eq!(server.terminate(), "", "one line and nothing more");

    let server = spawn(&["--variant", "store=redb", "--path", path]);
    assert_eq!(call(server.address(), "GET", &format!("/episodes/{id}"), "").0, 200, "flushed on SIGTERM");
    server.terminate();
}

#[test]
fn a_kept_connection_does_not_keep_the_server_from_ending() {
    let server = spawn(&[]);
    let mut idle = connect(server.address());
    write!(idle, "GET /health HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(idle.try_clone().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains(" 200 "), "{line}");
    server.terminate();
}

fn fails(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_memory-server")).args(arguments).output().unwrap();
    assert!(output.stdout.is_empty(), "nothing is ready");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_cannot_be_served_is_said_on_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "not a folder").unwrap();
    let below = file.join("below");
    let cases: [(&[&str], &str); 5] = [
        (&["--listen", &address], "cannot listen on 127.0.0.1:"),
        (
            &["--variant", "store=paper"],
            "unknown strategy `paper` of toggle `store`: one of memory, redb, libsql, tiered",
        ),
        (&["--variant", "stores=redb"], "unknown toggle `stores`"),
        (&["--variant", "store=redb"], "give Options a path"),
        (&["--variant", "store=redb", "--path", below.to_str().unwrap()], "a-file"),
    ];
    for (arguments, reason) in cases {
        let (code, stderr) = fails(arguments);
        assert_eq!(code, 1, "{arguments:?}: {stderr}");
        assert!(stderr.contains(reason), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    assert_eq!(fails(&["--listen", "nowhere"]).0, 2, "usage");
}

#[test]
fn more_tags_than_can_be_compared_are_refused() {
    let server = spawn(&[]);
    let tags: Vec<String> = (0..65).map(|number| format!("t{number}")).collect();
    let mut body = start_body("many");
    body["context"]["tags"] = json!(tags);
    let (status, said) = call(server.address(), "POST", "/episodes", &body.to_string());
    assert!(status == 400 && said["error"].as_str().unwrap().contains("send 64 at the most"), "{status} {said}");
    let query = json!({ "text": "a", "context": body["context"], "limit": 1 });
    assert_eq!(call(server.address(), "POST", "/retrieve", &query.to_string()).0, 400);
    server.terminate();
}

#[tokio::test]
async fn a_memory_that_fails_does_not_keep_the_others_from_retention() {
    let mut memories = Vec::new();
    for _ in 0..2 {
        let memory = Memory::open(&Variant::naive(), Options::default()).await.unwrap();
        let id = memory.start_episode(StartEpisode::default()).await.unwrap();
        memory.complete_episode(id, Outcome::Success { verdict: String::new() }).await.unwrap();
        memories.push(Arc::new(memory));
    }
    memories[0].close().await.unwrap();
    let rule = Retention { max_completed: Some(0), max_age_ns: None };
    assert!(matches!(memory_server::retain(&memories, &rule).await, Err(memory::Error::Closed)));
    assert_eq!(memories[1].stats().await.unwrap().episodes, 0);
}
