//! The source lane on a workspace whose numbers are known, with what a text search would count wrongly.

use super::support::Project;

const LIBRARY: &str = r#"//! Call `x.unwrap()` and `y.expect("")`: a document is no call.

mod inner;
#[cfg(test)]
mod tests;

/// As `value.clone().unwrap()` does.
pub fn first(values: &[String]) -> String {
    let said = "a string with .unwrap() and .clone()"; // a comment with .unwrap()
    println!("{said} {}", values.first().unwrap());
    values.first().cloned().expect("not empty").clone()
}

#[cfg(all(test, unix))]
fn only_for_tests() {
    None::<u8>.unwrap();
}

#[cfg(not(test))]
pub fn shipped() -> u8 {
    Some(1).unwrap()
}
"#;

const INNER: &str = "macro_rules! get {\n    ($x:expr) => {\n        $x.unwrap()\n    };\n}\n\npub(crate) struct Inner(String);\n\n\
    impl Clone for Inner {\n    fn clone(&self) -> Inner {\n        Inner(self.0.clone())\n    }\n}\n\n\
    #[cfg(test)]\nmod tests {\n    #[test]\n    fn it() {\n        get!(Some(1).clone());\n    }\n}\n";

/// Four versions of two packages: `old` brings the one, the program the other.
const LOCK: &str = r#"version = 4

[[package]]
name = "part"
version = "0.1.0"
dependencies = ["old", "syn 2.0.0"]

[[package]]
name = "tool"
version = "0.1.0"
dependencies = ["part"]

[[package]]
name = "old"
version = "0.3.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
dependencies = ["syn 1.0.0"]

[[package]]
name = "syn"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "syn"
version = "2.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
"#;

const POLICY: &str = "schema = 1\n\n[[rule]]\nmetric = \"unwraps\"\naction = \"ACTION\"\n";

fn workspace() -> Project {
    let manifest = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    Project::new(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"part\", \"tool\"]\n"),
        ("Cargo.lock", LOCK),
        ("part/Cargo.toml", &manifest("part")),
        ("part/src/lib.rs", LIBRARY),
        ("part/src/inner.rs", INNER),
        ("part/src/tests.rs", "#[test]\nfn it() {\n    Some(1).unwrap();\n}\n"),
        ("part/tests/all.rs", "fn main() {\n    Some(1).unwrap();\n}\n"),
        ("tool/Cargo.toml", &manifest("tool")),
        ("tool/src/main.rs", &format!("fn main() {{\n{}}}\n", "    part::first(&[]);\n".repeat(500))),
        ("baselines/policy.toml", &POLICY.replace("ACTION", "advise")),
    ])
}

/// The cells of a row, without the name and the durability.
fn row<'a>(said: &'a str, name: &str) -> Vec<&'a str> {
    let row = said.lines().find(|line| line.split_whitespace().next() == Some(name));
    row.unwrap_or_else(|| panic!("no {name}: {said}")).split_whitespace().skip(2).collect()
}

#[test]
fn the_source_is_counted_as_rustc_reads_it() {
    let project = workspace();
    let (code, said, told) = project.assay(&["run", "--lane", "source"]);
    assert_eq!(code, 0, "{said}{told}");
    // Lines, long files, unwraps, expects, clones.
    assert_eq!(row(&said, "crate/part"), ["43", "0", "3", "1", "2"], "{said}");
    assert_eq!(row(&said, "crate/tool"), ["502", "1", "0", "0", "0"], "{said}");
    assert_eq!(row(&said, "file/part/src/inner.rs"), ["21"], "{said}");
    assert_eq!(row(&said, "function/part::first"), ["1"], "{said}");
    assert_eq!(row(&said, "workspace"), ["1"], "{said}");
    assert!(!said.contains("tests.rs") && !said.contains("all.rs"), "{said}");
    for note in [
        "note: `syn` is in Cargo.lock in 2 versions: 1.0.0 by old < part; 2.0.0 by part",
        "skipped: size of tool: it is not built: `cargo build --release` builds it",
        "skipped: hot clones: no run here has costs by function",
        "skipped: advisories: ",
        "skipped: coverage: no tool left an lcov.info here",
        "skipped: clean build: cargo left no timings of a build",
    ] {
        assert!(said.contains(note), "`{note}` is not said: {said}");
    }
    let (code, said, told) = project.assay(&["run", "tool", "--lane", "source"]);
    assert!(code == 0 && !said.contains("crate/part") && said.contains("crate/tool"), "{said}{told}");
}

/// The page of cargo's timings, as far as it is read.
const TIMINGS: &str =
    "<td>Fresh units:</td><td>0</td>\nconst UNIT_DATA = [{\"duration\": 1.5}, {\"duration\": 0.5}];\n";

#[test]
fn what_other_tools_left_is_read() {
    let project = workspace();
    project.write("lcov.info", "SF:part/src/lib.rs\nDA:10,1\nDA:11,3\nDA:12,0\nDA:20,0\nend_of_record\n");
    project.write("target/cargo-timings/cargo-timing.html", TIMINGS);
    let (code, said, told) = project.assay(&["run", "--lane", "source"]);
    assert_eq!(code, 0, "{said}{told}");
    assert_eq!(row(&said, "crate/part").last(), Some(&"50.0%"), "{said}");
    assert_eq!(row(&said, "file/part/src/lib.rs").last(), Some(&"50.0%"), "{said}");
    assert_eq!(row(&said, "workspace"), ["1", "2", "2.000", "s"], "{said}");
    assert!(!said.contains("skipped: coverage") && !said.contains("skipped: clean build"), "{said}");
}

#[test]
fn one_more_unwrap_advises_and_blocks_where_the_policy_says_so() {
    let project = workspace();
    assert_eq!(project.assay(&["run", "--lane", "source"]).0, 0);
    let (code, said, told) = project.assay(&["baseline", "accept", "--reason", "first"]);
    assert!(code == 0 && said.contains("baselines/stored/"), "{said}{told}");
    project.commit();
    let (code, said, told) = project.assay(&["gate", "--lane", "source"]);
    assert_eq!(code, 0, "{said}{told}");
    project.write("part/src/inner.rs", &INNER.replace("self.0.clone()", "Some(self.0.clone()).unwrap()"));
    let (code, said, told) = project.assay(&["gate", "--lane", "source"]);
    assert_eq!(code, 0, "{said}{told}");
    assert!(said.lines().any(|line| line.starts_with("regressed (advises)  unwraps")), "{said}");
    project.write("baselines/policy.toml", &POLICY.replace("ACTION", "block"));
    project.commit();
    let (code, said, told) = project.assay(&["gate", "--lane", "source"]);
    assert_eq!(code, 100, "{said}{told}");
    assert!(said.lines().any(|line| line.starts_with("regressed  unwraps") && line.ends_with("crate/part")), "{said}");
}
