//! Checks the length and width of sources, the names of public types, and that the documents match the tree.

use std::collections::BTreeMap;

use baselines::exit_code::Exit;

use crate::crates::STANDALONE;
use crate::source::production;
use crate::{Tree, sources};

const LINES_MAX: usize = 500;
const COLUMNS_MAX: usize = 120;
const README_LINES_MAX: usize = 150;

/// A file is a page or two, and opens with its purpose.
pub fn files(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in sources(tree) {
        if text.lines().count() > LINES_MAX {
            wrong.push(format!("{path}: {} lines, {LINES_MAX} is the most: split it by idea", text.lines().count()));
        }
        if !text.starts_with("//! ") {
            wrong.push(format!("{path}: open it with what it is for (`//!`)"));
        }
    }
    wrong
}

/// Comments keep within the width of the code, which rustfmt does not check.
pub fn columns(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in sources(tree) {
        let comments = (1..).zip(text.lines()).filter(|(_, line)| line.trim_start().starts_with("//"));
        let wide = comments.filter(|(_, line)| line.chars().count() > COLUMNS_MAX);
        wrong.extend(wide.map(|(number, _)| format!("{path}:{number}: {COLUMNS_MAX} columns are the most")));
    }
    wrong
}

/// Public type names are unique; each crate may have an `Error` and a `Result`, and the stand-in has criterion's names.
pub fn type_names(tree: &Tree) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let is_program = |path: &str| path.contains("/benches/") || path.contains("/examples/");
    let is_free = |path: &str| is_program(path) || STANDALONE.iter().any(|folder| path.starts_with(folder));
    for source in production(tree).into_iter().filter(|source| !is_free(&source.path)) {
        for (name, line) in source.types {
            let key = if name == "Error" || name == "Result" { format!("{}::{name}", source.root) } else { name };
            places.entry(key).or_default().push(format!("{}:{line}", source.path));
        }
    }
    let several = places.into_iter().filter(|(_, places)| places.len() > 1);
    several.map(|(name, places)| format!("{} types `{name}`: {}", places.len(), places.join(", "))).collect()
}

/// The README is short and contains the table of exit codes.
pub fn readme(tree: &Tree) -> Vec<String> {
    let text = tree.get("README.md").map_or("", String::as_str);
    let mut wrong = Vec::new();
    if text.lines().count() > README_LINES_MAX {
        wrong.push(format!("README.md: {} lines, {README_LINES_MAX} is the most", text.lines().count()));
    }
    let is_code = |row: &str| row.starts_with(|c: char| c.is_ascii_digit());
    let written: Vec<&str> = text.lines().filter(|line| line.strip_prefix("| `").is_some_and(is_code)).collect();
    let table = exit_codes();
    if written != table {
        wrong.push(format!("README.md: the exit codes are {written:?}, not {table:?}"));
    }
    wrong
}

/// The README's rows of exit codes.
pub fn exit_codes() -> Vec<String> {
    Exit::TABLE.iter().map(|(exit, meaning)| format!("| `{}` | {meaning} |", exit.code())).collect()
}

/// Files that documents link to, headings of documents, and scripts that they name, exist.
pub fn links(tree: &Tree) -> Vec<String> {
    let mut wrong = headings(tree);
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let linked = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let linked = linked.filter(|link| !link.contains(':')).map(|link| (folder, link));
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"./_-".contains(c));
        let scripts = words.filter(|word| ["scripts/", "ci/", ".ci/"].iter().any(|folder| word.starts_with(folder)));
        let named = scripts.map(|word| ("", word.trim_end_matches('.')));
        let missing = linked.chain(named).filter(|(folder, link)| !exists(tree, folder, link));
        wrong.extend(missing.map(|(_, link)| format!("{path}: {link} does not exist")));
    }
    wrong
}

/// Links to headings of documents that are not there.
fn headings(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()?.split_once('#'));
        for (link, heading) in linked.filter(|(link, _)| !link.contains(':')) {
            let target = if link.is_empty() { path.clone() } else { resolved(folder, link) };
            let Some(target) = tree.get(target.trim_end_matches('/')).filter(|_| target.contains(".md")) else {
                continue;
            };
            if !target.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == heading) {
                wrong.push(format!("{path}: {link} has no heading #{heading}"));
            }
        }
    }
    wrong
}

/// A heading's address, as GitHub makes it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect()
}

fn exists(tree: &Tree, folder: &str, link: &str) -> bool {
    let path = resolved(folder, link);
    tree.keys().any(|file| format!("{file}/").starts_with(&path))
}

/// A link's path from the root, with a slash at its end.
fn resolved(folder: &str, link: &str) -> String {
    let mut path = String::new();
    for part in folder.split('/').chain(link.split('/')).filter(|part| !part.is_empty()) {
        match part {
            ".." => path.truncate(path.trim_end_matches('/').rfind('/').map_or(0, |slash| slash + 1)),
            part => path.push_str(&format!("{part}/")),
        }
    }
    path
}
