//! Reads a scenario file. Whatever is wrong with it is one message, with the line, the reason and the remedy.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use serde_json::Value as Json;
use toml::{Spanned, Value};

use super::data::DataSet;
use super::definition::{CheckEntry, RequestEntry, ScenarioFile, StatusEntry};
use super::json_path::JsonPath;
use super::template::Template;
use super::{AnswerCheck, ExpectedValue, RequestTemplate, Scenario, SessionTemplate};
use crate::arguments::units;

/// The version of the file's fields.
const SCHEMA: u32 = 1;

/// The value that every session has.
const SESSION: &str = "session";

/// A scenario, and the bytes that decide what it sends: its own and those of its data.
#[derive(Debug)]
pub struct ReadScenario {
    pub scenario: Scenario,
    pub bytes: Vec<u8>,
}

/// Reads the scenario at `path`; data files are relative to it. The error is the whole message.
pub fn read(path: &Path) -> Result<ReadScenario, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("can't read {}: {error}", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut bytes = text.clone().into_bytes();
    let scenario = parse(&text, |file| {
        let data = std::fs::read_to_string(folder.join(file)).map_err(|error| format!("can't be read: {error}"))?;
        bytes.extend_from_slice(data.as_bytes());
        Ok(data)
    });
    let scenario = scenario.map_err(|wrong| {
        let line = 1 + text[..wrong.at.min(text.len())].matches('\n').count();
        format!("{}:{line}: {}", path.display(), wrong.message)
    })?;
    Ok(ReadScenario { scenario, bytes })
}

/// A message with its place in the text.
#[derive(Debug)]
struct Wrong {
    at: usize,
    message: String,
}

fn wrong<T>(span: Range<usize>, message: String) -> Result<T, Wrong> {
    Err(Wrong { at: span.start, message })
}

fn parse(text: &str, mut read_data: impl FnMut(&Path) -> Result<String, String>) -> Result<Scenario, Wrong> {
    let file: ScenarioFile = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let said = error.message().replace('\n', " ");
        let remedy = if said.starts_with("missing field") { ": add it here" } else { "" };
        Wrong { at, message: format!("{said}{remedy}") }
    })?;
    if *file.schema.get_ref() != SCHEMA {
        return wrong(file.schema.span(), format!("schema {} is unknown: use {SCHEMA}", file.schema.get_ref()));
    }
    word(&file.name)?;
    let mut data = BTreeMap::new();
    for (name, entry) in &file.data {
        let shown = entry.file.get_ref().display();
        let set = read_data(entry.file.get_ref())
            .and_then(|text| DataSet::parse(&shown.to_string(), &text))
            .map_err(|why| Wrong { at: entry.file.span().start, message: format!("{shown}: {why}") })?;
        data.insert(name.clone(), set);
    }
    if file.requests.is_empty() {
        return wrong(0..0, "there is no request: add a [[request]] with name and path".to_owned());
    }
    let mut requests: Vec<RequestTemplate> = Vec::new();
    for entry in &file.requests {
        if requests.iter().any(|request| request.name == *entry.name.get_ref()) {
            let message = format!("there are two requests `{}`: give one another name", entry.name.get_ref());
            return wrong(entry.name.span(), message);
        }
        if let Some(weight) = entry.weight.as_ref().filter(|_| !file.sessions.is_empty()) {
            return wrong(weight.span(), "with sessions, the weight is theirs: move it to a [[session]]".to_owned());
        }
        requests.push(request(entry, &file.headers)?);
    }
    let sessions = sessions(&file, &requests)?;
    let scenario =
        Scenario { name: file.name.get_ref().clone(), base_url: file.base_url.clone(), data, requests, sessions };
    values(&scenario, &file)?;
    Ok(scenario)
}

/// Names become parts of metrics and of tags.
fn word(name: &Spanned<String>) -> Result<(), Wrong> {
    let text = name.get_ref();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Ok(());
    }
    wrong(name.span(), format!("`{text}` is no name: use letters, digits, `-`, `_` and `.`"))
}

