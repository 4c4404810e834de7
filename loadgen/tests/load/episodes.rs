//! The reference memory's workload: exit codes, messages, and measurements that add up.

use std::process::{Child, Stdio};

use baselines::{Lane, metric::METRICS};
use memory::EpisodeId;
use serde_json::Value;

use super::support::{Real, Reply, Stub, command, corpus, fails, loadgen, measurements, stats, stderr, stdout, value};

/// Four users are too few for the bursts, which must not matter here.
const QUICK: [&str; 10] =
    ["--episodes", "20", "--rate", "400", "--gap", "100us", "--users", "4", "--max-start-lag", "1h"];

#[test]
fn an_open_run_sends_what_was_planned_and_measures_it() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let server = Real::start();

    let plan = loadgen(&server.url, &corpus, &[&QUICK[..], &["--plan"]].concat());
    let planned: Vec<Value> = stdout(&plan).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((planned.len(), server.stats().episodes), (20, 0), "planning sends nothing");
    let requests: usize = planned.iter().map(|episode| episode["starts_ns"].as_array().unwrap().len()).sum();
    let steps: u64 = planned.iter().map(|episode| [3, 1, 6][episode["script"].as_u64().unwrap() as usize]).sum();

    let out = folder.path().join("load.jsonl");
    let output = loadgen(&server.url, &corpus, &[&QUICK[..], &["--output", out.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains(&format!("20 episodes, {requests} requests in ")), "{}", stdout(&output));
    let after = server.stats();
    assert_eq!((after.episodes, after.steps), (20, steps));

    let measurements = measurements(&std::fs::read_to_string(&out).unwrap());
    let mut metrics: Vec<&str> = measurements.iter().map(|measurement| measurement.metric.as_str()).collect();
    let mut expected: Vec<&str> = METRICS.iter().filter(|m| m.lane == Lane::Load).map(|m| m.name).collect();
    metrics.sort_unstable();
    expected.sort_unstable();
    assert_eq!(metrics, expected);
    for measurement in &measurements {
        assert_eq!(measurement.operations, requests as u64);
        assert_eq!(measurement.case.benchmark, "load/episodes");
        assert_eq!(measurement.case.variant, after.variant);
        assert_eq!(measurement.durability, baselines::Durability::Memory);
        assert_eq!(measurement.counters["steps_appended"], steps);
    }
    assert_eq!(value(&measurements, "errors"), 0.0);
    for metric in ["throughput", "response_p50", "service_p50", "cpu_per_request", "peak_memory"] {
        assert!(value(&measurements, metric) > 0.0, "{metric}");
    }
    assert!(value(&measurements, "response_p50") <= value(&measurements, "response_p999"));
    assert!(value(&measurements, "service_p50") <= value(&measurements, "response_p999"));
}

#[test]
fn without_a_file_stdout_has_the_measurements_alone() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let server = Real::start();
    let closed = ["--arrivals", "closed", "--episodes", "30", "--users", "3", "--retrieve-ratio", "2"];
    let output = loadgen(&server.url, &corpus, &closed);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(value(&measurements(stdout(&output)), "errors"), 0.0);
    assert!(stderr(&output).contains("30 episodes, "), "{}", stderr(&output));
    assert!(!stderr(&output).contains("goose counted"), "{}", stderr(&output));
    assert_eq!(server.stats().episodes, 30);
}

#[test]
fn bodies_go_compressed_where_the_variant_has_it_so() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let closed = ["--arrivals", "closed", "--episodes", "30"];
    let counted = |variant: &str, wire: &str| {
        let server = Real::of(variant.parse().unwrap());
        let output = loadgen(&server.url, &corpus, &[&closed[..], &["--wire", wire]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let counters = server.stats().counters;
        let errors = value(&measurements(stdout(&output)), "errors");
        (errors, ["bodies_compressed", "wire_bytes_before", "wire_bytes_after"].map(|name| counters[name]))
    };
    assert_eq!(counted("", "identity"), (0.0, [0; 3]));
    assert_eq!(counted("wire=compressed", "identity"), (0.0, [0; 3]), "nobody asked for anything");
    let (errors, [bodies, before, after]) = counted("wire=compressed", "compressed");
    assert_eq!(errors, 0.0);
    assert!(bodies > 30 && after * 2 < before, "{bodies}: {before} to {after}");
    assert!(counted("", "compressed").0 > 0.0, "a server that takes nothing compressed says so");
}

#[test]
fn a_closed_run_ends_with_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let server = Real::start();
    let output = loadgen(&server.url, &corpus, &["--arrivals", "closed", "--duration", "100ms", "--users", "2"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let measurements = measurements(stdout(&output));
    assert_eq!(value(&measurements, "errors"), 0.0);
    assert!(server.stats().episodes > 0);
}

#[test]
fn a_seed_is_a_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let plan = |more: &[&str]| {
        let output = loadgen("http://127.0.0.1:1", &corpus, &[&["--plan"], more].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        output.stdout
    };
    assert_eq!(plan(&["--seed", "5"]), plan(&["--seed", "5"]));
    assert_ne!(plan(&["--seed", "5"]), plan(&["--seed", "6"]));
    assert_ne!(plan(&["--arrivals", "poisson"]), plan(&["--arrivals", "gamma"]));
}

#[test]
fn a_server_that_is_not_there_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    // A port that was free a moment ago, and is closed again.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = loadgen(&format!("http://{address}"), &corpus, &QUICK);
    fails(&output, 1, "does not answer: ");
    let other = Stub::start(|_, _| Reply::Answer(200, "<html>".to_owned()));
    fails(&loadgen(&other.url, &corpus, &QUICK), 1, "is memory-server running there?");
}

#[test]
fn only_servers_of_this_machine_are_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    fails(&loadgen("http://192.0.2.1:80", &corpus, &QUICK), 1, "192.0.2.1 is no loopback address");
}

