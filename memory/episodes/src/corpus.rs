//! Corpus files: whole episodes as JSON Lines, for the benches and the load generator.
//!
//! The first line is the [`CorpusHeader`], every further line one [`Script`]. A file whose number of scripts differs
//! from its header was cut or glued together, and is refused. Malformed files are not repaired.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::api::Script;

/// The version of the format, in the header.
pub const FORMAT: u32 = 1;

/// The first line of a corpus file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusHeader {
    /// The format's version, [`FORMAT`]; its name tells what the file is.
    pub assay_corpus: u32,
    /// The origin of the episodes, for people: files, or a generator and its seed.
    pub source: String,
    /// The number of scripts that follow.
    pub episodes: u64,
}

/// A corpus in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Corpus {
    /// The origin of the episodes.
    pub source: String,
    /// The episodes, in the order of the file.
    pub scripts: Vec<Script>,
}

/// A corpus file that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// The system refused.
    #[error("{}: {action} failed", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The attempted action.
        action: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is no corpus.
    #[error("{}:{line}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The problem.
        problem: String,
    },
}

impl CorpusError {
    /// The error of an `action` on the file `path`.
    fn io(path: &Path, action: &'static str) -> impl Fn(std::io::Error) -> CorpusError {
        move |source| CorpusError::Io { path: path.to_owned(), action, source }
    }
}

/// Reads a corpus file. Anything malformed is an error that names the file and the line.
pub fn read(path: &Path) -> Result<Corpus, CorpusError> {
    parse(BufReader::new(File::open(path).map_err(CorpusError::io(path, "opening the corpus"))?), path)
}

/// [`read`] from a reader; `path` is its name in messages.
///
/// ```
/// let text = r#"{"assay_corpus":1,"source":"nothing yet","episodes":0}"#;
/// let corpus = episodes::corpus::parse(text.as_bytes(), "example.jsonl".as_ref())?;
/// assert!(corpus.scripts.is_empty());
/// # Ok::<(), episodes::CorpusError>(())
/// ```
pub fn parse(mut reader: impl BufRead, path: &Path) -> Result<Corpus, CorpusError> {
    let wrong = |line: u64, problem: String| CorpusError::Malformed { path: path.to_owned(), line, problem };
    let malformed = |line, what, error| wrong(line, format!("not {what}: {}", place(&error)));
    let mut text = Vec::new();
    let mut line = 0;
    let mut next = |text: &mut Vec<u8>| -> Result<Option<u64>, CorpusError> {
        text.clear();
        line += 1;
        let read = reader.read_until(b'\n', text).map_err(CorpusError::io(path, "reading the corpus"))?;
        Ok((read > 0).then_some(line))
    };

    let Some(first) = next(&mut text)? else {
        return Err(wrong(1, "the file is empty: the first line must be a corpus header".to_owned()));
    };
    // The version goes first: a header of another version may have other fields.
    let version: Version = serde_json::from_slice(&text).map_err(|error| malformed(first, "a corpus header", error))?;
    if version.assay_corpus != FORMAT {
        let found = version.assay_corpus;
        return Err(wrong(first, format!("corpus format {found}, but only format {FORMAT} is known: import it again")));
    }
    let header: CorpusHeader =
        serde_json::from_slice(&text).map_err(|error| malformed(first, "a corpus header", error))?;

    let mut scripts = Vec::new();
    while let Some(line) = next(&mut text)? {
        if text.iter().all(u8::is_ascii_whitespace) {
            return Err(wrong(line, "an empty line: one episode a line, and nothing else".to_owned()));
        }
        let script: Script = serde_json::from_slice(&text).map_err(|error| malformed(line, "an episode", error))?;
        if script.steps.is_empty() {
            return Err(wrong(line, "an episode without steps".to_owned()));
        }
        scripts.push(script);
    }
    let found = scripts.len() as u64;
    if found != header.episodes {
        let problem =
            format!("the header promises {} episodes and the file has {found}: it was cut or joined", header.episodes);
        return Err(wrong(found + 1, problem));
    }
    Ok(Corpus { source: header.source, scripts })
}

/// The part of the header that all versions share.
#[derive(Deserialize)]
struct Version {
    assay_corpus: u32,
}

/// A JSON error with its column; this module counts the lines.
fn place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    format!("{message} (column {})", error.column())
}

/// Writes a corpus file in place of what is there, all or nothing. A script without steps is an error.
pub fn write(path: &Path, corpus: &Corpus) -> Result<(), CorpusError> {
    if let Some(index) = corpus.scripts.iter().position(|script| script.steps.is_empty()) {
        let problem = "an episode without steps".to_owned();
        return Err(CorpusError::Malformed { path: path.to_owned(), line: index as u64 + 2, problem });
    }
    // In the same folder, so that renaming is atomic.
    let beside = path.with_added_extension(format!("partial-{}", std::process::id()));
    let written = write_to(&beside, corpus).and_then(|()| fs::rename(&beside, path));
    written.map_err(|source| {
        // Nothing to be done where even this fails: the error that counts is the first one.
        let _ = fs::remove_file(&beside);
        CorpusError::io(path, "writing the corpus")(source)
    })
}

