//! What Prometheus is told, as another program reads it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{call, connect, spawn, start_body, step_body};

/// Prints every sample as JSON: its name, its labels and its value, by the parser of Prometheus' own Python client.
const PARSE: &str = r"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
print(json.dumps([[s.name, s.labels, s.value] for family in families for s in family.samples]))
";

/// The Python with the parser, if `scripts/setup --tests` made one.
fn python() -> Option<PathBuf> {
    let release = Path::new(env!("CARGO_BIN_EXE_memory-server")).parent()?;
    let python = release.parent()?.join("python/bin/python");
    let known = Command::new(&python).args(["-c", "import prometheus_client.openmetrics"]).status();
    known.is_ok_and(|status| status.success()).then_some(python)
}

#[test]
fn another_parser_reads_the_metrics_and_finds_what_was_done() {
    let Some(python) = python() else {
        eprintln!("skipped: no python with prometheus_client in target/python: run scripts/setup --tests");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let variant = "store=redb,cache=lru,writes=batched";
    let server = spawn(&["--variant", variant, "--path", path.to_str().unwrap()]);
    let address = server.address();
    let mut ids = Vec::new();
    for task in ["one", "two"] {
        let (_, started) = call(address, "POST", "/episodes", &start_body(task).to_string());
        ids.push(format!("/episodes/{}", started["id"].as_str().unwrap()));
    }
    for _ in 0..3 {
        assert_eq!(call(address, "POST", &format!("{}/steps", ids[0]), &step_body("shell").to_string()).0, 201);
        assert_eq!(call(address, "GET", &ids[1], "").0, 200);
    }
    assert_eq!(call(address, "GET", "/episodes/xyz", "").0, 400);
    let (_, stats) = call(address, "GET", "/stats", "");

    let mut stream = connect(address);
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    let mut parser =
        Command::new(python).args(["-c", PARSE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    parser.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "{text}");
    let samples: Vec<(String, Value, f64)> = serde_json::from_slice(&output.stdout).unwrap();
    let find = |name: &str, labels: Value| {
        let found = samples.iter().find(|(found, with, _)| found == name && *with == labels);
        found.unwrap_or_else(|| panic!("no {name} {labels} in {text}")).2
    };
    let operation = |operation: &str, result: &str| {
        find("memory_operations_total", json!({"operation": operation, "result": result}))
    };
    assert_eq!([operation("start", "ok"), operation("log_step", "ok"), operation("get", "ok")], [2.0, 3.0, 3.0]);
    assert_eq!(operation("get", "refused"), 1.0);
    assert_eq!(find("memory_operation_duration_seconds_count", json!({"operation": "get"})), 4.0);
    assert_eq!(find("memory_operation_duration_seconds_bucket", json!({"operation": "get", "le": "+Inf"})), 4.0);
    let plain = |name: &str| find(name, json!({}));
    assert_eq!([plain("memory_episodes"), plain("memory_steps"), plain("memory_active_episodes")], [2.0, 3.0, 2.0]);
    assert_eq!([plain("memory_databases"), plain("memory_databases_dead")], [1.0, 0.0]);
    assert!(plain("memory_store_bytes") > 0.0);
    // The same counters as in /stats, none forgotten, none counted twice.
    for (name, count) in stats["counters"].as_object().unwrap() {
        let told = plain(&format!("memory_{name}_total"));
        let asked_since = ["round_trips", "rows_read", "transactions"].contains(&name.as_str());
        assert!(told == count.as_f64().unwrap() || (asked_since && told > count.as_f64().unwrap()), "{name}: {told}");
    }
    assert_eq!([plain("memory_cache_hits_total"), plain("memory_cache_misses_total")], [2.0, 1.0]);
    assert!(plain("memory_batches_total") >= 4.0);
    server.terminate();
}
