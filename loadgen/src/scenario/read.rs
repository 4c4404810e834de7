//! Reads a scenario file. Whatever is wrong with it is one message, with the line, the reason and the remedy.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde_json::Value as Json;
use toml::{Spanned, Value};

use super::data::DataSet;
use super::definition::{CheckEntry, RequestEntry, ScenarioFile, SessionEntry, StatusEntry};
use super::draw::{Draw, DrawKind};
use super::error::{ScenarioError, error_at, json_path, template, word};
use super::pool::ValuePool;
use super::target::{ScenarioTarget, TargetKind};
use super::template::{Escape, Template};
use super::{
    AnswerCheck, ExpectedValue, RequestAction, RequestTemplate, Scenario, SessionTemplate, pace, preset, values,
};
use crate::arguments::units;

/// The version of the file's fields.
const SCHEMA: u32 = 1;

/// A scenario, and the bytes that decide what it sends: its own and those of its data.
#[derive(Debug)]
pub struct ReadScenario {
    pub scenario: Scenario,
    pub bytes: Vec<u8>,
}

/// Reads the scenario at `path`, perhaps with one of its presets; data files are relative to it. The error is the whole
/// message.
pub fn read(path: &Path, preset: Option<&str>) -> Result<ReadScenario, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("can't read {}: {error}", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut bytes = text.clone().into_bytes();
    let scenario = parse(&text, preset, |file| {
        let data = std::fs::read_to_string(folder.join(file)).map_err(|error| format!("can't be read: {error}"))?;
        bytes.extend_from_slice(data.as_bytes());
        Ok(data)
    });
    let scenario = scenario.map_err(|error| {
        let line = 1 + text[..error.at.min(text.len())].matches('\n').count();
        format!("{}:{line}: {}", path.display(), error.message)
    })?;
    Ok(ReadScenario { scenario, bytes })
}

fn parse(
    text: &str,
    preset: Option<&str>,
    mut read_data: impl FnMut(&Path) -> Result<String, String>,
) -> Result<Scenario, ScenarioError> {
    let mut file: ScenarioFile = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let said = error.message().replace('\n', " ");
        let remedy = if said.starts_with("missing field") { ": add it here" } else { "" };
        ScenarioError { at, message: format!("{said}{remedy}") }
    })?;
    if *file.schema.get_ref() != SCHEMA {
        return error_at(file.schema.span(), format!("schema {} is unknown: use {SCHEMA}", file.schema.get_ref()));
    }
    word(&file.name)?;
    let has_presets = !file.presets.is_empty();
    if let Some(preset) = preset {
        preset::apply(&mut file, preset)?;
    }
    if has_presets {
        preset::take_idle_out(&mut file);
    }
    let target = ScenarioTarget::read(&file.target, &mut read_data)?;
    let is_started = matches!(target.kind, TargetKind::McpOverStdio(_));
    if file.base_url.is_none() && !is_started {
        return error_at(0..0, "missing field `base_url`: add it here".to_owned());
    }
    let mut data = BTreeMap::new();
    for (name, entry) in &file.data {
        let shown = entry.file.get_ref().display();
        let draw = draw(entry.draw, entry.skew.as_ref())?;
        let set = read_data(entry.file.get_ref())
            .and_then(|text| DataSet::parse(&shown.to_string(), &text))
            .map_err(|why| ScenarioError { at: entry.file.span().start, message: format!("{shown}: {why}") })?;
        data.insert(name.clone(), (set, draw));
    }
    let mut pools = BTreeMap::new();
    for (name, entry) in &file.pools {
        word(name)?;
        pools.insert(name.get_ref().clone(), ValuePool::new(draw(entry.draw, entry.skew.as_ref())?));
    }
    if file.requests.is_empty() {
        let (kind, has) = if target.kind == TargetKind::Http { ("", "path") } else { (" of a tool", "tool") };
        return error_at(0..0, format!("there is no request{kind}: add a [[request]] with name and {has}"));
    }
    let mut requests: Vec<RequestTemplate> = Vec::new();
    for entry in &file.requests {
        if requests.iter().any(|request| request.name == *entry.name.get_ref()) {
            let message = format!("there are two requests `{}`: give one another name", entry.name.get_ref());
            return error_at(entry.name.span(), message);
        }
        if let Some(weight) = entry.weight.as_ref().filter(|_| !file.sessions.is_empty()) {
            return error_at(
                weight.span(),
                "with sessions, a request has no weight: move it to a [[session]]".to_owned(),
            );
        }
        requests.push(request(entry, &file.headers, &target.kind)?);
    }
    let sessions = sessions(&file, &requests)?;
    let name = file.name.get_ref();
    let scenario = Scenario {
        name: preset.map_or_else(|| name.clone(), |preset| format!("{name}-{preset}")),
        base_url: file.base_url.clone(),
        target,
        pace: pace::words(&file.pace)?,
        data,
        pools,
        requests,
        sessions,
    };
    values::check(&scenario, &file)?;
    Ok(scenario)
}

