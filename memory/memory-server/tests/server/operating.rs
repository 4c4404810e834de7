//! The binary under limits, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{call, connect, fails, spawn, start_body};

/// A request whose body is not sent yet, and of which the server is known to wait for it.
pub struct Half {
    stream: TcpStream,
    body: String,
}

impl Half {
    pub fn send(address: SocketAddr, task: &str) -> Half {
        let (mut stream, body) = (connect(address), start_body(task).to_string());
        write!(
            stream,
            "POST /episodes HTTP/1.1\r\nhost: test\r\nconnection: close\r\nexpect: 100-continue\r\n\
            content-length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        let mut half = Half { stream, body };
        assert_eq!(half.read(25), "HTTP/1.1 100 Continue\r\n\r\n");
        half
    }

    fn read(&mut self, bytes: usize) -> String {
        let mut read = vec![0; bytes];
        self.stream.read_exact(&mut read).unwrap();
        String::from_utf8(read).unwrap()
    }

    /// Reads the answer to its end.
    fn answer(mut self) -> String {
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends the rest.
    fn finish(mut self) -> String {
        let body = std::mem::take(&mut self.body);
        self.stream.write_all(body.as_bytes()).unwrap();
        self.answer()
    }
}

#[test]
fn a_body_over_the_limit_is_refused_whether_it_says_its_length_or_not() {
    let server = spawn(&["--body-bytes", "1000"]);
    let fits = start_body("fits").to_string();
    assert_eq!(call(server.address(), "POST", "/episodes", &fits).0, 201);
    let long = start_body(&"x".repeat(1000)).to_string();
    let (status, answer) = call(server.address(), "POST", "/episodes", &long);
    assert_eq!((status, answer["error"].as_str().unwrap()), (413, "the body is over 1000 bytes: log less at a time"));
    let mut stream = connect(server.address());
    let head = "POST /episodes HTTP/1.1\r\nhost: test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    write!(stream, "{head}{:x}\r\n{long}\r\n", long.len()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert!(line.contains(" 413 "), "{line}");
    assert_eq!(call(server.address(), "GET", "/stats", "").1["episodes"], 1);
    server.terminate();
}

#[test]
fn limits_that_nothing_fits_or_that_cannot_be_are_refused() {
    for (option, value) in [("--body-bytes", "0"), ("--requests", "0"), ("--requests", "9223372036854775807")] {
        let (code, said) = fails(&[option, value]);
        assert!(code == 2 && said.contains("take 1 to"), "{option} {value}: {code}: {said}");
    }
}

#[test]
fn requests_beyond_the_limit_are_sent_away_until_there_is_room() {
    let server = spawn(&["--requests", "1"]);
    let half = Half::send(server.address(), "takes its time");
    let mut stream = connect(server.address());
    write!(stream, "GET /patterns HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1\r\n"), "{answer}");
    assert!(answer.contains("1 requests at a time are the most"), "{answer}");
    for path in ["/health", "/ready"] {
        assert_eq!(call(server.address(), "GET", path, "").0, 200, "{path} needs no room");
    }
    let answer = half.finish();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(call(server.address(), "GET", "/patterns", "").0, 200);
    server.terminate();
}

#[test]
fn a_request_that_takes_too_long_is_given_up() {
    let server = spawn(&["--request-ms", "20"]);
    let answer = Half::send(server.address(), "never comes").answer();
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.contains("not answered within 20 ms"), "{answer}");
    server.terminate();
}

#[test]
fn a_signal_lets_running_requests_end_and_keeps_what_they_wrote() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let variant = "store=redb,durability=buffered,writes=batched";
        let mut server = spawn(&["--variant", variant, "--path", path.to_str().unwrap()]);
        let address = server.address();
        let half = Half::send(address, "in the middle");
        kill_process(Pid::from_child(&server.child), signal).unwrap();
        while TcpStream::connect(address).is_ok() {} // until it takes no more
        let answer = half.finish();
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        assert!(server.child.wait().unwrap().success());

        let server = spawn(&["--variant", variant, "--path", path.to_str().unwrap()]);
        assert_eq!(call(server.address(), "GET", "/stats", "").1["episodes"], 1);
        server.terminate();
    }
}

#[test]
fn a_wrong_method_is_refused_in_words_on_every_route() {
    let server = spawn(&[]);
    for (method, path) in [("POST", "/health"), ("POST", "/ready"), ("DELETE", "/metrics"), ("GET", "/backup")] {
        let (status, answer) = call(server.address(), method, path, "");
        assert_eq!((status, answer["error"].as_str()), (405, Some(&*format!("{path} does not take {method}"))));
    }
    server.terminate();
}