fn request(entry: &RequestEntry, common: &BTreeMap<String, Spanned<String>>) -> Result<RequestTemplate, Wrong> {
    word(&entry.name)?;
    let path = template(&entry.path)?;
    if !path.beginning().starts_with('/') {
        return wrong(entry.path.span(), format!("the path `{}` must begin with /", entry.path.get_ref()));
    }
    let is_own = |name: &String| entry.headers.keys().any(|own| own.eq_ignore_ascii_case(name));
    let all = common.iter().filter(|(name, _)| !is_own(name)).chain(&entry.headers);
    let headers = all.map(|(name, value)| Ok((name.clone(), template(value)?))).collect::<Result<_, Wrong>>()?;
    let extract = entry.extract.iter().map(|(name, path)| Ok((name.clone(), json_path(path)?)));
    Ok(RequestTemplate {
        name: entry.name.get_ref().clone(),
        method: entry.method.to_ascii_uppercase(),
        path,
        headers,
        body: entry.body.as_ref().map(template).transpose()?,
        extract: extract.collect::<Result<_, Wrong>>()?,
        check: check(&entry.check)?,
    })
}

fn check(entry: &CheckEntry) -> Result<AnswerCheck, Wrong> {
    let latency = entry.latency.as_ref().map(|text| {
        let read = units::duration(text.get_ref());
        read.map_err(|why| Wrong { at: text.span().start, message: format!("`{}`: {why}", text.get_ref()) })
    });
    let equals = entry.equals.iter().map(|(path, value)| Ok((json_path(path)?, expected(value)?)));
    Ok(AnswerCheck {
        statuses: match &entry.status {
            None => Vec::new(),
            Some(StatusEntry::One(status)) => vec![*status],
            Some(StatusEntry::Several(statuses)) => statuses.clone(),
        },
        latency: latency.transpose()?,
        exists: entry.exists.iter().map(json_path).collect::<Result<_, Wrong>>()?,
        equals: equals.collect::<Result<_, Wrong>>()?,
    })
}

fn expected(value: &Spanned<Value>) -> Result<ExpectedValue, Wrong> {
    match value.get_ref() {
        Value::String(text) if text.contains("{{") => {
            let read = Template::parse(text);
            read.map(ExpectedValue::Text).map_err(|message| Wrong { at: value.span().start, message })
        }
        Value::String(text) => Ok(ExpectedValue::Json(Json::from(text.as_str()))),
        Value::Integer(number) => Ok(ExpectedValue::Json(Json::from(*number))),
        Value::Float(number) => Ok(ExpectedValue::Json(Json::from(*number))),
        Value::Boolean(truth) => Ok(ExpectedValue::Json(Json::from(*truth))),
        _ => wrong(value.span(), "only a string, a number or a truth value can be expected".to_owned()),
    }
}

fn template(text: &Spanned<String>) -> Result<Template, Wrong> {
    Template::parse(text.get_ref()).map_err(|message| Wrong { at: text.span().start, message })
}

fn json_path(text: &Spanned<String>) -> Result<JsonPath, Wrong> {
    JsonPath::parse(text.get_ref()).map_err(|message| Wrong { at: text.span().start, message })
}

/// The sessions of the file; without any, each request is one.
fn sessions(file: &ScenarioFile, requests: &[RequestTemplate]) -> Result<Vec<SessionTemplate>, Wrong> {
    let weighed = |weight: f64, span: Range<usize>| {
        if weight.is_finite() && weight > 0.0 { Ok(weight) } else { wrong(span, "a weight must be over 0".to_owned()) }
    };
    if file.sessions.is_empty() {
        let alone = |(number, entry): (usize, &RequestEntry)| {
            let (weight, span) = entry.weight.as_ref().map_or((1.0, 0..0), |it| (*it.get_ref(), it.span()));
            Ok(SessionTemplate { weight: weighed(weight, span)?, requests: vec![number] })
        };
        return file.requests.iter().enumerate().map(alone).collect();
    }
    let mut sessions = Vec::new();
    for entry in &file.sessions {
        word(&entry.name)?;
        let position = |name: &Spanned<String>| {
            let found = requests.iter().position(|request| request.name == *name.get_ref());
            let message = format!("there is no request `{}`: add a [[request]] of that name", name.get_ref());
            found.ok_or(Wrong { at: name.span().start, message })
        };
        let numbers = entry.requests.iter().map(position).collect::<Result<Vec<_>, _>>()?;
        if numbers.is_empty() {
            let message = format!("session `{}` has no requests: name one", entry.name.get_ref());
            return wrong(entry.name.span(), message);
        }
        sessions.push(SessionTemplate { weight: weighed(entry.weight, entry.name.span())?, requests: numbers });
    }
    Ok(sessions)
}