fn write_to(path: &Path, corpus: &Corpus) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let (source, episodes) = (corpus.source.clone(), corpus.scripts.len() as u64);
    let header = CorpusHeader { assay_corpus: FORMAT, source, episodes };
    serde_json::to_writer(&mut out, &header)?;
    out.write_all(b"\n")?;
    for script in &corpus.scripts {
        serde_json::to_writer(&mut out, script)?;
        out.write_all(b"\n")?;
    }
    out.into_inner()?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Complexity, NewStep, Outcome, StartEpisode, StepStatus, TaskContext};

    fn script(task: &str) -> Script {
        let context = TaskContext {
            language: Some("rust".to_owned()),
            framework: None,
            domain: "parsing".to_owned(),
            complexity: Complexity::Simple,
            tags: vec![],
        };
        Script {
            start: StartEpisode {
                task: task.to_owned(),
                task_type: "fix".to_owned(),
                context,
                metadata: BTreeMap::new(),
            },
            steps: vec![NewStep {
                tool: "edit".to_owned(),
                action: "edit 3:4".to_owned(),
                parameters: BTreeMap::new(),
                observation: "done\nline two \u{1F980}".to_owned(),
                status: StepStatus::Ok,
                latency_ns: 12,
                tokens: Some(3),
            }],
            outcome: Outcome::Success { verdict: "all tests pass".to_owned() },
        }
    }

    fn problem(text: &str) -> String {
        parse(text.as_bytes(), "c.jsonl".as_ref()).expect_err("malformed").to_string()
    }

    #[test]
    fn what_was_written_is_read_and_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corpus.jsonl");
        for tasks in [&["one", "two", "three"][..], &["four"][..], &[][..]] {
            let corpus =
                Corpus { source: "a test".to_owned(), scripts: tasks.iter().map(|task| script(task)).collect() };
            write(&path, &corpus).unwrap();
            assert_eq!(read(&path).unwrap(), corpus);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no partial file is left");
    }

    #[test]
    fn every_malformed_file_is_named_with_its_line() {
        let one = serde_json::to_string(&script("one")).unwrap();
        let header = |episodes: u64| format!(r#"{{"assay_corpus":1,"source":"t","episodes":{episodes}}}"#);
        assert!(problem("").contains("c.jsonl:1: the file is empty"), "{}", problem(""));
        assert!(problem("{}\n").contains("c.jsonl:1: not a corpus header: missing field `assay_corpus`"));
        assert!(problem(r#"{"assay_corpus":2,"what":"ever"}"#).contains("corpus format 2"));
        let bad = format!("{}\n{one}\n{{\"start\":3}}\n", header(2));
        assert!(problem(&bad).contains("c.jsonl:3: not an episode"), "{}", problem(&bad));
        let cut = format!("{}\n{one}\n", header(2));
        assert!(
            problem(&cut).contains("c.jsonl:2: the header promises 2 episodes and the file has 1"),
            "{}",
            problem(&cut)
        );
        let truncated = format!("{}\n{}", header(1), &one[..one.len() / 2]);
        assert!(problem(&truncated).contains("c.jsonl:2: not an episode: EOF"), "{}", problem(&truncated));
        let blank = format!("{}\n\n{one}\n", header(1));
        assert!(problem(&blank).contains("c.jsonl:2: an empty line"));
        let binary = parse(&b"{\"assay_corpus\":1,\"source\":\"\xff\",\"episodes\":0}"[..], "c.jsonl".as_ref());
        assert!(binary.is_err());
        let missing = read("/nowhere/c.jsonl".as_ref()).expect_err("no such file").to_string();
        assert!(missing.contains("/nowhere/c.jsonl"), "{missing}");
    }

    #[test]
    fn an_episode_without_steps_is_neither_written_nor_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corpus.jsonl");
        let mut empty = script("one");
        empty.steps.clear();
        let corpus = Corpus { source: "t".to_owned(), scripts: vec![empty.clone()] };
        assert!(matches!(write(&path, &corpus), Err(CorpusError::Malformed { line: 2, .. })));
        assert!(!path.exists());
        let text = format!(
            "{{\"assay_corpus\":1,\"source\":\"t\",\"episodes\":1}}\n{}",
            serde_json::to_string(&empty).unwrap()
        );
        assert!(problem(&text).contains("an episode without steps"));
    }
}
