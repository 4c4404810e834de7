//! The tree stays tidy: what DESIGN and STYLE ask of every file, as rules over paths and texts.
//!
//! Each rule is a pure function from a tree to what is wrong in it. It is run on the repository, and it is shown to fail on the repository with one
//! violation planted. Left out on purpose: what rustc, clippy and rustfmt find better; formatting; prose.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use baselines::exit::Exit;

/// The crates, and what each may import.
const IMPORTS: &[(&str, &[&str])] = &[
    ("baselines", &[]),
    ("memory", &[]),
    ("reports", &["baselines"]),
    ("loadgen", &["baselines", "memory"]),
    ("bench-suite", &["baselines", "memory", "reports"]),
];

/// Libraries whose types stay in one file, or in one folder (`/` at the end).
const FOREIGN: &[(&str, &str)] = &[
    ("goose", "loadgen/src/attack.rs"),
    ("reqwest", "loadgen/src/http.rs"),
    ("inferno", "reports/src/flamegraph.rs"),
    ("plotters", "reports/src/chart.rs"),
    ("libsql", "memory/src/store/libsql/"),
    ("redb", "memory/src/store/redb/"),
    ("moka", "bench-suite/src/hits/w_tiny_lfu.rs"),
    ("quick_cache", "bench-suite/src/hits/s3_fifo.rs"),
];

/// What the load generator may use of the memory: what goes over the wire, and the format of corpora.
const WIRE: &[&str] =
    &["api", "corpus", "Completion", "Episode", "EpisodeId", "Head", "NewStep", "Outcome", "StartEpisode", "Step"];

const LINES_MAX: usize = 500;
const README_LINES_MAX: usize = 150;

/// Paths from the top of the repository, with `/`, and their texts.
type Tree = BTreeMap<String, String>;
type Rule = fn(&Tree) -> Vec<String>;

/// Manifests name only what the table allows, and foreign libraries stand only in the manifest of their file's crate.
fn manifests(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, allowed) in IMPORTS {
        let path = format!("{name}/Cargo.toml");
        let Some(text) = tree.get(&path) else {
            wrong.push(format!("{path} is missing"));
            continue;
        };
        for dependency in dependencies(text) {
            let ours = IMPORTS.iter().any(|(ours, _)| *ours == dependency);
            if ours && !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{path}: `{name}` must not depend on `{dependency}`"));
            }
            let home = FOREIGN.iter().find(|(foreign, _)| *foreign == dependency);
            if let Some((foreign, file)) = home.filter(|(_, file)| !file.starts_with(&format!("{name}/"))) {
                wrong.push(format!("{path}: `{foreign}` belongs to {file} alone"));
            }
        }
    }
    wrong
}

/// Sources name only the crates that the table allows, and the load generator only what goes over the wire.
fn uses(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in sources(tree) {
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| path.starts_with(&format!("{name}/"))) else {
            continue;
        };
        let own = path.split('/').next().unwrap_or_default();
        let code = code(text);
        for (name, _) in IMPORTS.iter().filter(|(name, _)| *name != own && !allowed.contains(name)) {
            let library = name.replace('-', "_");
            wrong.extend(roots(&code, &library).map(|at| format!("{path}:{}: imports `{name}`", line(&code, at))));
        }
        if path.starts_with("loadgen/src/") {
            for at in roots(&code, "memory") {
                for item in items(&code[at + "memory".len()..]).filter(|item| !WIRE.contains(item)) {
                    wrong.push(format!("{path}:{}: `memory::{item}` does not go over the wire", line(&code, at)));
                }
            }
        }
    }
    wrong
}

