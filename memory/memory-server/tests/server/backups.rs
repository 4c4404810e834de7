//! Backups as an operator takes them: of a server in use, and of a store that nobody has open.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::{call, spawn, start_body, step_body};

/// The binary, to its end.
fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_memory-server")).args(arguments).output().unwrap()
}

fn result(arguments: &[&str]) -> Value {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refusal(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{arguments:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_server_in_use_is_backed_up_and_restored_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (first, second, backups) = (path("first"), path("second"), path("backups"));
    std::fs::create_dir(&backups).unwrap();
    let server = spawn(&["--variant", "store=redb,codec=postcard", "--path", &first, "--backups", &backups]);
    let mut episodes = Vec::new();
    for task in ["done", "running"] {
        let (_, started) = call(server.address(), "POST", "/episodes", &start_body(task).to_string());
        episodes.push(format!("/episodes/{}", started["id"].as_str().unwrap()));
    }
    call(server.address(), "POST", &format!("{}/steps", episodes[0]), &step_body("shell").to_string());
    let outcome = json!({"success": {"verdict": "fine"}}).to_string();
    assert_eq!(call(server.address(), "POST", &format!("{}/complete", episodes[0]), &outcome).0, 200);
    let paths = [&episodes[0], &episodes[1], "/patterns", "/metadata?key=repository&value=left-pad"];
    let answers = paths.map(|path| call(server.address(), "GET", path, "").1);

    let (status, made) = call(server.address(), "POST", "/backup", "");
    assert_eq!((status, &made["episodes"]), (200, &json!(2)), "{made}");
    let file = made["file"].as_str().unwrap();
    assert!(Path::new(file).starts_with(&backups) && file.ends_with(".jsonl"), "{file}");
    assert_eq!(Path::new(file).metadata().unwrap().len(), made["bytes"].as_u64().unwrap());
    // The store itself cannot be opened beside the server.
    let busy = refusal(&["backup", "--variant", "store=redb", "--path", &first, &path("busy")]);
    assert!(busy.contains("is in use"), "{busy}");
    server.terminate();

    let libsql = ["--variant", "store=libsql,metadata=indexed", "--path", &second];
    assert_eq!(result(&[&["restore"], &libsql[..], &[file]].concat())["episodes"], 2);
    let server = spawn(&libsql);
    assert_eq!(paths.map(|path| call(server.address(), "GET", path, "").1), answers);
    assert_eq!(call(server.address(), "POST", "/backup", "").0, 404, "there is no folder for it");
    server.terminate();
    let again = path("again.jsonl");
    assert_eq!(result(&[&["backup"], &libsql[..], &[&again]].concat())["episodes"], 2);
    let full = refusal(&[&["restore"], &libsql[..], &[&again]].concat());
    assert!(full.contains("the store holds 2 episodes: restore into a new one"), "{full}");
    let nothing = refusal(&["backup", "--variant", "store=redb", "--path", &path("nothing"), &path("x")]);
    assert!(nothing.contains("there is no store at") && !Path::new(&path("nothing")).exists(), "{nothing}");
    let itself = refusal(&["backup", "--variant", "store=redb", "--path", &first, &path("./first")]);
    assert!(itself.contains("is the store itself: name another file for its backup"), "{itself}");
    for arguments in [["backup", "--path", &first, &path("y")], ["restore", "--path", &path("new"), &again]] {
        let said = refusal(&arguments);
        assert!(said.contains("--variant store=redb"), "the default keeps nothing in files: {said}");
    }
    assert!(!Path::new(&path("y")).exists());
}
