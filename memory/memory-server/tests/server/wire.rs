//! Bodies on the wire: the same answers under both strategies, fewer bytes under one of them, and what neither takes.

use std::io::{Read, Write};
use std::net::SocketAddr;

use episodes::api::WIRE_THRESHOLD_BYTES;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::{Running, connect, spawn, start, start_body, step_body};

/// What came back: status, the encoding that it says, the body as it came.
struct Answer {
    status: u16,
    encoding: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        let plain = match self.encoding.as_deref() {
            None => self.body.clone(),
            Some("gzip") => {
                let mut plain = Vec::new();
                GzDecoder::new(&self.body[..]).read_to_end(&mut plain).unwrap();
                plain
            }
            Some(other) => panic!("nobody asked for {other}"),
        };
        serde_json::from_slice(&plain).unwrap()
    }
}

/// One request of HTTP/1.0, whose answer ends with the connection.
fn send(address: SocketAddr, request: &str, headers: &[&str], body: &[u8]) -> Answer {
    let mut stream = connect(address);
    write!(stream, "{request} HTTP/1.0\r\ncontent-length: {}\r\n", body.len()).unwrap();
    for header in headers {
        write!(stream, "{header}\r\n").unwrap();
    }
    stream.write_all(b"\r\n").unwrap();
    stream.write_all(body).ok(); // a server that refuses by the headers does not read it to its end
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&answer[..end]).unwrap().to_ascii_lowercase();
    let encoding = head.lines().find_map(|line| line.strip_prefix("content-encoding: ")).map(str::to_owned);
    Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), encoding, body: answer[end + 4..].to_vec() }
}

fn packed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn long_step() -> Value {
    let mut step = step_body("shell");
    step["observation"] = json!("error: 17 of 20 tests failed\n".repeat(200));
    step
}

const WIRE: [&str; 3] = ["bodies_compressed", "wire_bytes_before", "wire_bytes_after"];

fn counted(server: &Running) -> [u64; 3] {
    let (_, stats) = server.call("GET", "/stats", None);
    WIRE.map(|name| stats["counters"][name].as_u64().unwrap())
}

/// Times and ids of two servers differ: what must be the same is everything else.
fn steps(episode: &Value) -> Vec<(Value, Value)> {
    let steps = episode["steps"].as_array().unwrap();
    steps.iter().map(|step| (step["number"].clone(), step["observation"].clone())).collect()
}

#[test]
fn long_bodies_go_compressed_both_ways_and_say_the_same() {
    let [identity, compressed] = ["wire=identity", "wire=compressed"].map(|variant| start(variant, None));
    let mut told = Vec::new();
    for server in [&identity, &compressed] {
        let id = server.start_episode("fix the parser");
        let path = format!("/episodes/{id}/steps");
        for step in [step_body("edit"), long_step()] {
            assert_eq!(send(server.address, &format!("POST {path}"), &[], step.to_string().as_bytes()).status, 201);
        }
        assert_eq!(counted(server), [0; 3], "nobody sent or asked for anything compressed");
        let asked = send(server.address, &format!("GET /episodes/{id}"), &["accept-encoding: gzip"], b"");
        let plain = send(server.address, &format!("GET /episodes/{id}"), &[], b"");
        assert_eq!((asked.status, plain.status, plain.encoding.is_none()), (200, 200, true));
        assert_eq!(asked.json(), plain.json());
        let short = send(server.address, "GET /health", &["accept-encoding: gzip"], b"");
        assert_eq!((short.status, short.encoding.is_none()), (200, true), "a short one is not worth it");
        told.push((id, steps(&plain.json()), asked, plain));
    }
    let [(_, plainly, asked, plain), (id, packedly, asked_packed, plain_packed)] = &told[..] else { unreachable!() };
    assert_eq!(plainly, packedly);
    assert_eq!((asked.encoding.as_deref(), counted(&identity)), (None, [0; 3]));
    assert_eq!(asked_packed.encoding.as_deref(), Some("gzip"));
    assert!(asked_packed.body.len() * 5 < plain.body.len(), "{} of {}", asked_packed.body.len(), plain.body.len());
    let (before, after) = (plain_packed.body.len() as u64, asked_packed.body.len() as u64);
    assert_eq!(counted(&compressed), [1, before, after], "every byte of the one compressed body");

    let step = long_step().to_string();
    let body = packed(step.as_bytes());
    assert!(step.len() > usize::from(WIRE_THRESHOLD_BYTES) && body.len() * 5 < step.len());
    let request = format!("POST /episodes/{id}/steps");
    let logged = send(compressed.address, &request, &["content-encoding: gzip"], &body);
    assert_eq!((logged.status, logged.json()), (201, json!({"number": 2})));
    let [bodies, plain, packed] = counted(&compressed);
    assert_eq!((bodies, plain - before, packed - after), (2, step.len() as u64, body.len() as u64));
    let (_, episode) = compressed.call("GET", &format!("/episodes/{id}"), None);
    assert_eq!(episode["steps"][2]["observation"], episode["steps"][1]["observation"]);
    identity.stop().unwrap();
    compressed.stop().unwrap();
}

#[test]
fn what_cannot_be_read_is_refused() {
    let body = packed(start_body("fix the parser").to_string().as_bytes());
    let refused = |variant: &str, encoding: &str, body: &[u8]| {
        let server = start(variant, None);
        let answer = send(server.address, "POST /episodes", &[&format!("content-encoding: {encoding}")], body);
        let (_, stats) = server.call("GET", "/stats", None);
        assert_eq!(stats["episodes"], 0, "{variant}, {encoding}");
        server.stop().unwrap();
        (answer.status, answer.json()["error"].as_str().unwrap().to_owned())
    };
    let (status, error) = refused("wire=identity", "gzip", &body);
    assert_eq!(status, 415);
    assert_eq!(error, "a body in the encoding `gzip`: send it as it is, or start the server with wire=compressed");
    let (status, error) = refused("wire=compressed", "br", &body);
    assert_eq!((status, error.as_str()), (415, "a body in the encoding `br`: send gzip, or send it as it is"));
    assert_eq!(refused("wire=compressed", "gzip", &body[..body.len() / 2]).0, 400, "cut");
    assert_eq!(refused("wire=compressed", "gzip", b"{}").0, 400, "never packed");
    let bomb = packed(&vec![b' '; episodes::api::BODY_BYTES_MAX + 1]);
    assert!(bomb.len() < 100_000);
    assert_eq!(refused("wire=compressed", "gzip", &bomb).0, 413, "what is too long is so unpacked as well");
}

#[test]
fn the_operators_limit_counts_what_is_unpacked() {
    let server = spawn(&["--variant", "wire=compressed", "--body-bytes", "1000"]);
    for (task, status) in [("x".repeat(100), 201), ("x".repeat(100_000), 413)] {
        let body = packed(start_body(&task).to_string().as_bytes());
        assert!(body.len() < 1_000);
        let answer = send(server.address(), "POST /episodes", &["content-encoding: gzip"], &body);
        assert_eq!(answer.status, status, "{}", answer.json());
    }
    server.terminate();
}

/// A body that says that it is as it is, is taken by both.
#[test]
fn identity_is_no_encoding() {
    for variant in ["wire=identity", "wire=compressed"] {
        let server = start(variant, None);
        let body = start_body("fix the parser").to_string();
        let answer = send(server.address, "POST /episodes", &["content-encoding: identity"], body.as_bytes());
        assert_eq!(answer.status, 201, "{variant}");
        server.stop().unwrap();
    }
}
