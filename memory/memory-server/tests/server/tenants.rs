//! Who is let in, and what tenants see of each other: nothing.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use crate::{connect, fails, spawn, spawn_command, start_body};

const OPERATOR: &str = "operator-0123456789";
const ALPHA: &str = "alpha-0123456789abc";

/// One request with headers of its own; the status, and the body if it is JSON.
pub fn ask(address: SocketAddr, request: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let mut stream = connect(address);
    write!(stream, "{request} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {}\r\n", body.len())
        .unwrap();
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n").unwrap();
    }
    write!(stream, "\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    assert_eq!(status == 401, head.contains("www-authenticate: Bearer"), "{head}");
    (status, serde_json::from_str(body).unwrap_or_default())
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[test]
fn without_a_token_of_the_file_only_probes_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, format!("# who may ask\n\n{OPERATOR}\n")).unwrap();
    let server = spawn(&["--token-file", file.to_str().unwrap()]);
    let right = bearer(OPERATOR);
    let wrong = [bearer(&OPERATOR[1..]), bearer(&format!("{OPERATOR}x")), bearer(""), OPERATOR.to_owned()];
    let paths = ["POST /episodes", "GET /stats", "GET /metrics", "GET /nowhere", "GET /backup"];
    for path in paths {
        assert_eq!(ask(server.address(), path, &[], "").0, 401, "{path}");
        for wrong in &wrong {
            let (status, answer) = ask(server.address(), path, &[("authorization", wrong)], "");
            assert_eq!(status, 401, "{path} {wrong}");
            assert!(answer["error"].as_str().unwrap().starts_with("no valid token: send"), "{answer}");
        }
    }
    let statuses = paths.map(|path| ask(server.address(), path, &[("authorization", &right)], "").0);
    assert_eq!(statuses, [400, 200, 200, 404, 405]);
    assert_eq!(["GET /health", "GET /ready"].map(|path| ask(server.address(), path, &[], "").0), [200, 200]);
    let (status, answer) = ask(server.address(), "GET /stats", &[("authorization", &right), ("x-tenant", "a")], "");
    assert_eq!((status, answer["error"].as_str()), (400, Some("this server has no tenants: start it with --tenants")));
    server.terminate();
}

#[test]
fn a_tenant_never_sees_what_is_anothers() {
    let folder = tempfile::tempdir().unwrap();
    let (file, stores) = (folder.path().join("tokens"), folder.path().join("stores"));
    std::fs::write(&file, format!("{OPERATOR}\nalpha {ALPHA}\n")).unwrap();
    let (file, stores) = (file.to_str().unwrap(), stores.to_str().unwrap());
    let variant = "store=redb,cache=lru,metadata=indexed,retrieval=indexed";
    let arguments = ["--variant", variant, "--tenants", stores, "--token-file", file];
    let server = spawn(&arguments);
    let address = server.address();
    let (alpha, operator) = (bearer(ALPHA), bearer(OPERATOR));
    let as_alpha = [("authorization", alpha.as_str())];
    let as_beta = [("authorization", operator.as_str()), ("x-tenant", "beta")];

    let (status, started) = ask(address, "POST /episodes", &as_alpha, &start_body("the secret plan").to_string());
    assert_eq!(status, 201, "{started}");
    let episode = format!("/episodes/{}", started["id"].as_str().unwrap());
    let outcome = json!({"success": {"verdict": "fine"}}).to_string();
    assert_eq!(ask(address, &format!("POST {episode}/complete"), &as_alpha, &outcome).0, 200);

    let query = json!({"text": "the secret plan"}).to_string();
    let seen = |headers: &[(&str, &str)]| {
        let ask = |request: &str, body: &str| ask(address, request, headers, body);
        let found = ask("POST /retrieve", &query).1["results"].as_array().unwrap().len();
        let listed = ask("GET /metadata?key=repository&value=left-pad", "").1["ids"].as_array().unwrap().len();
        let patterns = ask("GET /patterns", "").1["patterns"].as_array().unwrap().len();
        (found, listed, patterns > 0, ask(&format!("GET {episode}"), "").0)
    };
    assert_eq!(seen(&as_beta), (0, 0, false, 404));
    assert_eq!(seen(&as_alpha), (1, 1, true, 200));
    assert_eq!(ask(address, &format!("DELETE {episode}"), &as_beta, "").0, 404);
    assert_eq!(ask(address, &format!("POST {episode}/steps"), &as_beta, &crate::step_body("shell").to_string()).0, 404);
    assert_eq!(ask(address, "GET /stats", &as_beta, "").1["episodes"], 0);

    let refused = |headers: &[(&str, &str)]| ask(address, "GET /stats", headers, "");
    let (status, answer) = refused(&[as_alpha[0], ("x-tenant", "beta")]);
    assert_eq!((status, answer["error"].as_str().unwrap().contains("belongs to another tenant")), (403, true));
    assert_eq!(refused(&[as_beta[0]]).0, 400, "which one?");
    for name in ["", "../alpha", "a/b", "alpha ", "\u{e4}", &"x".repeat(65)] {
        let (status, answer) = refused(&[as_beta[0], ("x-tenant", name)]);
        assert!(status == 400 || name == "alpha ", "{name:?}: {status} {answer}"); // blanks at the end are no part of it
    }
    assert_eq!(ask(address, "GET /metrics", &as_alpha, "").0, 403);
    assert_eq!(ask(address, "GET /metrics", &as_beta[..1], "").0, 200);
    assert_eq!(ask(address, "GET /health", &[], "").1, json!({"tenants": 2, "failing": 0}));
    server.terminate();

    let server = spawn(&arguments);
    assert_eq!(ask(server.address(), &format!("GET {episode}"), &as_alpha, "").0, 200, "kept");
    assert_eq!(ask(server.address(), &format!("GET {episode}"), &as_beta, "").0, 404);
    server.terminate();
}