/// A foreign library is named in its own file, or folder, only. Tests may name it: who damages a file on purpose needs what wrote it.
fn foreign(tree: &Tree) -> Vec<String> {
    let tests = test_files(tree);
    let mut wrong = Vec::new();
    for (path, text) in sources(tree).filter(|(path, _)| !tests.contains(*path)) {
        let code = without_tests(&code(text));
        for (library, home) in FOREIGN.iter().filter(|(_, home)| !path.starts_with(home)) {
            // A module of that name, declared here, is ours.
            if !code.contains(&format!("mod {library};")) {
                let found = roots(&code, library);
                wrong
                    .extend(found.map(|at| format!("{path}:{}: `{library}` belongs to {home} alone", line(&code, at))));
            }
        }
    }
    wrong
}

/// A file is a page or two.
fn length(tree: &Tree) -> Vec<String> {
    let long = sources(tree).map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > LINES_MAX);
    long.map(|(path, lines)| format!("{path}: {lines} lines, {LINES_MAX} is the most: split it by idea")).collect()
}

/// Every module says first what it is for.
fn opening(tree: &Tree) -> Vec<String> {
    let silent = sources(tree).filter(|(_, text)| !text.starts_with("//! "));
    silent.map(|(path, _)| format!("{path}: opens without saying what it is for (`//!`)")).collect()
}

/// No `unwrap` outside of tests.
fn unwraps(tree: &Tree) -> Vec<String> {
    let tests = test_files(tree);
    let production = sources(tree).filter(|(path, _)| !tests.contains(*path));
    production.flat_map(|(path, text)| found(path, &without_tests(&code(text)), &[".unwrap()"])).collect()
}

/// No lint is switched off: `expect` with a reason fails when it is not needed any more.
fn allows(tree: &Tree) -> Vec<String> {
    let attributes = ["#[allow", "#![allow", ", allow("];
    sources(tree).flat_map(|(path, text)| found(path, &code(text), &attributes)).collect()
}

/// Nothing is left to do.
fn unfinished(tree: &Tree) -> Vec<String> {
    sources(tree).flat_map(|(path, text)| found(path, &code(text), &["todo!", "unimplemented!"])).collect()
}

/// The README is short and has the exit codes of the table.
fn readme(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.get("README.md") else { return vec!["README.md is missing".to_owned()] };
    let mut wrong = Vec::new();
    let lines = text.lines().count();
    if lines > README_LINES_MAX {
        wrong.push(format!("README.md: {lines} lines, {README_LINES_MAX} is the most"));
    }
    let written: Vec<&str> = text.lines().filter(|line| line.starts_with("| `") && is_code(line)).collect();
    let table: Vec<String> =
        Exit::TABLE.iter().map(|(exit, meaning)| format!("| `{}` | {meaning} |", exit.code())).collect();
    if written != table {
        wrong.push(format!("README.md: the exit codes are {written:?}, not {table:?}"));
    }
    wrong
}

/// The path from the top of the tree that a link in a document of a folder leads to.
fn resolved(folder: &str, link: &str) -> String {
    let mut path: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/').filter(|part| !part.is_empty()) {
        match part {
            ".." => drop(path.pop()),
            part => path.push(part),
        }
    }
    path.join("/")
}

/// What the documents link to, and the scripts they name, is there.
fn links(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let linked = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let named = text
            .split(|c: char| !c.is_ascii_alphanumeric() && !"./_-".contains(c))
            .filter(|word| ["scripts/", "ci/", ".ci/"].iter().any(|folder| word.starts_with(folder)))
            .map(|word| word.trim_end_matches('.'))
            .filter(|word| !word.ends_with('/'));
        for target in linked.filter(|target| !target.contains(':') && !target.is_empty()) {
            if !exists(tree, &resolved(folder, target)) {
                wrong.push(format!("{path}: links to {target}, which is not there"));
            }
        }
        wrong.extend(
            named.filter(|name| !exists(tree, name)).map(|name| format!("{path}: names {name}, which is not there")),
        );
    }
    wrong
}

const RULES: &[(&str, Rule)] = &[
    ("manifests", manifests),
    ("uses", uses),
    ("foreign", foreign),
    ("length", length),
    ("opening", opening),
    ("unwraps", unwraps),
    ("allows", allows),
    ("unfinished", unfinished),
    ("readme", readme),
    ("links", links),
];

