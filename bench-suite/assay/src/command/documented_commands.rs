//! Every command that a document shows is one that this program understands.

use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;

use super::Cli;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The documents and the hooks, by their paths from the root.
fn documents() -> Vec<(String, String)> {
    let listed = |folder: &str, ends: &[&str]| -> Vec<String> {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder of the repository");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        let names = names.filter(|name| ends.iter().any(|end| name.ends_with(end)));
        names.map(|name| if folder == "." { name } else { format!("{folder}/{name}") }).collect()
    };
    let paths = [
        listed(".", &[".md", ".pre-commit-hooks.yaml"]),
        listed("docs", &[".md"]),
        listed("reports/example", &[".md"]),
    ];
    let read = |path: String| (std::fs::read_to_string(root().join(&path)).expect("a text"), path);
    paths.concat().into_iter().map(read).map(|(text, path)| (path, text)).collect()
}

/// What is shown: whole commands of fenced blocks and of hooks, and commands within a sentence, which may be parts.
fn commands(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let text = text.replace("\\\n    ", " ");
    for (place, part) in text.split("```").enumerate() {
        let is_fenced = place % 2 == 1;
        if is_fenced {
            let lines = part.lines().skip(1).flat_map(|line| line.split(" && "));
            found.extend(lines.map(|line| (line.to_owned(), true)));
        } else {
            found.extend(part.split('`').skip(1).step_by(2).map(|span| (span.replace('\n', " "), false)));
        }
    }
    found.extend(
        text.lines().filter_map(|line| line.trim().strip_prefix("entry: ")).map(|line| (line.to_owned(), true)),
    );
    let named = |line: &str| {
        let line = line.trim().trim_start_matches("target/release/").trim_start_matches("cargo ");
        line.strip_prefix("assay ").map(str::to_owned)
    };
    found.into_iter().filter_map(|(line, is_whole)| Some((named(&line)?, is_whole))).collect()
}

/// The words of a command, with a value in the place of what stands for one: `FILTER` becomes `60`, which is a text and
/// a number. Optional words are taken; of several, the first one. A comment ends the command.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let line = line.split(" #").next().unwrap_or(line);
    let line = line.split("    ").next().unwrap_or(line);
    for letter in line.chars().chain([' ']) {
        match (letter, quote) {
            (letter, Some(end)) if letter == end => quote = None,
            ('\'' | '"', None) => quote = Some(letter),
            (' ', None) => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            ('[' | ']' | '\\', None) => {}
            (letter, _) => word.push(letter),
        }
    }
    let is_named = |word: &str| word.len() > 1 && word.chars().all(|letter| letter.is_ascii_uppercase());
    let value = |word: String| {
        let first = word.split('|').next().unwrap_or(&word).trim_end_matches(",..").to_owned();
        if is_named(&first) || first == "N" { "60".to_owned() } else { first }
    };
    words.into_iter().filter(|word| word != "..").map(value).collect()
}

/// The reason why a command is refused; none if it is understood. A part of one may leave out what it must have, and
/// stand for values that are names of a list.
fn refused(line: &str, is_whole: bool) -> Option<String> {
    let error = Cli::try_parse_from([vec!["assay".to_owned()], words(line)].concat()).err()?;
    let is_part = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let is_part =
        is_part || ["a value is required", "invalid value '60'"].iter().any(|why| error.to_string().contains(why));
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    (!is_help && (is_whole || !is_part)).then(|| error.to_string())
}

#[test]
fn every_command_in_a_document_is_understood() {
    let (mut wrong, mut number) = (Vec::new(), 0);
    for (path, text) in documents() {
        for (line, is_whole) in commands(&text).into_iter().filter(|(line, _)| !line.starts_with(['<', '('])) {
            number += 1;
            let why = refused(&line, is_whole);
            wrong.extend(why.map(|why| format!("{path}: assay {line}: {}", why.lines().next().unwrap_or_default())));
        }
    }
    assert!(number > 80, "{number} commands were found");
    assert!(wrong.is_empty(), "{} of {number} commands:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_not_a_command_is_noticed() {
    let text = "`assay gate [FILTER] --agianst REV`\n```\ncargo assay load ladder    # a part\nassay compare a \\\n    b --onyl x\n```\n";
    let found = commands(text);
    assert_eq!(found.len(), 3, "{found:?}");
    let why: Vec<Option<String>> = found.iter().map(|(line, is_whole)| refused(line, *is_whole)).collect();
    assert!(why[0].as_ref().is_some_and(|why| why.contains("--agianst")), "{why:?}");
    assert!(why[2].as_ref().is_some_and(|why| why.contains("--onyl")), "also on the second line: {why:?}");
    assert!(refused("compare a", true).is_some_and(|why| why.contains("NEW")), "a whole command lacks a side");
    assert_eq!(refused("compare a", false), None);
    assert_eq!(refused("gate [FILTER] --against REV [--budget SECONDS]", true), None);
    assert_eq!(refused("report --format html\\|markdown", true), None);
}
