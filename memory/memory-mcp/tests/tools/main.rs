//! The memory's tools, called by the official Python SDK over both transports.

mod client;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use client::{Client, names};
use serde_json::{Value, json};
use tempfile::TempDir;

const SERVER: &str = env!("CARGO_BIN_EXE_memory-mcp");

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A server on a port of this machine.
struct Listening {
    process: Child,
    url: String,
}

impl Listening {
    fn start(arguments: &[&str]) -> Listening {
        let mut command = Command::new(SERVER);
        command.args(["--listen", "127.0.0.1:0"]).args(arguments).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the server starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        Listening { process, url: ready["listening"].as_str().expect("a URL").to_owned() }
    }

    /// A connection over which the head of a request of that length was sent, with these headers.
    fn begin(&self, headers: &str, length: usize) -> TcpStream {
        let address = self.url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/mcp")).expect("a URL");
        let mut stream = TcpStream::connect(address).expect("connects");
        let accept = "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n";
        write!(stream, "POST /mcp HTTP/1.1\r\n{accept}{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n")
            .expect("sent");
        stream
    }

    /// The status line of an answer to a request with these headers.
    fn post(&self, headers: &str) -> String {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let mut stream = self.begin(headers, body.len());
        stream.write_all(body.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer.lines().next().unwrap_or_default().to_owned()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The fields that a tool answers.
fn fields(client: &mut Client, tool: &str, arguments: Value) -> Value {
    client.call(tool, arguments)["structured"].clone()
}

/// Plays one episode: its steps take these times, and succeed or fail.
fn episode(client: &mut Client, task: &str, agent: &str, latencies_ns: &[u64]) -> String {
    let started = fields(client, "start_episode", json!({ "task": task, "metadata": { "agent": agent } }));
    let id = started["id"].as_str().expect("an id").to_owned();
    for (number, latency) in latencies_ns.iter().enumerate() {
        let step = json!({ "episode": id, "tool": "shell", "action": "cargo test", "failed": number == 0,
            "latency_ns": latency, "tokens": 10 });
        assert_eq!(fields(client, "log_step", step), json!({ "number": number }));
    }
    fields(client, "complete_episode", json!({ "episode": id, "outcome": "success", "why": "tests pass" }));
    id
}

/// Every tool, on whatever this client talks to.
fn use_every_tool(client: &mut Client) {
    let listed = client.list();
    assert_eq!(listed["server"], "memory-mcp");
    assert!(listed["instructions"].as_str().is_some_and(|text| text.contains("start_episode")));
    let mut tools = names(&listed);
    tools.sort_unstable();
    let expected = "clusters complete_episode find_by_metadata forecast get_episode health log_step patterns retrieve \
        start_episode";
    assert_eq!(tools.join(" "), expected);

    for latency in 1..=10 {
        episode(client, "fix the parser of numbers", "planner", &[latency * 1_000_000, latency * 1_000_000]);
    }
    let id = episode(client, "draw a chart of latencies", "painter", &[5]);

    let found = fields(client, "retrieve", json!({ "text": "draw a chart", "limit": 1, "steps": true }));
    let best = &found["results"][0];
    assert_eq!((&best["head"]["id"], &best["steps"][0]["tool"]), (&json!(id), &json!("shell")));
    let found = fields(client, "retrieve", json!({ "text": "parser", "context": { "language": "rust" } }));
    assert_eq!(found["results"].as_array().map(Vec::len), Some(5));
    let whole = fields(client, "get_episode", json!({ "episode": id }));
    assert_eq!((&whole["steps"][0]["latency_ns"], &whole["steps"][0]["status"]), (&json!(5), &json!("error")));
    let tagged = fields(client, "find_by_metadata", json!({ "key": "agent", "value": "painter" }));
    assert_eq!(tagged, json!({ "ids": [id] }));

    // All episodes are of one kind, and ten recovered from a failure.
    let occurrences = |patterns: Value| -> Vec<u64> {
        let patterns = patterns["patterns"].as_array().expect("patterns").clone();
        patterns.iter().filter_map(|pattern| pattern["occurrences"].as_u64()).collect()
    };
    assert_eq!(occurrences(fields(client, "patterns", json!({}))), [11, 10]);
    assert_eq!(occurrences(fields(client, "patterns", json!({ "limit": 1 }))), [11]);
    assert!(occurrences(fields(client, "patterns", json!({ "context": "web/" }))).is_empty());

    let clusters = fields(client, "clusters", json!({}));
    assert_eq!((&clusters["grouped"], &clusters["alone"]), (&json!(11), &json!(1)), "{clusters}");
    assert_eq!(clusters["clusters"][0]["episodes"].as_array().map(Vec::len), Some(10));
    assert_eq!(clusters["clusters"][0]["tasks"][0], "fix the parser of numbers");

    // Latencies of 2, 4 .. 20 ms: the next is 22.
    let forecast = fields(client, "forecast", json!({ "measure": "latency", "value": "planner", "horizon": 1 }));
    let next = &forecast["forecast"]["next"][0];
    let [low, value, high] = ["low", "value", "high"].map(|name| next[name].as_f64().expect("a number"));
    assert!((21e6..=23e6).contains(&value) && low <= value && value <= high, "{forecast}");
    assert_eq!((&forecast["unit"], &forecast["last"]), (&json!("ns"), &json!(20e6)));
    let tokens = fields(client, "forecast", json!({ "measure": "tokens", "value": "planner" }));
    assert_eq!(tokens["forecast"]["next"][4], json!({ "value": 20.0, "low": 20.0, "high": 20.0 }));
    let reward = fields(client, "forecast", json!({ "measure": "reward", "value": "planner", "level": 0.5 }));
    assert!(reward["forecast"]["next"][0]["value"].as_f64().is_some_and(|value| (0.0..=1.0).contains(&value)));

    let health = fields(client, "health", json!({}));
    assert_eq!((&health["active_episodes"], &health["stored"]["episodes"]), (&json!(0), &json!(11)));
}

#[test]
fn every_tool_works_over_stdio_in_both_protocols() {
    for mode in ["legacy", "auto"] {
        let Some(mut client) = Client::start(mode, &[SERVER], folder().path()) else { return };
        use_every_tool(&mut client);
    }
}

#[test]
fn every_tool_works_over_http_in_both_protocols() {
    for mode in ["legacy", "auto"] {
        let server = Listening::start(&["--variant", "retrieval=indexed,cache=lru"]);
        let Some(mut client) = Client::start(mode, &[&server.url], folder().path()) else { return };
        use_every_tool(&mut client);
    }
}

#[test]
fn clients_of_one_server_share_its_memory() {
    let server = Listening::start(&[]);
    let Some(mut one) = Client::start("auto", &[&server.url], folder().path()) else { return };
    let Some(mut other) = Client::start("legacy", &[&server.url], folder().path()) else { return };
    let id = episode(&mut one, "fix the parser", "planner", &[1]);
    assert_eq!(
        fields(&mut other, "find_by_metadata", json!({ "key": "agent", "value": "planner" })),
        json!({ "ids": [id] })
    );
}

#[test]
fn a_store_keeps_what_a_client_left() {
    let folder = folder();
    let path = folder.path().join("memory.redb").display().to_string();
    let server = [SERVER, "--variant", "store=redb,codec=postcard", "--path", &path];
    let Some(mut client) = Client::start("auto", &server, folder.path()) else { return };
    let id = episode(&mut client, "fix the parser", "planner", &[1]);
    drop(client);
    let mut client = Client::start("auto", &server, folder.path()).expect("as before");
    assert_eq!(fields(&mut client, "get_episode", json!({ "episode": id }))["head"]["task"], "fix the parser");
    let health = fields(&mut client, "health", json!({}));
    assert!(health["variant"].as_str().is_some_and(|variant| variant.starts_with("store=redb")), "{health}");
}

#[test]
fn bad_arguments_are_refused_with_the_remedy() {
    let Some(mut client) = Client::start("auto", &[SERVER], folder().path()) else { return };
    let nobody = "0".repeat(32);
    let tool = |said: &str| ("tool".to_owned(), said.to_owned());
    for (name, arguments, said) in [
        ("start_episode", json!({ "task": "" }), "`task` is empty: write something"),
        ("get_episode", json!({ "episode": "7" }), "`7` is no id: 32 hexadecimal digits are"),
        (
            "log_step",
            json!({ "episode": nobody, "tool": "shell" }),
            "no episode 00000000000000000000000000000000: start it first, or ask for one that this store holds",
        ),
        (
            "complete_episode",
            json!({ "episode": nobody, "outcome": "success", "why": "", "done": ["a"] }),
            "`done` and `failed` belong to the outcome `partial`: leave them out, or say `partial`",
        ),
        ("retrieve", json!({ "text": "a", "limit": 51 }), "`limit` is 51: give 1 to 50"),
        (
            "log_step",
            json!({ "episode": nobody, "tool": "shell", "observation": "x".repeat(64_001) }),
            "`observation` has 64001 characters: shorten it, 64000 are the most",
        ),
        ("clusters", json!({ "distance": 2.5 }), "`distance` is 2.5: give 0.0 to 2.0"),
        ("forecast", json!({ "measure": "reward", "value": "a", "horizon": 0 }), "`horizon` is 0: give 1 to 50"),
        (
            "forecast",
            json!({ "measure": "reward", "value": "nobody" }),
            "episodes with agent=nobody: a forecast needs 8 values, and there are 0: log more episodes",
        ),
    ] {
        assert_eq!(client.refused(name, arguments), tool(said), "{name}");
    }
    for (name, arguments, said) in [
        ("retrieve", json!({}), "missing field `text`"),
        ("retrieve", json!({ "text": 7 }), "expected a string"),
        ("retrieve", json!({ "text": "a", "limits": 3 }), "unknown field `limits`"),
        ("complete_episode", json!({ "episode": nobody, "outcome": "fine", "why": "" }), "unknown variant `fine`"),
        ("log_step", json!({ "episode": nobody, "tool": "a", "latency_ns": -1 }), "`latency_ns` is -1"),
        ("forget", json!({}), "tool not found"),
    ] {
        let (_, text) = client.refused(name, arguments);
        assert!(text.contains(said), "{name}: {text}");
    }
    assert_eq!(fields(&mut client, "health", json!({}))["active_episodes"], 0, "it still answers");
}

#[test]
fn a_completed_episode_takes_no_more_steps() {
    let Some(mut client) = Client::start("auto", &[SERVER], folder().path()) else { return };
    let id = episode(&mut client, "fix the parser", "planner", &[1]);
    let (kind, said) = client.refused("log_step", json!({ "episode": id, "tool": "shell" }));
    assert_eq!(kind, "tool");
    assert!(said.contains("is completed: log steps before completing"), "{said}");
}

#[test]
fn web_pages_and_other_hosts_are_refused() {
    let server = Listening::start(&[]);
    let host = "Host: localhost\r\n";
    assert!(!server.post(host).contains("403"), "{}", server.post(host));
    assert!(server.post("Host: evil.example\r\n").contains("403"));
    assert!(server.post(&format!("{host}Origin: http://evil.example\r\n")).contains("403"));
}

#[test]
fn half_a_request_does_not_keep_the_server_from_ending() {
    let mut server = Listening::start(&[]);
    let mut stream = server.begin("Host: localhost\r\nExpect: 100-continue\r\n", 100);
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    let mut begun = [0; 25];
    stream.read_exact(&mut begun).expect("it waits for the body");
    assert_eq!(&begun, b"HTTP/1.1 100 Continue\r\n\r\n");
    let killed = Command::new("kill").arg(server.process.id().to_string()).status().expect("kill is there");
    assert!(killed.success());
    let ended = stream.read_to_end(&mut Vec::new());
    assert!(!ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it still waits for the rest");
    assert!(server.process.wait().expect("a child").success());
}

#[test]
fn wrong_command_lines_are_refused_on_one_line() {
    let told = |arguments: &[&str]| {
        let output = Command::new(SERVER).args(arguments).stdin(Stdio::null()).output().expect("it starts");
        assert!(!output.status.success() && output.stdout.is_empty());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert_eq!(
        told(&["--listen", "0.0.0.0:0"]),
        "memory-mcp: 0.0.0.0:0 can be reached from elsewhere: listen on 127.0.0.1\n"
    );
    assert!(told(&["--variant", "store=redis"]).contains("one of memory, redb, libsql, tiered"));
    assert!(told(&["--variant", "store=redb"]).contains("store=redb lives in a file"));
    assert!(told(&[]).contains("the client did not begin as MCP says"));
    assert!(!Path::new("memory.redb").exists());
}

#[test]
fn patterns_are_found_by_their_context_however_it_is_written() {
    let Some(mut client) = Client::start("auto", &[SERVER], folder().path()) else { return };
    let context = json!({ "domain": "Web-API", "language": "Rust" });
    let started = fields(&mut client, "start_episode", json!({ "task": "fix it", "context": context }));
    fields(&mut client, "complete_episode", json!({ "episode": started["id"], "outcome": "success", "why": "done" }));
    for context in ["Web-API/Rust", "web-api/rust"] {
        let found = fields(&mut client, "patterns", json!({ "context": context }));
        assert_eq!(found["patterns"].as_array().map(Vec::len), Some(1), "{context}");
    }
}
