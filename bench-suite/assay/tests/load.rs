//! `assay load` on the command line: the load generator's exit codes, and the ladder of rates.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// A server that answers all requests one after the other, each once `service` has passed.
fn single_server(mut service: impl FnMut() -> Duration + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (queue, waiting) = mpsc::channel::<TcpStream>();
    thread::spawn(move || {
        for mut stream in waiting {
            let end = Instant::now() + service();
            thread::sleep(end.saturating_duration_since(Instant::now() + Duration::from_micros(100)));
            while Instant::now() < end {
                std::hint::spin_loop();
            }
            // A client that has gone away wants no answer.
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").ok();
        }
    });
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let queue = queue.clone();
            thread::spawn(move || {
                stream.set_nodelay(true).ok();
                for line in BufReader::new(&stream).lines().map_while(Result::ok) {
                    if line.is_empty() {
                        queue.send(stream.try_clone().expect("it is open")).expect("the worker never ends");
                    }
                }
            });
        }
    });
    format!("http://{address}")
}

fn scenario(folder: &Path, url: &str) -> String {
    let path = folder.join("one.toml");
    let text =
        format!("schema = 1\nname = \"one\"\nbase_url = \"{url}\"\n\n[[request]]\nname = \"read\"\npath = \"/\"\n");
    std::fs::write(&path, text).expect("written");
    path.to_string_lossy().into_owned()
}

fn load(arguments: &[&str]) -> (i32, String, String) {
    let output: Output =
        Command::new(env!("CARGO_BIN_EXE_assay")).arg("load").args(arguments).output().expect("assay starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("not killed"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_load_generator_s_words_and_exit_codes_are_passed_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = scenario(folder.path(), &single_server(|| Duration::ZERO));
    let (code, measurements, said) =
        load(&["--scenario", &path, "--sessions", "5", "--rate", "100", "--quiet", "--max-start-lag", "1h"]);
    assert_eq!(code, 0, "{said}");
    assert!(measurements.contains("\"benchmark\":\"load/one\""), "{measurements}");
    assert!(said.contains("5 sessions, 5 requests"), "{said}");
    let (code, _, said) = load(&["merge", folder.path().to_str().expect("text")]);
    assert!(code == 1 && said.contains("has no .hlog file"), "{code}: {said}");
    let (code, _, said) = load(&["--scenario", &path, "--shard", "2/2", "--start-at", "1"]);
    assert!(code == 3 && said.contains("--start-at has passed"), "{code}: {said}");
    let (code, help, _) = load(&["--help"]);
    assert!(code == 0 && help.contains("--scenario"), "{help}");
    for (command, argument) in [("ladder", "--objective"), ("profile", "--pid")] {
        let (code, help, said) = load(&[command, "--help"]);
        assert!(code == 0 && help.contains(argument), "{help}{said}");
    }
}

#[test]
fn a_ladder_without_an_answer_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = scenario(folder.path(), &single_server(|| Duration::ZERO));
    // No answer comes over a socket within a microsecond.
    let quick = ["--from", "50", "--seconds", "0.5", "--", "--scenario", &path, "--max-start-lag", "1h"];
    let (code, table, said) = load(&[&["ladder", "--objective", "p50 < 1 us"][..], &quick].concat());
    assert_eq!((code, table.as_str()), (3, ""), "{said}");
    assert!(
        said.ends_with(
            "undecided: the objective is missed at 50 sessions per second already: lower --from, or ask for less\n"
        ),
        "{said}"
    );
    let (code, _, said) = load(&[&["ladder", "--objective", "p99"][..], &quick].concat());
    assert!(code == 2 && said.contains("as in 'p99 < 50 ms'"), "{said}");
    assert_eq!(load(&["ladder", "--objective", "p99 < 1 s"]).0, 2, "a ladder needs a workload");
}

/// The effect lane plays its episodes one after the other: its only user is never late.
#[test]
fn bytes_on_the_wire_are_counted_whatever_the_only_user_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.jsonl");
    let output = Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(["run", "http/episodes", "--lane", "effect", "--output"])
        .arg(&path)
        .output()
        .expect("assay starts");
    let run = std::fs::read_to_string(&path).expect("a run");
    assert!(output.status.success() && !run.contains("\"record\":\"invalid\""), "{run}");
    assert_eq!(run.matches("\"metric\":\"sent_bytes\"").count(), 2, "both encodings: {run}");
}

/// A single server with random service: its p99 is `ln(100) / (mu - rate)`.
#[test]
#[ignore = "takes minutes, and needs both cores for itself"]
fn the_rate_of_a_single_server_is_found() {
    const MU: f64 = 200.0;
    let mut state = 7u64;
    let url = single_server(move || {
        // Knuth's generator, "Seminumerical Algorithms", section 3.3.4.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        Duration::from_secs_f64(-uniform.ln() / MU)
    });
    let folder = tempfile::tempdir().expect("a folder");
    let path = scenario(folder.path(), &url);
    let (json, svg) = (folder.path().join("ladder.json"), folder.path().join("ladder.svg"));
    let files = ["--json", json.to_str().expect("text"), "--svg", svg.to_str().expect("text")];
    let pace = ["--objective", "p99 < 100 ms", "--from", "20", "--seconds", "15", "--rungs", "4", "--trials", "4"];
    let (code, table, said) = load(&[&["ladder"][..], &pace, &files, &["--", "--scenario", &path]].concat());
    println!("{said}{table}");
    assert_eq!(code, 0, "{said}");
    let text = std::fs::read_to_string(&json).expect("written");
    let ladder: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let (rate, truth) = (ladder["highest_rate"]["rate"].as_f64().expect("found"), MU - 100f64.ln() / 0.1);
    println!("found {rate}, truth {truth}");
    assert!((rate / truth - 1.0).abs() < 0.1, "{rate} where {truth} is right");
    let capacity = ladder["scalability"]["capacity"].as_f64().expect("fitted");
    assert!((capacity / MU - 1.0).abs() < 0.15, "{capacity} where {MU} is right");
    assert!(std::fs::read_to_string(&svg).expect("written").starts_with("<svg"));
}