fn draw(kind: DrawKind, skew: Option<&Spanned<f64>>) -> Result<Draw, ScenarioError> {
    if let Some(skew) = skew.filter(|skew| !skew.get_ref().is_finite() || *skew.get_ref() <= 0.0) {
        return error_at(skew.span(), "the skew must be over 0".to_owned());
    }
    Ok(Draw { kind, skew: skew.map(|skew| *skew.get_ref()) })
}

fn request(
    entry: &RequestEntry,
    common: &BTreeMap<String, Spanned<String>>,
    kind: &TargetKind,
) -> Result<RequestTemplate, ScenarioError> {
    word(&entry.name)?;
    let action = if *kind == TargetKind::Http { http(entry, common)? } else { tool(entry)? };
    let extract = entry.extract.iter().map(|(name, path)| Ok((name.clone(), json_path(path)?)));
    let put = entry.put.iter().map(|(pool, value)| Ok((pool.get_ref().clone(), template(value)?)));
    Ok(RequestTemplate {
        name: entry.name.get_ref().clone(),
        action,
        extract: extract.collect::<Result<_, ScenarioError>>()?,
        put: put.collect::<Result<_, ScenarioError>>()?,
        check: check(&entry.check)?,
    })
}

fn http(entry: &RequestEntry, common: &BTreeMap<String, Spanned<String>>) -> Result<RequestAction, ScenarioError> {
    if let Some(of_tool) = entry.tool.as_ref().or(entry.arguments.as_ref()) {
        let remedy = "add `mcp` or `command` to [target]";
        return error_at(of_tool.span(), format!("only an MCP server has tools: {remedy}"));
    }
    let Some(path_text) = &entry.path else {
        return error_at(entry.name.span(), "missing field `path`: add it here".to_owned());
    };
    let path = template(path_text)?;
    if !path.beginning().starts_with('/') {
        return error_at(path_text.span(), format!("the path `{}` must begin with /", path_text.get_ref()));
    }
    let is_own = |name: &String| entry.headers.keys().any(|own| own.eq_ignore_ascii_case(name));
    let all = common.iter().filter(|(name, _)| !is_own(name)).chain(&entry.headers);
    let headers = all.map(|(name, value)| header(name, value)).collect::<Result<_, ScenarioError>>()?;
    let method = entry.method.as_ref().map_or("GET", |method| method.get_ref()).to_ascii_uppercase();
    let body = entry.body.as_ref().map(template).transpose()?;
    Ok(RequestAction::Http { method, path, headers, body })
}

/// What an answer gave may be an authorization; a secret is in no file.
fn header(name: &str, value: &Spanned<String>) -> Result<(String, Template), ScenarioError> {
    let read = template(value)?;
    if name.eq_ignore_ascii_case("authorization") && read.names().next().is_none() {
        let remedy = "name an environment variable in [target], with `bearer_from` or `basic_from`";
        return error_at(value.span(), format!("a secret must not stand in a scenario: {remedy}"));
    }
    Ok((name.to_owned(), read))
}

fn tool(entry: &RequestEntry) -> Result<RequestAction, ScenarioError> {
    let Some(tool) = &entry.tool else {
        return error_at(entry.name.span(), "missing field `tool`: add it here".to_owned());
    };
    let header = entry.headers.values().next();
    if let Some(of_http) = [&entry.method, &entry.path, &entry.body].into_iter().flatten().chain(header).next() {
        return error_at(of_http.span(), "a tool has only `arguments`: leave this out".to_owned());
    }
    if let Some(status) = &entry.check.status {
        return error_at(
            status.span(),
            "a tool answers no status: leave it out, an error is noticed anyway".to_owned(),
        );
    }
    let arguments = entry.arguments.as_ref().map(|text| {
        let read = template(text)?;
        // With any value in it, as inside of a string or as a number, it is an object.
        let filled = read.render(Escape::Json, |_| Some("0")).unwrap_or_default();
        match serde_json::from_str(&filled) {
            Ok(Json::Object(_)) => Ok(read),
            _ => error_at(text.span(), "the arguments are no JSON object: write them as in '{\"id\": 7}'".to_owned()),
        }
    });
    Ok(RequestAction::Tool { tool: tool.get_ref().clone(), arguments: arguments.transpose()? })
}

