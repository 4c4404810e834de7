//! Scenarios: any HTTP service, as a file describes it.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::support::{Reply, Stub, fails, measurements, run, run_with, stderr, stdout, value};

const SHOP: &str = r#"
schema = 1
name = "shop"
base_url = "http://127.0.0.1:9"

[data.users]
file = "users.csv"

[[request]]
name = "login"
method = "POST"
path = "/login/{{users.name}}"
body = '{"user": "{{users.name}}"}'
extract = { token = "$.token" }
check = { status = 201, equals = { "$.name" = "{{users.name}}" } }

[[request]]
name = "search"
path = "/search?token={{token}}"
check = { exists = ["$.items[0]"] }

[[session]]
name = "buy"
requests = ["login", "search", "search"]
"#;

/// The scenario and its data in a folder; returns the path.
pub fn shop(folder: &Path) -> String {
    fs::write(folder.join("users.csv"), "name\nada\nbob\ncat\ndan\n").unwrap();
    let path = folder.join("shop.toml");
    fs::write(&path, SHOP).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The answer that the scenario expects.
pub fn answer(request: &str) -> Reply {
    match request.split_once(' ').unwrap() {
        ("POST", login) if login.starts_with("/login/") => {
            let name = &login["/login/".len()..];
            Reply::Answer(201, format!(r#"{{"token": "of-{name}", "name": "{name}"}}"#))
        }
        ("GET", search) if search.starts_with("/search?token=of-") => {
            Reply::Answer(200, r#"{"items": [1]}"#.to_owned())
        }
        _ => Reply::Answer(404, "{}".to_owned()),
    }
}

/// A server that the scenario fits; its requests are written down.
fn server(seen: Arc<Mutex<Vec<String>>>) -> Stub {
    Stub::start(move |request, _| {
        seen.lock().unwrap().push(request.to_owned());
        answer(request)
    })
}

/// Lets a busy machine be late: that is not what these tests are about.
const PATIENT: [&str; 3] = ["--quiet", "--max-start-lag", "1h"];

#[test]
fn a_scenario_is_sent_in_every_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path());
    for model in [&["--model", "open"][..], &["--model", "partly-open", "--gap", "1ms"], &["--model", "closed"]] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = server(Arc::clone(&seen));
        let (log, summary) = (folder.path().join("a.hlog"), folder.path().join("a.json"));
        let files = ["--log", log.to_str().unwrap(), "--summary", summary.to_str().unwrap(), "--count-over", "0s"];
        let pace = ["--scenario", &path, "--server", &server.url, "--sessions", "8", "--rate", "200"];
        let output = run(&[&pace[..], model, &files, &PATIENT].concat());
        assert!(output.status.success(), "{model:?}: {}", stderr(&output));
        let measured = measurements(stdout(&output));
        assert_eq!(value(&measured, "errors"), 0.0, "{}", stderr(&output));
        assert_eq!(measured[0].case.benchmark, "load/shop");
        let seen = seen.lock().unwrap();
        let count = |request: &str| seen.iter().filter(|it| *it == request).count();
        assert_eq!(seen.len(), 24);
        assert_eq!((count("POST /login/ada"), count("POST /login/bob")), (2, 2), "rows are taken in turn");
        assert_eq!(count("GET /search?token=of-ada"), 4);

        let summary: Value = serde_json::from_str(&fs::read_to_string(&summary).unwrap()).unwrap();
        for (field, expected) in [("offered", 24), ("started", 24), ("completed", 24), ("dropped", 0), ("skipped", 0)] {
            assert_eq!(summary["health"][field], expected, "{model:?} {field}");
        }
        assert_eq!((&summary["requests"], &summary["over"]["count"]), (&Value::from(24), &Value::from(24)));
        let merged = run(&["merge", log.to_str().unwrap()]);
        assert!(merged.status.success(), "{}", stderr(&merged));
        assert!(stdout(&merged).starts_with("load/shop: 24 requests, 0 errors\n"), "{}", stdout(&merged));
        let searches = stdout(&merged).lines().find(|line| line.starts_with("search.response ")).unwrap();
        assert!(searches.contains(" 16  p50 "), "{searches}");
    }
}

#[test]
fn wrong_answers_end_their_session_and_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path());
    let server = Stub::start(|request, _| match request.starts_with("POST") {
        true => Reply::Answer(201, r#"{"token": "t", "name": "ada"}"#.to_owned()),
        false => Reply::Answer(200, r#"{"items": []}"#.to_owned()),
    });
    let summary = folder.path().join("a.json");
    let pace = ["--scenario", &path, "--server", &server.url, "--sessions", "4", "--rate", "200"];
    let output = run(&[&pace[..], &["--summary", summary.to_str().unwrap()], &PATIENT].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(value(&measurements(stdout(&output)), "errors"), 4.0);
    assert!(stderr(&output).contains("1 x search: there is no $.items[0]"), "{}", stderr(&output));
    assert!(stderr(&output).contains("3 x login: $.name is another value than expected"), "{}", stderr(&output));
    let summary: Value = serde_json::from_str(&fs::read_to_string(&summary).unwrap()).unwrap();
    assert_eq!((&summary["health"]["skipped"], &summary["health"]["started"]), (&Value::from(7), &Value::from(5)));
}

#[test]
fn a_generator_that_is_the_bottleneck_is_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path());
    let server = server(Arc::default());
    // One user for a hundred sessions that are due at almost one time.
    let pace = ["--scenario", &path, "--server", &server.url, "--sessions", "100", "--rate", "1e6", "--users", "1"];
    let output = run(&[&pace[..], &["--quiet", "--max-start-lag", "1us"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert_eq!(stdout(&output), "", "no measurement is made of it");
    assert!(stderr(&output).contains("loadgen: invalid: all 1 users were busy"), "{}", stderr(&output));
    assert!(stderr(&output).contains("raise --users, or lower --rate"), "{}", stderr(&output));
}

#[test]
fn what_is_wrong_with_a_scenario_is_one_line_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path());
    fs::write(&path, SHOP.replace("{{token}}", "{{tokn}}")).unwrap();
    let told = "shop.toml:19: there is no value for {{tokn}}: have a request before it in the session extract it";
    fails(&run(&["--scenario", &path]), 1, told);
    fails(&run(&["--scenario", "none.toml"]), 1, "can't read none.toml");
    fs::write(&path, SHOP.replace("127.0.0.1:9", "shop.invalid")).unwrap();
    fails(&run(&["--scenario", &path]), 1, "shop.invalid is no loopback address: only servers of this machine");
    fails(&run(&["--scenario", &path, "--allow-remote"]), 1, "add --allow-host shop.invalid");
    assert_eq!(run(&["--scenario", &path, "--allow-host", "shop.invalid"]).status.code(), Some(2));
}

#[test]
fn a_scenario_is_made_from_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("first.toml");
    let server = server(Arc::default());
    let command = format!("curl -d '{{\"q\": \"{{{{x\"}}' {}/login/ada", server.url);
    let output = run(&["scenario", "--from-curl", &command, "--output", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    let pace = ["--scenario", path.to_str().unwrap(), "--sessions", "3", "--rate", "200"];
    let output = run(&[&pace[..], &PATIENT].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(value(&measurements(stdout(&output)), "errors"), 0.0, "{}", stderr(&output));
    fails(&run(&["scenario", "--from-curl", "curl -Z http://h/"]), 1, "`-Z` is not known here");
    assert_eq!(run(&["scenario"]).status.code(), Some(2));
}

/// A document as a framework writes it: no server, no examples but of paths, references for bodies and answers.
const OPENAPI: &str = r##"{
    "openapi": "3.1.0", "info": {"title": "A shop", "version": "1"},
    "paths": {
        "/": {"get": {"operationId": "page", "responses": {"200": {"content": {"application/json": {"schema": {}}}}}}},
        "/items": {
            "get": {"operationId": "search", "responses": {"200": {"content": {"application/json": {"schema": {"type": "array"}}}}},
                "parameters": [{"name": "q", "in": "query", "required": true, "schema": {"type": "string"}}]},
            "post": {"operationId": "add", "security": [{"token": []}],
                "parameters": [{"name": "Authorization", "in": "header", "example": "Bearer s3cret"}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}},
                "responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}}}}
        },
        "/items/{id}": {"get": {"operationId": "read", "responses": {"200": {"content": {}}},
            "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}]}},
        "/users/{id}": {"get": {"responses": {"200": {"content": {}}},
            "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}]}}
    },
    "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}, "schemas": {"Item": {"type": "object", "required": ["name", "price"],
        "properties": {"id": {"type": "integer"}, "name": {"type": "string"}, "price": {"type": "number", "exclusiveMinimum": 0}}}}}
}"##;

#[test]
fn a_service_is_loaded_by_a_scenario_from_its_document() {
    let folder = tempfile::tempdir().unwrap();
    let (document, path) = (folder.path().join("openapi.json"), folder.path().join("shop.toml"));
    fs::write(&document, OPENAPI).unwrap();
    let files = ["--from-openapi", document.to_str().unwrap(), "--output", path.to_str().unwrap()];
    let output = run(&[&["scenario"][..], &files].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let told = "loadgen: left out: GET /users/{id}: the parameter `id` has no example and no default\n\
                loadgen: left out: the authorization, a secret: set TOKEN, or change `bearer_from`\n";
    assert_eq!(stderr(&output), told);
    assert!(!fs::read_to_string(&path).unwrap().contains("s3cret"));
    let answered = |item: &'static str| {
        let server = Stub::start(move |request, _| match request {
            "GET /" => Reply::Answer(200, "<html>".to_owned()),
            "GET /items?q=text" => Reply::Answer(200, "[]".to_owned()),
            "POST /items" => Reply::Answer(201, item.to_owned()),
            "GET /items/7" => Reply::Answer(200, "{}".to_owned()),
            _ => Reply::Answer(404, "{}".to_owned()),
        });
        let pace = ["--scenario", path.to_str().unwrap(), "--server", &server.url, "--sessions", "30", "--rate", "300"];
        let output = run_with(&[&pace[..], &PATIENT].concat(), &[("TOKEN", "another")]);
        assert!(output.status.success(), "{}", stderr(&output));
        let heads = server.seen.lock().unwrap().1.clone();
        assert!(heads.iter().all(|head| head.contains("authorization: Bearer another")), "{heads:?}");
        (value(&measurements(stdout(&output)), "errors"), stderr(&output).to_owned())
    };
    let (errors, said) = answered(r#"{"id": 7, "name": "lamp", "price": 2}"#);
    assert!(said.contains("- read "), "it is asked for by the id that the request before it got: {said}");
    assert_eq!(errors, 0.0, "{said}");
    let (errors, said) = answered(r#"{"id": 7, "name": "lamp"}"#);
    assert!(errors > 0.0 && said.contains(" x add: there is no $['price']"), "{said}");
}