/// A server that works on one request at a time, and on none for the first second of every ten.
///
/// A request that is due `u` seconds into the stall waits for its end and for all that came before: `1 - u + u * rate /
/// mu`. The queue is then served while more comes, so the wait falls from 1 s to nothing at that slope, over `1 / (1 -
/// rate / mu)` seconds of ten. So a share of `(1 - t) / (1 - rate / mu) / 10` of all requests waits longer than `t`.
/// Their own service, `1 / mu`, comes on top.
#[test]
#[ignore = "takes minutes, and needs both cores for itself"]
fn a_frozen_server_shows_as_queueing_theory_has_it() {
    const MU: f64 = 200.0;
    let frozen = || {
        let begun = Instant::now();
        single_server(move || {
            let phase = begun.elapsed().as_secs_f64() % 10.0;
            Duration::from_secs_f64((1.0 - phase).max(0.0) + 1.0 / MU)
        })
    };
    let folder = tempfile::tempdir().expect("a folder");
    let percentiles = |more: &[&str]| {
        let path = scenario(folder.path(), &frozen());
        let pace = ["--scenario", &path, "--duration", "60s", "--quiet", "--max-start-lag", "1h"];
        let (code, measurements, said) = load(&[&pace[..], more].concat());
        assert_eq!(code, 0, "{said}");
        let measured =
            measurements.lines().map(|line| serde_json::from_str::<baselines::Measurement>(line).expect("one"));
        let measured: Vec<_> = measured.collect();
        ["response_p99", "response_p999"].map(|metric| {
            let found = measured.iter().find(|measurement| measurement.metric == metric);
            found.expect("measured").sample.median() / 1e9
        })
    };
    for rate in [40.0, 80.0, 120.0] {
        let open = ["--rate", &rate.to_string(), "--arrivals", "poisson", "--users", "256"];
        let found = percentiles(&open);
        let expected = [0.1, 0.01].map(|share| 1.0 - share * (1.0 - rate / MU) + 1.0 / MU);
        println!("{rate} requests per second: p99 and p99.9 {found:.3?} s, theory {expected:.3?} s");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 0.05, "{found} where {expected} is right, at {rate}");
        }
    }
    let closed = percentiles(&["--model", "closed", "--users", "4"]);
    println!("a closed loop of four users: p99 and p99.9 {closed:.3?} s");
    assert!(closed[0] < 0.1, "a closed loop hides the stall: {closed:?}");
}

#[test]
fn a_profile_shows_what_the_server_does_or_says_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = single_server(|| {
        let end = Instant::now() + Duration::from_millis(5);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        Duration::ZERO
    });
    let (path, pid) = (scenario(folder.path(), &url), std::process::id().to_string());
    let written = folder.path().join("profiles");
    let to = ["profile", "--pid", &pid, "--output", written.to_str().expect("text"), "--", "--scenario", &path];
    let pace = ["--sessions", "100", "--rate", "100", "--quiet", "--max-start-lag", "1h"];
    let arguments = [&to[..], &pace].concat();
    let nothing = Command::new(env!("CARGO_BIN_EXE_assay")).arg("load").args(&arguments).env("PATH", "").output();
    let said = String::from_utf8(nothing.expect("assay starts").stderr).expect("text");
    assert!(
        said.starts_with("error: profiles under load need perf: perf is not installed: run `sudo apt-get"),
        "{said}"
    );
    if let Some(why) = harness::tools::perf::missing() {
        println!("skipped: {why}");
        return;
    }
    let (code, said, error) = load(&arguments);
    if error.contains("perf recorded nothing") {
        println!("skipped: {error}");
        return;
    }
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("\nserver: "), "{said}");
    let read = |name: &str| std::fs::read_to_string(written.join(name)).expect("written");
    let folded = read("load-server.folded");
    assert!(folded.contains("single_server"), "{folded}");
    assert!(read("load-server.svg").contains("single_server"));
    assert!(read("load-generator.svg").contains(" ns, "), "{said}");
}

/// The record goes on where it stopped, and the page has a section.
#[test]
#[ignore = "takes minutes, and needs both cores for itself"]
fn gates_of_the_memory_s_server_are_calibrated() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("machine.jsonl");
    let calibrate = |suites: &str, extra: &str| {
        let arguments = ["calibrate", "--load", "--suites", suites, "--extra", extra, "--record"];
        let output = Command::new(env!("CARGO_BIN_EXE_assay")).args(arguments).arg(&record).output();
        let output = output.expect("assay starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        (String::from_utf8_lossy(&output.stdout).into_owned(), said)
    };
    for (extra, row) in
        [("0", "server, idle                none      2"), ("20", "server, idle                +20%      2")]
    {
        calibrate("1", extra);
        let (table, said) = calibrate("2", extra);
        assert!(!said.contains("suite 1 of 2") && said.contains("suite 2 of 2"), "{said}");
        assert!(table.contains(row), "{table}");
        println!("{said}{table}");
    }
    assert_eq!(baselines::calibration::read(&record).expect("a record").len(), 4);
    let page = std::fs::read_to_string(record.with_extension("md")).expect("a page");
    assert!(page.contains("\n## A server under load\n"), "{page}");
}