fn check(entry: &CheckEntry) -> Result<AnswerCheck, ScenarioError> {
    let latency = entry.latency.as_ref().map(|text| {
        let read = units::duration(text.get_ref());
        read.map_err(|why| ScenarioError { at: text.span().start, message: format!("`{}`: {why}", text.get_ref()) })
    });
    let equals = entry.equals.iter().map(|(path, value)| Ok((json_path(path)?, expected(value)?)));
    Ok(AnswerCheck {
        statuses: match entry.status.as_ref().map(Spanned::get_ref) {
            None => Vec::new(),
            Some(StatusEntry::One(status)) => vec![*status],
            Some(StatusEntry::Several(statuses)) => statuses.clone(),
        },
        latency: latency.transpose()?,
        exists: entry.exists.iter().map(json_path).collect::<Result<_, ScenarioError>>()?,
        equals: equals.collect::<Result<_, ScenarioError>>()?,
    })
}

fn expected(value: &Spanned<Value>) -> Result<ExpectedValue, ScenarioError> {
    match value.get_ref() {
        Value::String(text) if text.contains("{{") => {
            let read = Template::parse(text);
            read.map(ExpectedValue::Text).map_err(|message| ScenarioError { at: value.span().start, message })
        }
        Value::String(text) => Ok(ExpectedValue::Json(Json::from(text.as_str()))),
        Value::Integer(number) => Ok(ExpectedValue::Json(Json::from(*number))),
        Value::Float(number) => Ok(ExpectedValue::Json(Json::from(*number))),
        Value::Boolean(truth) => Ok(ExpectedValue::Json(Json::from(*truth))),
        _ => error_at(value.span(), "only a string, a number or a truth value can be expected".to_owned()),
    }
}

/// The sessions of the file; without any, each request is one.
fn sessions(file: &ScenarioFile, requests: &[RequestTemplate]) -> Result<Vec<SessionTemplate>, ScenarioError> {
    if file.sessions.is_empty() {
        let alone = |(number, entry): (usize, &RequestEntry)| {
            Ok(SessionTemplate { weight: weight(entry.weight.as_ref(), false)?, before: 0, requests: vec![number] })
        };
        return file.requests.iter().enumerate().map(alone).collect();
    }
    let sessions = file.sessions.iter().map(|entry| session(entry, requests));
    let sessions = sessions.collect::<Result<Vec<SessionTemplate>, ScenarioError>>()?;
    if sessions.iter().all(|session| session.weight == 0.0) {
        let span = file.sessions[0].name.span();
        return error_at(span, "no session has a weight: give one that is measured a weight over 0".to_owned());
    }
    Ok(sessions)
}

fn session(entry: &SessionEntry, requests: &[RequestTemplate]) -> Result<SessionTemplate, ScenarioError> {
    word(&entry.name)?;
    let position = |name: &Spanned<String>| {
        let found = requests.iter().position(|request| request.name == *name.get_ref());
        let message = format!("there is no request `{}`: add a [[request]] of that name", name.get_ref());
        found.ok_or(ScenarioError { at: name.span().start, message })
    };
    let numbers = entry.requests.iter().map(position).collect::<Result<Vec<_>, _>>()?;
    if numbers.is_empty() {
        let message = format!("session `{}` has no requests: name one", entry.name.get_ref());
        return error_at(entry.name.span(), message);
    }
    let weight = weight(entry.weight.as_ref(), entry.before > 0)?;
    Ok(SessionTemplate { weight, before: entry.before, requests: numbers })
}

/// A session that is only played before the run has no weight.
fn weight(weight: Option<&Spanned<f64>>, may_be_zero: bool) -> Result<f64, ScenarioError> {
    let (value, span): (f64, Range<usize>) = weight.map_or((1.0, 0..0), |it| (*it.get_ref(), it.span()));
    if value.is_finite() && (value > 0.0 || may_be_zero && value == 0.0) {
        return Ok(value);
    }
    error_at(span, "a weight must be over 0".to_owned())
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
        parse(text, None, data)
            .map_err(|error| format!("{}: {}", 1 + text[..error.at].matches('\n').count(), error.message))
    }

    #[test]
    fn a_whole_scenario_is_read() {
        let scenario = parsed(WHOLE).unwrap();
        let names: Vec<&str> = scenario.requests.iter().map(|request| request.name.as_str()).collect();
        assert_eq!((scenario.name.as_str(), names), ("shop", vec!["login", "search"]));
        assert_eq!(scenario.sessions[0].requests, [0, 1, 1]);
        assert_eq!(scenario.sessions[1].weight, 3.0);
        let RequestAction::Http { headers, .. } = &scenario.requests[0].action else { panic!("it is HTTP") };
        assert_eq!(headers.len(), 2);
        assert_eq!(scenario.requests[1].check.statuses, [200, 206]);
    }

    const TOOLS: &str = r#"
