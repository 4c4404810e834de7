//! Spans that a server sends to a collector, which here is a socket of the test's own.
//!
//! The numbers of fields are those of `opentelemetry/proto/trace/v1/trace.proto`, read by hand: a second reader of what
//! the server's libraries write.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::tenants::ask;
use crate::{call, fails, spawn_with, start_body, step_body};

/// The variable with the milliseconds between two batches.
const DELAY: &str = "OTEL_BSP_SCHEDULE_DELAY";

/// An hour: until then only the end of the server sends anything.
const NEVER: &str = "3600000";

/// A value of a message: whole or fixed numbers, and bytes.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn number(&self) -> u64 {
        match self {
            Field::Number(number) => *number,
            Field::Bytes(bytes) => panic!("no number: {bytes:?}"),
        }
    }

    fn bytes(&self) -> &'a [u8] {
        match self {
            Field::Bytes(bytes) => bytes,
            Field::Number(number) => panic!("no bytes: {number}"),
        }
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for place in 0.. {
        let byte = take(bytes, 1)[0];
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            break;
        }
    }
    number
}

/// The values of a message that have this number.
fn all(mut message: &[u8], number: u64) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut message)),
            1 => Field::Number(u64::from_le_bytes(take(&mut message, 8).try_into().unwrap())),
            2 => {
                let length = varint(&mut message) as usize;
                Field::Bytes(take(&mut message, length))
            }
            5 => Field::Number(u32::from_le_bytes(take(&mut message, 4).try_into().unwrap()).into()),
            kind => panic!("a field of kind {kind}"),
        };
        if key >> 3 == number {
            found.push(field);
        }
    }
    found
}

fn one(message: &[u8], number: u64) -> Field<'_> {
    all(message, number).pop().unwrap_or_else(|| panic!("no field {number} in {message:?}"))
}

/// The attributes of a span (field 9) or of what sent it (field 1): text, and whole numbers as text.
fn attributes(message: &[u8], number: u64) -> BTreeMap<String, String> {
    let pairs = all(message, number).into_iter().map(|pair| {
        let value = one(pair.bytes(), 2).bytes();
        let text = all(value, 1).pop().map(|text| text.text());
        (one(pair.bytes(), 1).text(), text.unwrap_or_else(|| one(value, 3).number().to_string()))
    });
    pairs.collect()
}

#[derive(Debug)]
struct Span {
    id: Vec<u8>,
    parent: Option<Vec<u8>>,
    name: String,
    start_ns: u64,
    end_ns: u64,
    attributes: BTreeMap<String, String>,
    service: String,
}

fn spans(request: &[u8]) -> Vec<Span> {
    let mut found = Vec::new();
    for of_resource in all(request, 1) {
        let service = attributes(one(of_resource.bytes(), 1).bytes(), 1)["service.name"].clone();
        for of_scope in all(of_resource.bytes(), 2) {
            let spans = all(of_scope.bytes(), 2);
            found.extend(spans.iter().map(Field::bytes).map(|span| Span {
                id: one(span, 2).bytes().to_vec(),
                parent: all(span, 4).pop().map(|id| id.bytes().to_vec()).filter(|id| !id.is_empty()),
                name: one(span, 5).text(),
                start_ns: one(span, 7).number(),
                end_ns: one(span, 8).number(),
                attributes: attributes(span, 9),
                service: service.clone(),
            }));
        }
    }
    found
}

/// A collector, and the spans that it got.
struct Collector {
    address: SocketAddr,
    received: Receiver<Span>,
}

fn collect() -> Collector {
    let (send, received) = channel();
    let address = listen("200 OK", move |batch| {
        for span in spans(&batch) {
            // A test that has seen enough no longer listens.
            let _ = send.send(span);
        }
    });
    Collector { address, received }
}

/// Takes batches, and gives all of them that answer.
fn listen(answer: &'static str, take: impl Fn(Vec<u8>) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            while let Some(batch) = next(&mut stream) {
                take(batch);
                write!(stream.get_mut(), "HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").unwrap();
            }
        }
    });
    address
}

/// The next batch of a connection; none at its end.
fn next(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).unwrap_or(0) == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    Some(body)
}

impl Collector {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for spans until one fits; answers with all of them, that one last.
    fn until(&self, fits: impl Fn(&Span) -> bool) -> Vec<Span> {
        let mut found = Vec::new();
        while !found.last().is_some_and(&fits) {
            let next = self.received.recv_timeout(Duration::from_secs(60));
            found.push(next.unwrap_or_else(|error| panic!("{error}: {found:#?}")));
        }
        found
    }
}