#[test]
fn health_says_what_each_part_does() {
    let server = spawn(&["--variant", "cache=lru"]);
    let (_, started) = call(server.address(), "POST", "/episodes", &start_body("one").to_string());
    let episode = format!("/episodes/{}", started["id"].as_str().unwrap());
    for _ in 0..3 {
        assert_eq!(call(server.address(), "GET", &episode, "").0, 200);
    }
    let (status, health) = call(server.address(), "GET", "/health", "");
    assert_eq!((status, &health["database"]["ok"], &health["active_episodes"]), (200, &json!(true), &json!(1)));
    assert_eq!(health["cache"], json!({"hits": 2, "misses": 1}));
    assert_eq!(health["pool"], json!({"opened": 0, "reused": 0, "retired": 0}));
    assert!(health["memory"]["peak_resident_bytes"].as_u64().is_none_or(|bytes| bytes > 0));
    assert_eq!(call(server.address(), "GET", "/ready", "").1, json!({"ready": true}));
    server.terminate();
}

#[test]
fn the_rule_of_retention_holds_when_the_server_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let arguments = ["--variant", "store=redb", "--path", path.to_str().unwrap()];
    let server = spawn(&arguments);
    let mut ids = Vec::new();
    for task in ["first", "second", "third", "running"] {
        let (_, started) = call(server.address(), "POST", "/episodes", &start_body(task).to_string());
        ids.push(started["id"].as_str().unwrap().to_owned());
    }
    let outcome = json!({"success": {"verdict": "fine"}}).to_string();
    for id in &ids[..3] {
        assert_eq!(call(server.address(), "POST", &format!("/episodes/{id}/complete"), &outcome).0, 200);
    }
    server.terminate();
    let server = spawn(&[&arguments[..], &["--keep-episodes", "1", "--keep-days", "1"]].concat());
    let left = ids.iter().map(|id| call(server.address(), "GET", &format!("/episodes/{id}"), "").0);
    assert_eq!(left.collect::<Vec<_>>(), [404, 404, 200, 200]);
    server.terminate();
}

#[test]
fn the_log_names_requests_and_operations_if_somebody_asks_for_it() {
    for (arguments, wanted) in [(&["--log", "debug"][..], true), (&[], false)] {
        let mut server = spawn(arguments);
        assert_eq!(call(server.address(), "POST", "/episodes", &start_body("logged").to_string()).0, 201);
        let mut stderr = server.child.stderr.take().unwrap();
        server.terminate();
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        let line = said.lines().find(|line| line.contains("start_episode"));
        assert_eq!(line.is_some_and(|line| line.contains("operation=\"start\"")), wanted, "{said}");
        assert_eq!(said.is_empty(), !wanted, "{said}");
    }
}

#[cfg(not(feature = "otlp"))]
#[test]
fn a_server_without_the_feature_says_how_to_build_one_that_sends_spans() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = ["--variant", "store=redb", "--path", path.to_str().unwrap()];
    let (code, said) = fails(&[&store[..], &["--otlp", "http://127.0.0.1:4318"]].concat());
    assert_eq!((code, said.lines().count()), (1, 1), "{said}");
    assert!(said.contains("`cargo build --release -p assay-memory-server --features otlp`"), "{said}");
    assert!(!path.exists(), "nothing is begun");
}

#[test]
fn a_planted_slowdown_costs_every_request_its_cpu_time() {
    let server = spawn(&["--spin-ns", "20000000"]);
    let used = || call(server.address(), "GET", "/stats", "").1["process"]["cpu_time_ns"].as_u64().unwrap();
    let before = used();
    for _ in 0..3 {
        assert_eq!(call(server.address(), "GET", "/patterns", "").0, 200);
    }
    // Each answer is made after the spin of its own request.
    let spun = used() - before;
    server.terminate();
    assert!(spun >= 4 * 20_000_000, "{spun} ns");
}

#[test]
fn a_backup_needs_room_like_every_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = spawn(&["--requests", "1", "--backups", folder.path().to_str().unwrap()]);
    let half = Half::send(server.address(), "takes its time");
    assert_eq!(call(server.address(), "POST", "/backup", "").0, 503);
    half.finish();
    assert_eq!(call(server.address(), "POST", "/backup", "").0, 200);
    server.terminate();
}