schema = 1
name = "memory"

[target]
command = ["memory-mcp"]

[pool.ids]
draw = "zipf"

[[request]]
name = "start"
tool = "start_episode"
arguments = '{"task": "t{{session}}", "n": {{session}}}'
extract = { id = "$.structuredContent.id" }
put = { ids = "{{id}}" }

[[request]]
name = "get"
tool = "get_episode"
arguments = '{"episode": "{{ids}}"}'

[[session]]
name = "fill"
weight = 0
before = 3
requests = ["start"]

[[session]]
name = "use"
requests = ["get"]
"#;

    #[test]
    fn tools_are_read_and_what_is_wrong_with_them_is_told() {
        let scenario = parsed(TOOLS).unwrap();
        assert!(matches!(&scenario.requests[0].action, RequestAction::Tool { tool, .. } if tool == "start_episode"));
        assert_eq!((scenario.sessions[0].before, scenario.sessions[0].weight), (3, 0.0));
        let error = |from: &str, to: &str| {
            assert!(TOOLS.contains(from), "{from}");
            parsed(&TOOLS.replacen(from, to, 1)).unwrap_err()
        };
        assert_eq!(error("tool = \"start_episode\"", ""), "12: missing field `tool`: add it here");
        let only = "a tool has only `arguments`: leave this out";
        assert_eq!(error("tool = \"start_episode\"", "tool = \"a\"\npath = \"/\""), format!("14: {only}"));
        assert_eq!(
            error("'{\"episode\": \"{{ids}}\"}'", "'{{ids}}'"),
            "21: the arguments are no JSON object: write them as in '{\"id\": 7}'"
        );
        assert!(error("before = 3", "before = 0").starts_with("25: a weight must be over 0"));
        let fill = "there is no value for {{ids}}: fill the pool in a session with `before` that stands above this one";
        assert_eq!(
            error("before = 3\nrequests = [\"start\"]", "before = 3\nrequests = [\"get\"]"),
            format!("21: {fill}")
        );
        assert_eq!(
            error("extract = { id =", "extract = { ids ="),
            "15: `ids` is a pool: give what is extracted another name"
        );
        assert_eq!(
            error("name = \"use\"", "name = \"use\"\nweight = 0\nbefore = 1"),
            "24: no session has a weight: give one that is measured a weight over 0"
        );
        assert!(
            error("tool = \"get_episode\"", "tool = \"get_episode\"\ncheck = { status = 200 }")
                .contains("a tool answers no status")
        );
    }

    #[test]
    fn a_preset_changes_weights_and_draws() {
        let presets = "\n[preset.read]\nweights = { use = 2 }\npace = { rate = 7 }\npool = { ids = { draw = 'latest' } }\n\
                       [preset.write]\nbefore = {}\nweights = { fill = 2 }\n[preset.bad]\nweights = { fil = 2 }\n";
        let with = |preset: &str| -> Result<_, String> {
            let text = format!("{TOOLS}{presets}");
            let read = parse(&text, Some(preset), |_| Err("none".to_owned()));
            let shape = |it: &SessionTemplate| (it.weight, it.before);
            let scenario = read.map_err(|error| error.message)?;
            Ok((scenario.name, scenario.pace, scenario.sessions.iter().map(shape).collect::<Vec<_>>()))
        };
        let read = ("memory-read".to_owned(), vec!["--rate=7".to_owned()], vec![(0.0, 3), (2.0, 0)]);
        assert_eq!(with("read"), Ok(read));
        assert_eq!(with("write"), Ok(("memory-write".to_owned(), Vec::new(), vec![(2.0, 0)])));
        assert_eq!(with("bad"), Err("there is no session `fil`: add a [[session]] of that name".to_owned()));
        assert_eq!(with("none"), Err("there is no preset `none`: use bad, read, write".to_owned()));
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
