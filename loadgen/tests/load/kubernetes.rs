//! The manifest of the Indexed Job: its fields are those that Kubernetes knows, and its parts agree.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

const MANIFEST: &str = include_str!("../../kubernetes/job.yaml");

/// Holds a manifest on stdin against a schema, and prints it as JSON.
const CHECK: &str = "
import json, sys, yaml, jsonschema
with open(sys.argv[1]) as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
manifest = yaml.safe_load(sys.stdin)
wrong = [f'{error.json_path}: {error.message}' for error in jsonschema.Draft202012Validator(schema).iter_errors(manifest)]
print(json.dumps({'manifest': manifest, 'wrong': wrong}))
";

/// The Python of the tests, which has YAML and JSON schemas; none, with a message, if it is not there.
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let python = target.join("python/bin/python");
    let has = Command::new(&python).args(["-c", "import yaml, jsonschema"]).output();
    if has.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    println!("skipped: the Python libraries of tests are not there: scripts/setup --tests");
    None
}

/// The manifest, and what is wrong with it.
fn checked(python: &Path, manifest: &str) -> (Value, Vec<String>) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("kubernetes/job.schema.json");
    let mut command = Command::new(python);
    let mut child =
        command.args(["-c", CHECK]).arg(schema).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(manifest.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let wrong = answer["wrong"].as_array().unwrap().iter().map(|wrong| wrong.as_str().unwrap().to_owned()).collect();
    (answer["manifest"].clone(), wrong)
}

#[test]
fn the_job_has_only_fields_that_kubernetes_knows_and_its_parts_agree() {
    let Some(python) = python() else { return };
    let (manifest, wrong) = checked(&python, MANIFEST);
    assert_eq!(wrong, [""; 0]);
    let spec = &manifest["spec"];
    let number = |field: &str| spec[field].as_u64().unwrap();
    assert_eq!(number("completions"), number("parallelism"), "all parts of the schedule run at one time");
    assert!(number("maxFailedIndexes") <= number("completions"), "the API server refuses more");
    let pod = &spec["template"]["spec"];
    let container = &pod["containers"][0];
    let shard = format!("--shard=auto/{}", number("completions"));
    assert!(container["args"].as_array().unwrap().iter().any(|argument| *argument == *shard), "{container}");
    let names = |list: &Value| -> BTreeSet<String> {
        list.as_array().unwrap().iter().map(|it| it["name"].to_string()).collect()
    };
    assert_eq!(names(&container["volumeMounts"]), names(&pod["volumes"]));
    let selected = &pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"];
    assert_eq!(*selected, spec["template"]["metadata"]["labels"]);
}

#[test]
fn what_kubernetes_would_refuse_is_found() {
    let Some(python) = python() else { return };
    for (from, to, place) in [
        ("completionMode: Indexed", "completionMode: indexed", "$.spec.completionMode"),
        ("completions: 4", "completions: \"4\"", "$.spec.completions"),
        ("  completions: 4\n", "", "$.spec: 'completions' is a required property"),
        ("parallelism: 4", "paralellism: 4", "$.spec: Additional properties are not allowed ('paralellism'"),
        ("backoffLimitPerIndex: 0", "backoffLimitPerIndex: -1", "$.spec.backoffLimitPerIndex"),
        ("maxFailedIndexes: 0", "maxFailedIndexes: none", "$.spec.maxFailedIndexes"),
        ("restartPolicy: Never", "restartPolicy: OnFailure", "$.spec.template.spec.restartPolicy"),
        ("memory: 512Mi}\n            limits", "memory: 512MB}\n            limits", "resources.requests.memory"),
        ("apiVersion: batch/v1", "apiVersion: batch/v1beta1", "$.apiVersion"),
    ] {
        assert!(MANIFEST.contains(from), "{from}");
        let (_, wrong) = checked(&python, &MANIFEST.replacen(from, to, 1));
        assert!(wrong.iter().any(|wrong| wrong.contains(place)), "{to}: {wrong:?}");
    }
}