fn exists(tree: &Tree, path: &str) -> bool {
    tree.contains_key(path) || tree.keys().any(|file| file.starts_with(&format!("{path}/")))
}

fn is_code(line: &str) -> bool {
    line.trim_start_matches("| `").split('`').next().is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_digit()))
}

fn sources(tree: &Tree) -> impl Iterator<Item = (&String, &String)> {
    tree.iter().filter(|(path, _)| path.ends_with(".rs"))
}

/// The names in a manifest's tables of dependencies, of any kind and target; what a renamed one is really called.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.split(']').next().unwrap_or(header);
            inside = header.ends_with("dependencies");
            names.extend(header.rsplit_once("dependencies.").map(|(_, name)| name.to_owned()));
        } else if let Some((name, value)) = line.split_once('=').filter(|_| inside) {
            let name = name.trim().split('.').next().unwrap_or(name).trim_matches('"');
            names.insert(name.to_owned());
            let quoted = |key: &str| value.split_once(key).and_then(|(_, rest)| rest.split('"').nth(1));
            names.extend(quoted("package").map(str::to_owned));
            names.extend(quoted("path").and_then(|path| path.rsplit('/').next()).map(str::to_owned));
        }
    }
    names
}

/// The text without comments and without what stands in quotes: spaces instead, so that places and lines stay.
fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = at
            + match rest[0] {
                b'/' if rest.starts_with(b"//") => rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
                b'/' if rest.starts_with(b"/*") => after(rest, b"*/", 2),
                b'"' => quoted(rest),
                b'r' if raw(bytes, at).is_some() => raw(bytes, at).unwrap_or(1),
                // A character, not a lifetime.
                b'\'' if rest.get(1) == Some(&b'\\') => 2 + after(&rest[2..], b"'", 1),
                b'\'' => match text[at + 1..].chars().next() {
                    Some(c) if text[at + 1 + c.len_utf8()..].starts_with('\'') => c.len_utf8() + 2,
                    _ => 0,
                },
                _ => 0,
            };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(out).expect("characters are blanked whole")
}

fn after(bytes: &[u8], mark: &[u8], from: usize) -> usize {
    let found = bytes[from.min(bytes.len())..].windows(mark.len()).position(|window| window == mark);
    found.map_or(bytes.len(), |place| from + place + mark.len())
}

