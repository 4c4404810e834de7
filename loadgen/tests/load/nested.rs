//! A scenario from a document whose paths have an id within an id: what is written, and that its requests fit together.

use std::fs;
use std::path::Path;

use crate::support::{Reply, Stub, measurements, run, stderr, stdout, value};

#[test]
fn ids_within_ids_come_from_one_session() {
    let folder = tempfile::tempdir().unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/load");
    let (document, golden) = (here.join("nested.json"), here.join("nested.toml"));
    let path = folder.path().join("blog.toml");
    let files = ["--from-openapi", document.to_str().unwrap(), "--output", path.to_str().unwrap()];
    let output = run(&[&["scenario"][..], &files].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let told = "loadgen: left out: GET /groups/{group}/members/{member}: the parameter `group` has no example and no \
                default\nloadgen: left out: DELETE /tags/{tag}: the parameter `tag` has no example and no default\n";
    assert_eq!(stderr(&output), told, "a listed tag is somebody else's");
    let written = fs::read_to_string(&path).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &written).unwrap();
    }
    assert_eq!(written, fs::read_to_string(&golden).expect("UPDATE_GOLDEN=1 writes it"));

    let server = Stub::start(|request, _| match request {
        "POST /v1/users" => Reply::Answer(201, r#"{"id": 7, "name": "ada"}"#.to_owned()),
        "POST /v1/users/7/posts" => Reply::Answer(201, r#"{"postId": "p9", "text": "text"}"#.to_owned()),
        "GET /v1/tags" => Reply::Answer(200, r#"{"next": "", "tags": [{"id": "red"}]}"#.to_owned()),
        "GET /v1/users" => Reply::Answer(200, "[]".to_owned()),
        "GET /v1/users/7" | "GET /v1/users/7/posts" | "GET /v1/users/7/posts/p9" | "GET /v1/tags/red" => {
            Reply::Answer(200, "{}".to_owned())
        }
        "DELETE /v1/users/7" | "DELETE /v1/users/7/posts/p9" => Reply::Answer(204, String::new()),
        _ => Reply::Answer(404, "{}".to_owned()),
    });
    let to = ["--scenario", path.to_str().unwrap(), "--server", &server.url];
    let output = run(&[&to[..], &["--sessions", "30", "--rate", "300", "--max-start-lag", "1h"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(value(&measurements(stdout(&output)), "errors"), 0.0, "{}", stderr(&output));
    assert!(stderr(&output).contains("- post ") && stderr(&output).contains("- tag "), "{}", stderr(&output));
}