#[test]
fn a_token_file_that_cannot_be_meant_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    let path = file.to_str().unwrap();
    for (text, reason) in [
        ("", "has no token: write one a line"),
        ("too-short\n", "tokens:1: a token of 9 bytes: take at least 16"),
        ("alpha alpha-0123456789abc\n", "has a token of the tenant `alpha`: start the server with --tenants"),
        ("alpha shared-0123456789\nbeta shared-0123456789\n", "tokens:2: the token of an earlier line"),
    ] {
        std::fs::write(&file, text).unwrap();
        let (code, said) = fails(&["--token-file", path]);
        assert!(code == 1 && said.contains(reason) && said.lines().count() == 1, "{text:?}: {code} {said}");
    }
    std::fs::write(&file, "a/b alpha-0123456789abc\n").unwrap();
    let stores = folder.path().join("stores");
    let (code, said) = fails(&["--token-file", path, "--variant", "store=redb", "--tenants", stores.to_str().unwrap()]);
    assert!(code == 1 && said.contains("`a/b` is no name of a tenant"), "{code} {said}");
    assert_eq!(fails(&["--token-file", folder.path().join("none").to_str().unwrap()]).0, 1);
}

#[test]
fn the_log_names_the_tenant_of_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let (stores, backups) = (folder.path().join("stores"), folder.path().to_str().unwrap());
    let arguments = ["--variant", "store=redb", "--tenants", stores.to_str().unwrap(), "--log", "info"];
    let mut server = spawn(&[&arguments[..], &["--backups", backups]].concat());
    for request in ["GET /patterns", "POST /backup"] {
        assert_eq!(ask(server.address(), request, &[("x-tenant", "alpha")], "").0, 200, "{request}");
    }
    let mut stderr = server.child.stderr.take().unwrap();
    server.terminate();
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    for path in ["/patterns", "/backup"] {
        assert!(said.contains(&format!(r#"path="{path}" tenant="alpha" status=200"#)), "{said}");
    }
}

#[test]
fn tenants_may_have_more_files_than_the_soft_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (server, stores) = (env!("CARGO_BIN_EXE_memory-server"), folder.path().to_str().unwrap());
    let limited = r#"ulimit -S -n 40; exec "$0" --variant store=redb --tenants "$1""#;
    let server = spawn_command(Command::new("sh").args(["-c", limited, server, stores]));
    for number in 0..30 {
        let tenant = format!("t{number}");
        let (status, answer) = ask(server.address(), "GET /stats", &[("x-tenant", &tenant)], "");
        assert_eq!(status, 200, "{tenant}: {answer}");
    }
    server.terminate();
}
