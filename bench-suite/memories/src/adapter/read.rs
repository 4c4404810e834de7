//! Reads the file of an adapter. What could not be measured is refused with one message: the file, the line, the
//! remedy.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};
use toml::{Spanned, Value};

use super::definition::{AdapterFile, CallEntry, ModelEntry};
use super::{AdapterCall, AnswerRule, CallAction, MemoryAdapter, MemoryProtocol, ModelRules, PLACES};
use crate::template;

/// The version of the file's fields.
const SCHEMA: u32 = 1;

/// The values of the operations.
const EPISODE: [&str; 2] = ["key", "task"];
const QUERY: [&str; 2] = ["query", "k"];
const STORED: [&str; 1] = ["stored"];
const PART: [&str; 1] = ["part"];

/// Where nothing may be sent but to this machine.
const LOOPBACK: [&str; 3] = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];

/// Reads the adapter in `file`.
pub fn read(file: &Path) -> Result<MemoryAdapter> {
    let text = std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
    match parse(&text) {
        Ok(adapter) => Ok(MemoryAdapter { file: file.to_owned(), ..adapter }),
        Err(Wrong { at, message }) => {
            let line = 1 + text[..at.min(text.len())].matches('\n').count();
            bail!("{}:{line}: {message}", file.display())
        }
    }
}

/// A message with its place in the text.
#[derive(Debug)]
struct Wrong {
    at: usize,
    message: String,
}

fn wrong<T>(span: Range<usize>, message: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { at: span.start, message: message.into() })
}

fn parse(text: &str) -> Result<MemoryAdapter, Wrong> {
    let file: AdapterFile = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let said = error.message().replace('\n', " ");
        let remedy = if said.starts_with("missing field") { ": add it" } else { "" };
        Wrong { at, message: format!("{said}{remedy}") }
    })?;
    if *file.schema.get_ref() != SCHEMA {
        return wrong(file.schema.span(), format!("schema {} is unknown: use {SCHEMA}", file.schema.get_ref()));
    }
    let is_word = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !is_word(file.name.get_ref()) {
        let message = format!("`{}` is no name: use letters, digits, `-`, `_` and `.`", file.name.get_ref());
        return wrong(file.name.span(), message);
    }
    reachable(&file)?;
    let places = Known::default().and(&PLACES);
    for text in file.install.iter().chain(&file.start).chain(&file.url).chain(file.environment.values()) {
        places.check_text(text)?;
    }
    let protocol = *file.protocol.get_ref();
    let mut of_episode = places.clone().and(&EPISODE);
    let mut ingest = Vec::new();
    for entry in &file.ingest {
        ingest.push(call(entry, protocol, &of_episode, &["take"])?);
        of_episode.names.extend(entry.take.keys().cloned());
    }
    if ingest.is_empty() {
        return wrong(0..0, "nothing is stored: add a call to `ingest`");
    }
    let list = |entries: &[CallEntry], allowed: &[&str]| -> Result<Vec<AdapterCall>, Wrong> {
        let known = |entry: &CallEntry| if is_each(entry) { &of_episode } else { &places };
        entries.iter().map(|entry| call(entry, protocol, known(entry), allowed)).collect()
    };
    let search = call(&file.search, protocol, &places.clone().and(&QUERY), &["found"])?;
    let found = file.search.found.as_ref().map(pointer).transpose()?.unwrap_or_default();
    let indexed = file.indexed.as_ref().map(|entry| indexed(entry, protocol, &places)).transpose()?;
    Ok(MemoryAdapter {
        reset: list(&file.reset, &[])?,
        clear: list(&file.clear, &["each"])?,
        name: file.name.into_inner(),
        version: file.version,
        about: file.about,
        defaults: file.defaults,
        file: Default::default(),
        install: file.install.into_iter().map(Spanned::into_inner).collect(),
        start: file.start.map(Spanned::into_inner),
        url: file.url.map(Spanned::into_inner),
        environment: file.environment.into_iter().map(|(name, value)| (name, value.into_inner())).collect(),
        protocol,
        ingest,
        indexed,
        search,
        found,
        model: file.model.map(model).transpose()?,
    })
}

/// It can be started or is there already, on this machine, and is empty at the beginning.
fn reachable(file: &AdapterFile) -> Result<(), Wrong> {
    match (file.protocol.get_ref(), &file.start, &file.url) {
        (MemoryProtocol::Mcp, None, _) => wrong(file.protocol.span(), "nothing starts it: add `start`"),
        (MemoryProtocol::Mcp, _, Some(url)) => wrong(url.span(), "it is asked on stdin: remove `url`"),
        (MemoryProtocol::Http, None, None) => {
            wrong(file.protocol.span(), "there is nowhere to ask: add `start`, or `url` if it runs already")
        }
        (MemoryProtocol::Http, _, Some(url)) if !is_here(url.get_ref()) => {
            let message = format!("`{}` is not on this machine: use http://127.0.0.1:PORT", url.get_ref());
            wrong(url.span(), message)
        }
        (MemoryProtocol::Http, None, Some(url)) if file.reset.is_empty() => {
            wrong(url.span(), "it may hold something already: add `reset`, which empties it")
        }
        _ => Ok(()),
    }
}

