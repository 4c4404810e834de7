//! Servers to load: the real router on a thread, and stubs that lie, hang or go away.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};

use baselines::Measurement;
use episodes::api::{ProcessStats, Script, ServerStats};
use episodes::corpus::{self, Corpus};
use memory::{Memory, NewStep, Options, Outcome, StartEpisode, Variant};
use tokio::sync::oneshot;

/// The real server, in this process.
pub struct Real {
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<memory::Result<()>>>,
}

impl Real {
    pub fn start() -> Real {
        Real::of(Variant::naive())
    }

    pub fn of(variant: Variant) -> Real {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, address) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let memory = Arc::new(Memory::open(&variant, Options::default()).await?);
                let listener = memory_server::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                memory_server::serve(listener, memory, async move {
                    stopped.await.ok();
                })
                .await
            })
        });
        let address: SocketAddr = address.recv().unwrap();
        Real { url: format!("http://{address}"), stop: Some(stop), thread: Some(thread) }
    }

    pub fn stats(&self) -> ServerStats {
        let mut stream = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        write!(stream, "GET /stats HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.stop.take().unwrap().send(()).ok();
        let ended = self.thread.take().unwrap().join();
        assert!(thread::panicking() || ended.is_ok_and(|ended| ended.is_ok()));
    }
}

/// What a stub does with a request.
pub enum Reply {
    /// Answers with that status and body.
    Answer(u16, String),
    /// Never answers, but keeps the connection.
    Silence,
    /// Closes everything, now and for ever.
    Vanish,
}

/// A server that answers as a closure says: the method and path, and how many requests came before.
pub struct Stub {
    pub url: String,
    /// What came so far: the number of connections, and the heads of requests.
    pub seen: Arc<Mutex<(usize, Vec<String>)>>,
}

impl Stub {
    pub fn start(reply: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open: Arc<Mutex<Option<Vec<TcpStream>>>> = Arc::new(Mutex::new(Some(Vec::new())));
        let (reply, count) = (Arc::new(reply), Arc::new(Mutex::new(0)));
        let seen: Arc<Mutex<(usize, Vec<String>)>> = Arc::default();
        let told = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                match &mut *open.lock().unwrap() {
                    Some(streams) => streams.push(stream.try_clone().unwrap()),
                    None => return, // vanished: the listener closes here
                }
                told.lock().unwrap().0 += 1;
                let (open, reply, count) = (Arc::clone(&open), Arc::clone(&reply), Arc::clone(&count));
                let told = Arc::clone(&told);
                thread::spawn(move || {
                    while let Some((request, head)) = read_request(&stream) {
                        told.lock().unwrap().1.push(head);
                        let before = {
                            let mut count = count.lock().unwrap();
                            *count += 1;
                            *count - 1
                        };
                        match reply(&request, before) {
                            Reply::Answer(status, body) => answer(&stream, status, &body),
                            Reply::Silence => {}
                            Reply::Vanish => {
                                for stream in open.lock().unwrap().take().unwrap_or_default() {
                                    stream.shutdown(Shutdown::Both).ok();
                                }
                                TcpStream::connect(address).ok(); // wakes the accepting thread
                                return;
                            }
                        }
                    }
                });
            }
        });
        Stub { url: format!("http://{address}"), seen }
    }
}

/// Reads a request and its body; answers with `METHOD PATH` and the headers, or nothing when the client has closed.
fn read_request(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::with_capacity(1, stream); // no byte of the next request is taken
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let (mut length, mut head) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&header);
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    Some((first.rsplit_once(' ')?.0.to_owned(), head))
}

fn answer(mut stream: &TcpStream, status: u16, body: &str) {
    let length = body.len();
    // In one piece: the rest of an answer in several would wait for the client's acknowledgement.
    let answer = format!("HTTP/1.1 {status} Any\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).ok();
}

/// What `GET /stats` of a stub answers.
pub fn stats() -> String {
    let process = ProcessStats { cpu_time_ns: 1, peak_resident_bytes: None };
    let stats = ServerStats {
        variant: Variant::naive().to_string(),
        episodes: 0,
        steps: 0,
        patterns: 0,
        stored_bytes: 0,
        counters: Default::default(),
        process,
    };
    serde_json::to_string(&stats).unwrap()
}

/// A corpus file of three short episodes.
pub fn corpus(folder: &Path) -> PathBuf {
    let script = |name: &str, steps: usize| Script {
        start: StartEpisode { task: format!("fix the {name} parser"), ..StartEpisode::default() },
        steps: (0..steps)
            .map(|number| NewStep {
                tool: "shell".to_owned(),
                action: format!("{name} {number}"),
                observation: "x".repeat(200 * number),
                ..NewStep::default()
            })
            .collect(),
        outcome: Outcome::Success { verdict: "tests pass".to_owned() },
    };
    let scripts = vec![script("date", 3), script("number", 1), script("string", 6)];
    let path = folder.join("corpus.jsonl");
    corpus::write(&path, &Corpus { source: "a test".to_owned(), scripts }).unwrap();
    path
}

/// The load generator, to be run.
pub fn command(server: &str, corpus: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["--server", server, "--quiet", "--corpus"]).arg(corpus).args(more);
    command.env("http_proxy", "http://127.0.0.1:9"); // no proxy of the environment is used: nobody listens there
    command
}

/// Runs the load generator to its end.
pub fn loadgen(server: &str, corpus: &Path, more: &[&str]) -> Output {
    command(server, corpus, more).output().unwrap()
}

/// Runs the load generator with these arguments.
pub fn run(arguments: &[&str]) -> Output {
    run_with(arguments, &[])
}

/// Runs the load generator with these arguments and environment variables.
pub fn run_with(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(arguments)
        .env("http_proxy", "http://127.0.0.1:9")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

pub fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

pub fn measurements(text: &str) -> Vec<Measurement> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

pub fn value(measurements: &[Measurement], metric: &str) -> f64 {
    let found = measurements.iter().find(|measurement| measurement.metric == metric);
    found.unwrap_or_else(|| panic!("no {metric}")).sample.median()
}

/// A message is one line that starts with the program's name.
#[track_caller]
pub fn fails(output: &Output, code: i32, reason: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", stderr(output));
    assert!(stderr(output).contains(reason), "{}", stderr(output));
    assert_eq!(stderr(output).lines().count(), 1, "{}", stderr(output));
    assert!(stderr(output).starts_with("loadgen: "), "{}", stderr(output));
    assert_eq!(stdout(output), "");
}