/// A memory-server that starts episodes and answers their steps with `number`.
fn liar(request: &str, number: u32) -> Reply {
    match request {
        "GET /stats" => Reply::Answer(200, stats()),
        "GET /health" => Reply::Answer(200, "{}".to_owned()),
        "POST /episodes" => Reply::Answer(201, format!(r#"{{"id":"{}"}}"#, EpisodeId(1))),
        steps if steps.ends_with("/steps") => Reply::Answer(201, format!(r#"{{"number":{number}}}"#)),
        _ => Reply::Answer(500, r#"{"error":"the disk is full"}"#.to_owned()),
    }
}

#[test]
fn wrong_answers_are_errors_and_not_a_failed_run() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    // Step 0 is right by accident; the next one, or the completion, is not.
    let server = Stub::start(|request, _| liar(request, 0));
    let output = loadgen(&server.url, &corpus, &QUICK);
    assert!(output.status.success(), "{}", stderr(&output));
    let measurements = measurements(stdout(&output));
    assert_eq!(value(&measurements, "errors"), 20.0, "each episode ends with its first error");
    assert!(stderr(&output).contains("x step: step number is 0, not 1"), "{}", stderr(&output));
    assert!(stderr(&output).contains("x complete: status 500: the disk is full"), "{}", stderr(&output));
    assert!(stderr(&output).contains("  0 episodes, "), "{}", stderr(&output));
}

#[test]
fn a_request_without_an_answer_is_an_error_while_the_server_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let server = Stub::start(|request, _| if request.ends_with("/steps") { Reply::Silence } else { liar(request, 0) });
    let more = ["--episodes", "2", "--users", "2", "--rate", "100", "--timeout", "200ms", "--max-start-lag", "1h"];
    let output = loadgen(&server.url, &corpus, &more);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(value(&measurements(stdout(&output)), "errors"), 2.0);
    assert!(stderr(&output).contains("2 x step: timed out"), "{}", stderr(&output));
}

#[test]
fn a_server_that_goes_away_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let server = Stub::start(|request, before| if before == 9 { Reply::Vanish } else { liar(request, 0) });
    // More episodes than the test would wait for if the run went on.
    let output =
        loadgen(&server.url, &corpus, &["--episodes", "1000", "--rate", "1", "--users", "2", "--arrivals", "closed"]);
    fails(&output, 1, "went away after ");
}

#[test]
fn a_server_that_hangs_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let server = Stub::start(|request, before| if before > 5 { Reply::Silence } else { liar(request, 0) });
    let output = loadgen(&server.url, &corpus, &["--episodes", "1000", "--users", "2", "--timeout", "200ms"]);
    fails(&output, 1, "went away after ");
}

#[test]
fn ctrl_c_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let server = Real::start();
    let start = |arguments: &[&str]| {
        let mut command = command(&server.url, &corpus, arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let interrupt = |child: Child| {
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        child.wait_with_output().unwrap()
    };
    let mut playing = start(&["--episodes", "1000", "--rate", "1", "--shape", "1", "--gap", "10s"]);
    while server.stats().episodes == 0 {
        assert!(playing.try_wait().unwrap().is_none(), "it ended before its first episode");
    }
    fails(&interrupt(playing), 1, "interrupted after ");

    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let waiting = start(&["--start-at", &(now + 3000).to_string()]);
    std::thread::sleep(std::time::Duration::from_secs(1)); // goose catches ctrl-c once its users have started
    fails(&interrupt(waiting), 1, "interrupted after 0 requests");
}

#[test]
fn a_run_that_misses_its_deadline_is_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let server = Real::start();
    let output = loadgen(&server.url, &corpus, &["--episodes", "100", "--rate", "20", "--deadline", "200ms"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("was not done by its deadline of 0.2 s"), "{}", stderr(&output));
    assert_eq!(stdout(&output), "", "no measurement is made of half a run");
}

#[test]
fn a_corpus_that_is_none_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = corpus(folder.path());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"tool\":\"shell\"", "\"tool\":7", 1)).unwrap();
    fails(&loadgen("http://127.0.0.1:1", &path, &[]), 1, "corpus.jsonl:2: not an episode: invalid type: integer `7`");
    fails(&loadgen("http://127.0.0.1:1", &folder.path().join("none"), &[]), 1, "none");
    std::fs::write(&path, "{\"assay_corpus\":1,\"source\":\"empty\",\"episodes\":0}\n").unwrap();
    fails(&loadgen("http://127.0.0.1:1", &path, &[]), 4, "the corpus has no episodes");
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    for wrong in [["--users", "0"], ["--rate", "nan"], ["--duration", "10"], ["--arrivals", "often"]] {
        assert_eq!(loadgen("http://127.0.0.1:1", &corpus, &wrong).status.code(), Some(2), "{wrong:?}");
    }
}
