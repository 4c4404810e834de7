//! `assay memories` on the command line: its table, its file, and its errors.

use std::path::Path;
use std::process::Command;

const ADAPTER: &str = r#"schema = 1
name = "shelf"
version = "1.2"
about = "books in rows"
defaults = "all as installed"
install = ["cp {{adapters}}/shelf.py {{installed}}.py"]
protocol = "mcp"
start = "python3 {{installed}}.py mcp"

[[ingest]]
tool = "add"
arguments = { key = "{{key}}", text = "{{task}}" }

[search]
tool = "find"
arguments = { text = "{{query}}", limit = "{{k}}" }
found = "/found"
"#;

/// The exit code, stdout and stderr of the command in `folder`, where the adapters lie.
fn memories(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let shelf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../memories/tests/shelf.py");
    std::fs::copy(shelf, folder.join("shelf.py")).expect("copied");
    let output = Command::new(env!("CARGO_BIN_EXE_assay"))
        .arg("memories")
        .args(arguments)
        .args(["--sizes", "6,12", "--queries", "2", "--rate", "1000", "--installed", "here", "--json", "out.json"])
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .current_dir(folder)
        .output()
        .expect("assay starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("not killed"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn memories_are_installed_and_shown_side_by_side_and_one_that_fails_is_not_good() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    std::fs::create_dir(folder.path().join("here")).expect("made");
    write("good.toml", ADAPTER);
    write("bad.toml", &ADAPTER.replace("\"shelf\"", "\"broken\"").replace("\"/found\"", "\"/books\""));

    let (code, table, said) = memories(folder.path(), &["--adapter", "good.toml", "--install"]);
    assert_eq!(code, 0, "{said}");
    assert!(table.contains("| shelf  | 12 "), "{table}");
    assert!(table.contains("not durable: nothing is there"), "{table}");
    assert!(table.contains("- **shelf** 1.2 over mcp, says it is shelf 1.2: books in rows."), "{table}");
    assert!(table.contains("install: `cp {{adapters}}/shelf.py {{installed}}.py`"), "{table}");
    let file = std::fs::read_to_string(folder.path().join("out.json")).expect("a file");
    let file: serde_json::Value = serde_json::from_str(&file).expect("JSON");
    assert_eq!(file["memories"][0]["sizes"][1]["recall_known"], 1.0);
    assert_eq!((&file["assay_memories"], &file["queries"]), (&1.into(), &2.into()));

    let (code, table, said) = memories(folder.path(), &["--adapter", "good.toml", "bad.toml", "--install"]);
    assert_eq!(code, 3, "{said}");
    assert!(table.contains("| shelf ") && table.contains("**failed**: at 6 episodes: search: found:"), "{table}");
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("wrong.toml");
    std::fs::write(&file, ADAPTER.replace("tool = \"find\"", "tool = \"find\"\npage = 3")).expect("written");
    let (code, table, said) = memories(folder.path(), &["--adapter", "wrong.toml"]);
    assert_eq!((code, table.as_str()), (1, ""));
    assert!(said.starts_with("error: wrong.toml:16: unknown field `page`"), "{said}");
    let (code, _, said) = memories(folder.path(), &["--adapter", "gone.toml"]);
    assert!(code == 1 && said.starts_with("error: can't read gone.toml"), "{said}");
    let (code, _, said) = memories(folder.path(), &[]);
    assert!(code == 1 && said.starts_with("error: no --adapter, and no "), "{said}");
    std::fs::write(&file, ADAPTER.replace("cp ", "/no/such/cp ")).expect("written");
    let (code, _, said) = memories(folder.path(), &["--adapter", "wrong.toml", "--install"]);
    assert!(code == 1 && said.starts_with("error: can't install shelf: can't start `/no/such/cp"), "{said}");
}