/// A URL of this machine. In `http://127.0.0.1:80@host/`, what looks like it is the name of a user.
fn is_here(url: &str) -> bool {
    let rest = LOOPBACK.iter().find_map(|here| url.strip_prefix(here));
    rest.is_some_and(|rest| !rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest).contains('@'))
}

/// The names that have a value at some place.
#[derive(Debug, Clone, Default)]
struct Known {
    names: Vec<String>,
}

impl Known {
    fn and(mut self, names: &[&str]) -> Known {
        self.names.extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    fn check_text(&self, text: &Spanned<String>) -> Result<(), Wrong> {
        self.check(template::names(text.get_ref()), text.span())
    }

    fn check_value(&self, value: &Spanned<Value>) -> Result<(), Wrong> {
        self.check(template::names_of_value(value.get_ref()), value.span())
    }

    fn check(&self, used: Result<Vec<String>, String>, span: Range<usize>) -> Result<(), Wrong> {
        let used = used.map_err(|message| Wrong { at: span.start, message })?;
        match used.iter().find(|name| !self.names.contains(name)) {
            Some(name) => {
                let known = self.names.join(", ");
                wrong(span, format!("there is no value for {{{{{name}}}}} here: the names are {known}"))
            }
            None => Ok(()),
        }
    }
}

fn is_each(entry: &CallEntry) -> bool {
    entry.each.as_ref().is_some_and(|each| *each.get_ref())
}

/// A call, of the fields that all have and those that its operation allows.
fn call(entry: &CallEntry, protocol: MemoryProtocol, known: &Known, allowed: &[&str]) -> Result<AdapterCall, Wrong> {
    let extra = [
        ("take", entry.take.values().next().map(Spanned::span), "ingest"),
        ("found", entry.found.as_ref().map(Spanned::span), "search"),
        ("until", entry.until.as_ref().map(|until| until.keys().next().map_or(0..0, Spanned::span)), "indexed"),
        ("each", entry.each.as_ref().map(Spanned::span), "clear"),
    ];
    for (name, span, home) in extra {
        if let Some(span) = span.filter(|_| !allowed.contains(&name)) {
            return wrong(span, format!("`{name}` belongs to a call of `{home}`"));
        }
    }
    let action = match (protocol, &entry.tool, &entry.path) {
        (MemoryProtocol::Mcp, Some(tool), None) => tool_call(entry, tool, known)?,
        (MemoryProtocol::Http, None, Some(path)) => request(entry, path, known)?,
        (MemoryProtocol::Mcp, _, Some(path)) => {
            return wrong(path.span(), "over MCP there are no paths: name a `tool`");
        }
        (MemoryProtocol::Http, Some(tool), _) => {
            return wrong(tool.span(), "over HTTP there are no tools: give a `path`");
        }
        (MemoryProtocol::Mcp, None, None) => return wrong(place(entry), "a call over MCP needs a `tool`: name one"),
        (MemoryProtocol::Http, None, None) => return wrong(place(entry), "a call over HTTP needs a `path`: give one"),
    };
    let take = entry.take.iter().map(|(name, path)| Ok((name.clone(), pointer(path)?)));
    Ok(AdapterCall { action, take: take.collect::<Result<_, Wrong>>()?, each: is_each(entry) })
}

/// Some place in a call that names neither a tool nor a path.
fn place(entry: &CallEntry) -> Range<usize> {
    let values = [entry.arguments.as_ref().map(Spanned::span), entry.body.as_ref().map(Spanned::span)];
    let texts = [&entry.method, &entry.found].map(|text| text.as_ref().map(Spanned::span));
    texts.into_iter().chain(values).flatten().next().unwrap_or(0..0)
}

fn tool_call(entry: &CallEntry, tool: &Spanned<String>, known: &Known) -> Result<CallAction, Wrong> {
    let of_http = entry.method.as_ref().map(Spanned::span).or(entry.body.as_ref().map(Spanned::span));
    if let Some(span) = of_http.or(entry.headers.values().next().map(Spanned::span)) {
        return wrong(span, "a tool has `arguments`, and no method, headers or body: remove it");
    }
    let arguments = match &entry.arguments {
        None => Value::Table(toml::Table::new()),
        Some(arguments) if arguments.get_ref().is_table() => {
            known.check_value(arguments)?;
            arguments.get_ref().clone()
        }
        Some(arguments) => return wrong(arguments.span(), "`arguments` is no table: write it as { name = value }"),
    };
    Ok(CallAction::Tool { name: tool.get_ref().clone(), arguments })
}

fn request(entry: &CallEntry, path: &Spanned<String>, known: &Known) -> Result<CallAction, Wrong> {
    if let Some(arguments) = &entry.arguments {
        return wrong(arguments.span(), "a request has a `body`, and no arguments: rename it");
    }
    if !path.get_ref().starts_with('/') {
        return wrong(path.span(), format!("the path `{}` must begin with /", path.get_ref()));
    }
    known.check_text(path)?;
    entry.headers.values().try_for_each(|header| known.check_text(header))?;
    entry.body.iter().try_for_each(|body| known.check_value(body))?;
    let method = entry.method.as_ref().map(|method| method.get_ref().to_ascii_uppercase());
    let implied = if entry.body.is_some() { "POST" } else { "GET" };
    Ok(CallAction::Request {
        method: method.unwrap_or_else(|| implied.to_owned()),
        path: path.get_ref().clone(),
        headers: entry.headers.iter().map(|(name, value)| (name.clone(), value.get_ref().clone())).collect(),
        body: entry.body.as_ref().map(|body| body.get_ref().clone()),
    })
}

fn indexed(
    entry: &CallEntry,
    protocol: MemoryProtocol,
    places: &Known,
) -> Result<(AdapterCall, Vec<(String, Value)>), Wrong> {
    let known = places.clone().and(&STORED);
    let call = call(entry, protocol, &known, &["until"])?;
    let mut until = Vec::new();
    for (path, value) in entry.until.iter().flatten() {
        known.check_value(value)?;
        until.push((pointer(path)?, value.get_ref().clone()));
    }
    if until.is_empty() {
        let span = entry.tool.as_ref().or(entry.path.as_ref()).map_or(0..0, Spanned::span);
        return wrong(span, "nothing says when it is indexed: add `until`");
    }
    Ok((call, until))
}

/// A JSON pointer (RFC 6901).
fn pointer(text: &Spanned<String>) -> Result<String, Wrong> {
    if text.get_ref().is_empty() || text.get_ref().starts_with('/') {
        return Ok(text.get_ref().clone());
    }
    wrong(text.span(), format!("`{}` is no JSON pointer: write it as in /items/0/id", text.get_ref()))
}

fn model(entry: ModelEntry) -> Result<ModelRules, Wrong> {
    if *entry.dimensions.get_ref() == 0 {
        return wrong(entry.dimensions.span(), "an embedding has at least 1 dimension");
    }
    let part = Known::default().and(&PART);
    let answers = entry.answers.into_iter().map(|rule| {
        part.check_value(&rule.answer)?;
        let answer = rule.answer.into_inner();
        Ok(AnswerRule { asked: rule.asked, after: rule.after, before: rule.before, answer })
    });
    Ok(ModelRules { dimensions: *entry.dimensions.get_ref(), answers: answers.collect::<Result<_, Wrong>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = include_str!("whole.toml");

    fn parsed(text: &str) -> Result<MemoryAdapter, String> {
        parse(text).map_err(|wrong| format!("{}: {}", 1 + text[..wrong.at].matches('\n').count(), wrong.message))
    }

    #[test]
    fn a_whole_adapter_is_read() {
        let adapter = parsed(WHOLE).unwrap();
        assert_eq!((adapter.name.as_str(), adapter.ingest.len(), adapter.found.as_str()), ("shelf", 2, "/books"));
        assert!(adapter.clear[0].each && adapter.indexed.is_some());
        let rules = adapter.model.unwrap();
        assert_eq!((rules.dimensions, rules.answers.len()), (64, 1));
    }

    /// Pairs of a line and its replacement, and the message about it.
    const WRONG: &str = include_str!("wrong.txt");

    #[test]
    fn what_is_wrong_is_one_message_with_its_line() {
        let mut cases = 0;
        for case in WRONG.split("\n\n").filter(|case| !case.trim().is_empty()) {
            let [from, to, expected] = case.trim().lines().collect::<Vec<_>>()[..] else { panic!("{case}") };
            assert!(WHOLE.contains(from), "{from}");
            let error = parsed(&WHOLE.replacen(from, &to.replace("\\n", "\n"), 1)).expect_err(to);
            assert_eq!(error, expected, "\n{from}\n{to}");
            cases += 1;
        }
        assert!(cases > 15, "{cases}");
    }

    /// The first example of an adapter in a document, behind a heading.
    fn example(document: &str, heading: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(document);
        let text = std::fs::read_to_string(path).unwrap();
        let (_, rest) = text.split_once(heading).unwrap();
        let (_, rest) = rest.split_once("```toml\n").unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    }

    #[test]
    fn the_examples_of_the_documents_are_adapters() {
        let whole = parsed(&example("FORMAT.md", "\n## Adapters of memories\n")).unwrap();
        assert!(whole.indexed.is_some() && whole.model.is_some() && !whole.reset.is_empty());
        let shortest = parsed(&example("docs/memories.md", "\n## An adapter\n")).unwrap();
        assert_eq!((shortest.name.as_str(), shortest.ingest.len()), ("memory-mcp", 2));
    }

    #[test]
    fn every_adapter_of_the_tree_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> = files.filter(|file| file.extension().is_some_and(|it| it == "toml")).collect();
        assert!(files.len() >= 4, "{files:?}");
        for file in files {
            let adapter = read(&file).unwrap();
            assert_eq!(file.file_stem().unwrap().to_str().unwrap(), adapter.name);
        }
    }
}