/// The length of a quoted string.
fn quoted(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// The length of a raw string that begins here: `r"..", r#".."#`.
fn raw(bytes: &[u8], at: usize) -> Option<usize> {
    let within_word = at > 0 && is_word(bytes[at - 1]) && bytes[at - 1] != b'b';
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    if within_word || bytes.get(at + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    Some(after(&bytes[at..], end.as_bytes(), hashes + 2))
}

/// Code without what is compiled for tests only.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let end = start + item_length(&out[start..]);
        let blank: String = out[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        out.replace_range(start..end, &blank);
    }
    out
}

/// The length of an item: to its semicolon, or to the end of its braces.
fn item_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Files that are compiled for tests only: those in folders of tests, and modules declared so.
fn test_files(tree: &Tree) -> BTreeSet<String> {
    let mut files: BTreeSet<String> =
        sources(tree).map(|(path, _)| path.clone()).filter(|path| path.contains("/tests/")).collect();
    for (path, text) in sources(tree) {
        for item in code(text).split("#[cfg(test)]").skip(1) {
            let declared = item[..item_length(item)].trim().strip_suffix(';').and_then(|item| item.rsplit_once("mod "));
            if let Some((_, name)) = declared {
                let folder = path.trim_end_matches(".rs").trim_end_matches("/mod").trim_end_matches("/lib");
                files.extend([format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]);
            }
        }
    }
    files
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where a path begins with this crate: `name::..`, or `use name` and `extern crate name`.
fn roots(code: &str, name: &str) -> impl Iterator<Item = usize> {
    let places = code.match_indices(name).filter(move |(at, _)| {
        let (before, after) = (&code[..*at], &code[at + name.len()..]);
        let inside_a_path = before.ends_with("::") && !before.ends_with(" ::");
        let whole = !before.bytes().last().is_some_and(|byte| is_word(byte) || byte == b'.')
            && !after.bytes().next().is_some_and(is_word);
        let imported = ["use", "crate"].iter().any(|word| before.trim_end().ends_with(word));
        whole && !inside_a_path && (after.starts_with("::") || imported)
    });
    places.map(|(at, _)| at).collect::<Vec<_>>().into_iter()
}

/// The first names below a path: `::a::b` has `a`, `::{a::b, c}` has `a` and `c`.
fn items(code: &str) -> impl Iterator<Item = &str> {
    let below = code.strip_prefix("::").unwrap_or_default();
    let list = below.strip_prefix('{').map_or(below, |list| list.split('}').next().unwrap_or(list));
    let several = below.starts_with('{');
    let parts = list.split(',').take(if several { usize::MAX } else { 1 });
    let first = |part: &'_ str| part.len() - part.trim_start_matches(|c: char| c == '_' || c.is_alphanumeric()).len();
    parts.map(str::trim).map(move |part| &part[..first(part)]).filter(|item| !item.is_empty())
}

fn line(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

fn found(path: &str, code: &str, words: &[&str]) -> Vec<String> {
    let places = words.iter().flat_map(|word| code.match_indices(word));
    places.map(|(at, word)| format!("{path}:{}: `{word}`", line(code, at))).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate lies in the workspace").to_owned()
}

/// The repository without what is built and what Git keeps; files that are no text are empty.
fn repository() -> Tree {
    let root = root();
    let mut tree = Tree::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(&root).expect("below the root").to_string_lossy().replace('\\', "/");
            if name == ".git" || name.starts_with("target") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                tree.insert(name, std::fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }
    tree
}

#[test]
fn the_tree_is_tidy() {
    let tree = repository();
    assert!(sources(&tree).count() > 100, "the repository was not found at {}", root().display());
    let wrong: Vec<String> = RULES
        .iter()
        .flat_map(|(name, rule)| rule(&tree).into_iter().map(move |violation| format!("{name}: {violation}")))
        .collect();
    assert!(wrong.is_empty(), "{} violations:\n{}", wrong.len(), wrong.join("\n"));
}

#[cfg(unix)]
#[test]
fn scripts_can_be_started() {
    use std::os::unix::fs::PermissionsExt;
    for path in ["scripts/setup", "scripts/bench", "scripts/test", "ci/gate", ".ci/run"] {
        let metadata = std::fs::metadata(root().join(path)).expect(path);
        assert_eq!(metadata.permissions().mode() & 0o111, 0o111, "{path} is not executable");
    }
}

/// What each rule finds in the repository with `text` at the end of the file `path`, and finds nowhere without it.
#[test]
fn every_rule_finds_what_is_planted() {
    let long = "//\n".repeat(LINES_MAX);
    let planted: &[(&str, &str, &str, &str)] = &[
        ("manifests", "baselines/Cargo.toml", "[dependencies]\nmemory.workspace = true", "depend on `memory`"),
        ("manifests", "memory/Cargo.toml", "[dev-dependencies.baselines]", "depend on `baselines`"),
        (
            "manifests",
            "reports/Cargo.toml",
            "[target.'cfg(unix)'.dependencies]\nx = { path = \"../memory\" }",
            "`memory`",
        ),
        ("manifests", "loadgen/Cargo.toml", "[build-dependencies]\nx = { package = \"reports\" }", "`reports`"),
        ("manifests", "bench-suite/Cargo.toml", "[dependencies]\ngoose = \"0.19\"", "loadgen/src/attack.rs alone"),
        ("uses", "reports/src/text.rs", "use memory::Variant;", "imports `memory`"),
        ("uses", "memory/tests/effects.rs", "fn f() -> ::baselines::Run { todo() }", "imports `baselines`"),
        ("uses", "baselines/src/exit.rs", "use bench_suite as suite;", "imports `bench-suite`"),
        ("uses", "loadgen/src/plan.rs", "use memory::{Step, store::Store};", "`memory::store` does not go"),
        ("foreign", "loadgen/src/plan.rs", "fn f(user: &goose::goose::GooseUser) {}", "`goose` belongs to"),
        ("foreign", "memory/src/store/tiered.rs", "use redb::Database;", "`redb` belongs to"),
        ("foreign", "bench-suite/benches/times.rs", "use ::plotters::prelude::*;", "`plotters` belongs to"),
        ("length", "memory/src/hash.rs", &long, "500 is the most"),
        ("opening", "memory/src/fresh.rs", "pub fn f() {}", "opens without"),
        ("unwraps", "memory/src/hash.rs", "fn f() { g().unwrap(); }", "`.unwrap()`"),
        (
            "unwraps",
            "bench-suite/benches/times.rs",
            "fn f(x: &'static str) { \"\\\"\"; g::<'_>().unwrap(); }",
            "`.unwrap()`",
        ),
        ("allows", "memory/tests/effects.rs", "#[allow(dead_code)]\nfn f() {}", "`#[allow`"),
        ("allows", "memory/src/hash.rs", "#[cfg_attr(test, allow(dead_code))]\nfn f() {}", "`, allow(`"),
        ("unfinished", "memory/src/hash.rs", "fn f() { todo!(\"later\") }", "`todo!`"),
        ("unfinished", "memory/tests/effects.rs", "fn f() { unimplemented!() }", "`unimplemented!`"),
        ("readme", "README.md", "| `5` | something new |", "the exit codes are"),
        ("readme", "README.md", &"\n".repeat(README_LINES_MAX), "150 is the most"),
        ("links", "README.md", "see [it](GONE.md#there)", "links to GONE.md"),
        ("links", "docs/claims.md", "see [it](../GONE.md)", "links to ../GONE.md"),
        ("links", "CONTRIBUTING.md", "Type `scripts/gone`.", "names scripts/gone"),
    ];
    let tree = repository();
    for (name, path, text, expected) in planted {
        let (_, rule) = RULES.iter().find(|(rule, _)| rule == name).expect("a rule of that name");
        let before = rule(&tree);
        let mut changed = tree.clone();
        let file = changed.entry((*path).to_owned()).or_default();
        if !file.is_empty() {
            file.push('\n');
        }
        file.push_str(text);
        let fresh: Vec<String> = rule(&changed).into_iter().filter(|violation| !before.contains(violation)).collect();
        assert_eq!(fresh.len(), 1, "{name} on {path}: {fresh:?}");
        assert!(fresh[0].contains(path) && fresh[0].contains(expected), "{name} on {path}: {fresh:?}");
    }
    let untried: Vec<_> = RULES.iter().filter(|(rule, _)| !planted.iter().any(|(name, ..)| name == rule)).collect();
    assert!(untried.is_empty(), "rules that were never seen to fail: {untried:?}");
}

#[test]
fn what_is_allowed_is_not_found() {
    let innocent = "//! Says `todo!` and .unwrap() and #[allow(x)].\n\
        /* goose:: */ const A: (&str, &str, char) = (\"use goose::x; \\\" .unwrap()\", r#\"\"todo!\"#, '\"');\n\
        fn f() { crate::redb::open(); super::goose::f(); let memory = 1; memory.unwrap_or(2); }\n\
        #[cfg(test)]\nmod tests { fn f() { g().unwrap(); if a { b } } }\n\
        #[cfg(test)]\nmod more;\n";
    let mut tree = Tree::from([("baselines/src/fresh.rs".to_owned(), innocent.to_owned())]);
    tree.insert("baselines/src/fresh/more.rs".to_owned(), "//! Tests.\nfn f() { g().unwrap(); }\n".to_owned());
    for rule in [uses, foreign, length, opening, unwraps, allows, unfinished] {
        assert_eq!(rule(&tree), Vec::<String>::new());
    }
}
