//! Slices: schedules that lines on stdin ask for.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Reply, Stub};

const SCENARIO: &str = "schema = 1\nname = \"plain\"\nbase_url = \"http://127.0.0.1:9\"\n\n[[request]]\nname = \"it\"\n\
                        path = \"/{{session}}\"\n";

fn generator(scenario: &str, server: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(["--scenario", scenario, "--server", server, "--quiet", "--slices", "--users", "3"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn slices_share_users_and_connections() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plain.toml");
    std::fs::write(&file, SCENARIO).unwrap();
    let paths: &'static std::sync::Mutex<Vec<String>> = Box::leak(Box::default());
    let stub = Stub::start(|request, _| {
        paths.lock().unwrap().push(request.to_owned());
        Reply::Answer(200, String::new())
    });
    let mut generator = generator(file.to_str().unwrap(), &stub.url);
    let mut requests = generator.stdin.take().unwrap();
    let mut answers = BufReader::new(generator.stdout.take().unwrap());
    let mut answer = move || -> Value {
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    };
    assert_eq!(answer(), json!({ "ready": "load/plain" }));
    let mut slice = |sessions: u64, seed: u64, first: u64| -> Value {
        writeln!(requests, "{}", json!({ "sessions": sessions, "rate": 1000, "seed": seed, "first": first })).unwrap();
        answer()
    };
    let [first, again, other, next] = [slice(20, 1, 0), slice(20, 1, 0), slice(30, 2, 0), slice(30, 2, 30)];
    let numbers = |summary: &Value| (summary["requests"].as_u64(), summary["sessions"].as_u64());
    let played = [20, 20, 30, 30].map(|number| (Some(number), Some(number)));
    assert_eq!([&first, &again, &other, &next].map(numbers), played);
    assert_eq!(first["plan"], again["plan"]);
    assert!(first["plan"] != other["plan"] && other["plan"] != next["plan"]);
    assert_eq!(first["errors"], json!({}));
    drop(requests);
    assert!(generator.wait().unwrap().success());
    let mut sent = paths.lock().unwrap().clone();
    let mut expected: Vec<String> =
        [0..20, 0..20, 0..60].into_iter().flatten().map(|number| format!("GET /{number}")).collect();
    sent.sort();
    expected.sort();
    assert_eq!(sent, expected);
    // A fourth is opened where one is given back too late; slices with connections of their own would have 12.
    let connections = stub.seen.lock().unwrap().0;
    assert!(connections < 12, "{connections} connections");
}

#[test]
fn a_wrong_line_and_a_server_that_goes_away_end_the_run_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plain.toml");
    std::fs::write(&file, SCENARIO).unwrap();
    let stub = Stub::start(|_, before| if before < 10 { Reply::Answer(200, String::new()) } else { Reply::Vanish });
    for (lines, answers, reason) in [
        ("{\"sessions\": 5, \"rate\": 1000, \"seed\": 1, \"first\": 0}\nmore\n", 2, "a line is no request like"),
        ("{\"sessions\": 50, \"rate\": 1000, \"seed\": 1, \"first\": 0}\n", 1, "went away after"),
    ] {
        let mut generator = generator(file.to_str().unwrap(), &stub.url);
        generator.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = generator.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("loadgen: ") && said.contains(reason), "{said}");
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), answers, "{said}");
    }
}