/// Every `{{name}}` has a value whenever it is needed.
fn values(scenario: &Scenario, file: &ScenarioFile) -> Result<(), Wrong> {
    let columns =
        scenario.data.iter().flat_map(|(set, data)| data.columns().iter().map(move |it| format!("{set}.{it}")));
    let always: BTreeSet<String> = columns.chain([SESSION.to_owned()]).collect();
    for session in &scenario.sessions {
        let mut known = always.clone();
        for &number in &session.requests {
            for (span, template) in templates(&file.requests[number], file) {
                // Read before, so that it parses.
                let Ok(template) = Template::parse(&template) else { continue };
                if let Some(name) = template.names().find(|name| !known.contains(*name)) {
                    return wrong(span, missing(name, scenario));
                }
            }
            known.extend(scenario.requests[number].extract.iter().map(|(name, _)| name.clone()));
        }
    }
    Ok(())
}

/// The texts of a request that may have values, with their places.
fn templates<'a>(entry: &'a RequestEntry, file: &'a ScenarioFile) -> impl Iterator<Item = (Range<usize>, String)> + 'a {
    let texts = [&entry.path].into_iter().chain(&entry.body).chain(file.headers.values()).chain(entry.headers.values());
    let expected = entry.check.equals.values().filter_map(|value| {
        let text = value.get_ref().as_str().filter(|text| text.contains("{{"))?;
        Some((value.span(), text.to_owned()))
    });
    texts.map(|text| (text.span(), text.get_ref().clone())).chain(expected)
}

fn missing(name: &str, scenario: &Scenario) -> String {
    let remedy = match name.split_once('.') {
        Some((set, column)) => match scenario.data.get(set) {
            Some(data) => format!("its columns are {}, not {column}", data.columns().join(", ")),
            None => format!("add [data.{set}] with a file"),
        },
        None => "have a request before it in the session extract it".to_owned(),
    };
    format!("there is no value for {{{{{name}}}}}: {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = include_str!("whole.toml");

    fn parsed(text: &str) -> Result<Scenario, String> {
        let data = |file: &Path| match file.to_str() {
            Some("users.csv") => Ok("name,age\nada,7\n".to_owned()),
            _ => Err("can't be read: there is none".to_owned()),
        };
        parse(text, data).map_err(|wrong| format!("{}: {}", 1 + text[..wrong.at].matches('\n').count(), wrong.message))
    }

    #[test]
    fn a_whole_scenario_is_read() {
        let scenario = parsed(WHOLE).unwrap();
        let names: Vec<&str> = scenario.requests.iter().map(|request| request.name.as_str()).collect();
        assert_eq!((scenario.name.as_str(), names), ("shop", vec!["login", "search"]));
        assert_eq!(scenario.sessions[0].requests, [0, 1, 1]);
        assert_eq!(scenario.sessions[1].weight, 3.0);
        assert_eq!(scenario.requests[0].headers.len(), 2);
        assert_eq!(scenario.requests[1].check.statuses, [200, 206]);
    }

    /// A change of the whole scenario, and the message.
    const WRONG: &str = include_str!("wrong.txt");

    #[test]
    fn what_is_wrong_is_one_message() {
        for case in WRONG.split("\n\n").filter(|case| !case.trim().is_empty()) {
            let mut lines = case.lines();
            let (from, to, expected) = (lines.next().unwrap(), lines.next().unwrap(), lines.next().unwrap());
            assert!(WHOLE.contains(from), "{from}");
            let error = parsed(&WHOLE.replacen(from, &to.replace("\\n", "\n"), 1)).unwrap_err();
            assert_eq!(error, expected, "\n{from}\n{to}");
        }
    }
}