#[test]
fn a_collector_gets_a_span_of_every_request_and_of_its_operations() {
    let (collector, folder) = (collect(), tempfile::tempdir().unwrap());
    let (url, stores) = (collector.url(), folder.path().join("stores"));
    let stores = stores.to_str().unwrap();
    let arguments = ["--variant", "store=redb", "--tenants", stores, "--otlp", &url];
    let server = spawn_with(&arguments, &[(DELAY, "20")]);
    let alpha = [("x-tenant", "alpha")];
    let ask = |request: &str, body: &str| ask(server.address(), request, &alpha, body);
    let (status, started) = ask("POST /episodes", &start_body("seen").to_string());
    assert_eq!(status, 201, "{started}");
    let id = started["id"].as_str().unwrap();
    let path = format!("/episodes/{id}");
    assert_eq!(ask(&format!("POST {path}/steps"), &step_body("shell").to_string()).0, 201);
    assert_eq!(ask(&format!("GET {path}"), "").0, 200);
    assert_eq!(ask("GET /nowhere", "").0, 404);
    let spans = collector.until(|span| span.attributes.get("path").is_some_and(|path| path == "/nowhere"));
    server.terminate();

    let steps = format!("{path}/steps");
    let wanted = [
        ("start", "/episodes", "201", Some(("start_episode", None))),
        ("log_step", &*steps, "201", Some(("log_step", Some(id)))),
        ("get", &*path, "200", Some(("get_episode", Some(id)))),
        ("other", "/nowhere", "404", None),
    ];
    for (operation, path, status, inner) in wanted {
        let is_it = |span: &&Span| span.name == "request" && span.attributes["operation"] == operation;
        let request = spans.iter().find(is_it).unwrap_or_else(|| panic!("no {operation} in {spans:#?}"));
        let told = ["path", "tenant", "status"].map(|name| request.attributes[name].as_str());
        assert_eq!((told, &*request.service, &request.parent), ([path, "alpha", status], "memory-server", &None));
        let found = spans.iter().find(|span| span.parent.as_ref() == Some(&request.id));
        let named = found.map(|span| (span.name.as_str(), span.attributes.get("id").map(String::as_str)));
        assert_eq!(named, inner, "{spans:#?}");
        let within = |span: &Span| request.start_ns <= span.start_ns && span.end_ns <= request.end_ns;
        assert!(request.start_ns > 0 && found.is_none_or(within), "{request:?} {found:?}");
    }
}

#[test]
fn the_end_of_a_server_sends_what_is_left() {
    let collector = collect();
    let server = spawn_with(&["--otlp", &collector.url()], &[(DELAY, NEVER)]);
    assert_eq!(call(server.address(), "POST", "/episodes", &start_body("last").to_string()).0, 201);
    assert!(collector.received.try_recv().is_err(), "nothing before the end");
    server.terminate();
    let spans = collector.until(|span| span.name == "close");
    assert!(spans.iter().any(|span| span.name == "start_episode"), "{spans:#?}");
}

/// What a client and stderr see of a server that has that collector.
fn operated(url: &str) -> (Vec<u16>, String) {
    let mut server = spawn_with(&["--otlp", url], &[(DELAY, "20")]);
    let mut stderr = BufReader::new(server.child.stderr.take().unwrap());
    let address = server.address();
    let mut answers = vec![call(address, "POST", "/episodes", &start_body("unseen").to_string()).0];
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    answers.extend(["/patterns", "/stats", "/nowhere"].map(|path| call(address, "GET", path, "").0));
    let outcome = json!({"success": {"verdict": "fine"}}).to_string();
    answers.push(call(address, "POST", "/episodes/xyz/complete", &outcome).0);
    server.terminate();
    stderr.read_to_string(&mut said).unwrap();
    (answers, said)
}

const ANSWERS: [u16; 5] = [201, 200, 200, 404, 400];

#[test]
fn a_collector_that_is_away_is_named_once_and_changes_no_answer() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (answers, said) = operated(&format!("http://{gone}/"));
    assert_eq!(answers, ANSWERS);
    assert_eq!(said.lines().count(), 1, "{said}");
    let beginning = format!("memory-server: the collector at http://{gone}/ takes no spans: ");
    assert!(said.starts_with(&beginning) && said.contains("Connection refused"), "{said}");
}

#[test]
fn a_collector_that_hangs_does_not_keep_the_server_from_ending() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (answers, said) = operated(&format!("http://{}", silent.local_addr().unwrap()));
    assert_eq!(answers, ANSWERS);
    assert!(said.contains("takes no spans: deadline has elapsed"), "{said}");
}

#[test]
fn a_collector_that_refuses_is_named_with_its_answer() {
    let address = listen("401 Unauthorized", drop);
    let (answers, said) = operated(&format!("http://{address}"));
    assert_eq!(answers, ANSWERS);
    assert!(said.contains("takes no spans: it answers 401 Unauthorized; ") && said.lines().count() == 1, "{said}");
}

#[test]
fn an_address_that_is_no_collectors_is_refused() {
    for url in ["https://127.0.0.1:4318", "127.0.0.1:4318", "nowhere", ""] {
        let (code, said) = fails(&["--otlp", url]);
        assert!(code == 1 && said.contains("name a collector without TLS"), "{url}: {code} {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn lines_and_spans_go_out_together() {
    let collector = collect();
    let mut server = spawn_with(&["--otlp", &collector.url(), "--log", "info"], &[(DELAY, NEVER)]);
    assert_eq!(call(server.address(), "GET", "/patterns", "").0, 200);
    let mut stderr = server.child.stderr.take().unwrap();
    server.terminate();
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("operation=\"patterns\"") && !said.contains("memory::memory"), "its own level: {said}");
    let spans = collector.until(|span| span.name == "close");
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert!(names.contains(&"patterns") && names.contains(&"request"), "{names:?}");
}
