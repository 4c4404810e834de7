//! `assay hits` on the command line: its output, its files, and its errors.

use std::path::{Path, PathBuf};
use std::process::Command;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hits").join(name)
}

/// Compares with a stored text; `UPDATE_GOLDEN=1` stores it.
fn golden(name: &str, actual: &str) {
    let path = fixture(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).expect("the fixtures can be written");
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, stored, "{name} changed: if it should, run again with UPDATE_GOLDEN=1");
}

/// The exit code, stdout and stderr of a run in the fixtures' folder.
fn hits(arguments: &[&str]) -> (i32, String, String) {
    let mut assay = Command::new(env!("CARGO_BIN_EXE_assay"));
    let output = assay.arg("hits").args(arguments).current_dir(fixture("")).output().expect("assay starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("not killed"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_table_of_all_workloads_is_the_same_everywhere() {
    let (code, table, errors) = hits(&["--accesses", "20000"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    golden("all.txt", &table);
}

#[test]
fn traces_have_the_outcomes_that_one_counts_by_hand() {
    // Blocks 1 2 3 2 1 3, a capacity of two: lru hits 2 once. Objects a b a c a, each for 10 s: lru hits a once, at 2
    // s; at 12 s it has expired.
    let blocks = ["--trace", "blocks.lis", "--capacity", "2"];
    let objects = ["--trace", "objects.csv", "--capacity", "2", "--ttl", "10"];
    for (name, arguments) in [("blocks.txt", &blocks[..]), ("objects.txt", &objects[..])] {
        let (code, table, errors) = hits(arguments);
        assert_eq!((code, errors.as_str()), (0, ""), "{name}");
        golden(name, &table);
    }
    let (_, table, _) = hits(&[&blocks[..], &["--policy", "lru"]].concat());
    assert!(table.contains("blocks.lis: 6 accesses, 2 entries\n") && table.contains("16.67%"), "{table}");
    let (_, table, _) = hits(&[&objects[..], &["--policy", "lru"]].concat());
    let row: Vec<&str> = table.lines().last().expect("a row").split_whitespace().collect();
    assert_eq!(row, ["lru", "20.00%", "+0.0%", "0.00%", "1", "1"]);
}

#[test]
fn the_json_has_what_the_table_has() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("hits.json");
    let (code, _, errors) = hits(&[
        "--trace",
        "blocks.lis",
        "--capacity",
        "2",
        "--policy",
        "lru,optimum",
        "--json",
        &file.to_string_lossy(),
    ]);
    assert_eq!((code, errors.as_str()), (0, ""));
    golden("blocks.json", &std::fs::read_to_string(&file).expect("it was written"));
}

#[test]
fn what_cannot_be_replayed_is_named() {
    let (code, table, errors) = hits(&["--trace", "damaged.lis"]);
    assert_eq!((code, table.as_str()), (1, ""));
    assert_eq!(errors, "error: damaged.lis:2: the count `one` is no whole number: invalid digit found in string\n");
    let empty = tempfile::NamedTempFile::new().expect("a temporary file");
    let (code, _, errors) = hits(&["--trace", &empty.path().to_string_lossy()]);
    assert_eq!(code, 4);
    assert!(errors.ends_with("has no accesses: give another trace\n"), "{errors}");
    for wrong in [&["tuesday"][..], &["--policy", "clock"], &["--capacity", "0"], &["--format", "arc"]] {
        assert_eq!(hits(wrong).0, 2, "{wrong:?}");
    }
    let (code, _, errors) = hits(&["--ttl=-1"]);
    assert_eq!((code, errors.as_str()), (1, "error: --ttl is -1: give seconds above 0\n"));
}
