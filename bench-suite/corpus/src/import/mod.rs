//! SWE-agent trajectories (`.traj`, JSON) as scripts: one file, one episode.
//!
//! Several generations of the format are read: `state` as a string of JSON or as an object, with and without
//! `execution_time`, `messages`, `replay_config` and `tool_calls`. Unknown keys are ignored, a known key of the wrong
//! type is an error that names its place.
//!
//! Not read are `thought` and `response` (the memory stores actions and results), demonstrations in the history, and
//! tokens (the files count them for the whole episode only). The files do not say if the submitted patch is right.

mod meaning;
mod place;
mod python;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use episodes::api::Script;
use episodes::{NewStep, StartEpisode, TaskContext};
use serde_json::Value;

use crate::{complexity, named};
use place::{Fault, Node};

/// The treatment of a malformed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMalformed {
    /// Import nothing; the error names the file and the place.
    Refuse,
    /// Leave it out, and list it in [`Imported::skipped`].
    Skip,
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// One script a file, in the order of the paths.
    pub scripts: Vec<Script>,
    /// The files that were left out, in the order of the paths.
    pub skipped: Vec<MalformedTrajectory>,
    /// The files with something that is no JSON and was replaced, and what.
    pub replaced: Vec<String>,
}

/// A file that is no trajectory, and the first wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {place}: {reason}", path.display())]
pub struct MalformedTrajectory {
    /// The file.
    pub path: PathBuf,
    /// The place: a path of keys as in `trajectory[3].observation`, or a line and column if the file is not JSON.
    pub place: String,
    /// The fault.
    pub reason: String,
}

/// The reason why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file is missing or not readable: never skipped, because its name is probably wrong.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A malformed file under [`OnMalformed::Refuse`].
    #[error("{0}; mend or remove the file, or pass --malformed skip")]
    Malformed(MalformedTrajectory),
}

/// Imports trajectory files. A file that cannot be read is an error, with [`OnMalformed::Refuse`] also a malformed one.
pub fn import(paths: &[PathBuf], on_malformed: OnMalformed) -> Result<Imported, ImportError> {
    let mut imported = Imported { scripts: Vec::with_capacity(paths.len()), skipped: vec![], replaced: vec![] };
    for path in paths {
        let bytes = std::fs::read(path).map_err(|source| ImportError::Unreadable { path: path.clone(), source })?;
        match (parse(path, &bytes), on_malformed) {
            (Ok((script, replaced)), _) => {
                imported.scripts.push(script);
                imported.replaced.extend(replaced.map(|what| format!("{}: {what}", path.display())));
            }
            (Err(malformed), OnMalformed::Refuse) => return Err(ImportError::Malformed(malformed)),
            (Err(malformed), OnMalformed::Skip) => imported.skipped.push(malformed),
        }
    }
    Ok(imported)
}

/// One trajectory from the bytes of its file, and what was replaced in it; the path is for messages, and its name goes
/// into the metadata.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<(Script, Option<String>), MalformedTrajectory> {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let malformed = |Fault { place, reason }| MalformedTrajectory { path: path.to_owned(), place, reason };
    let (document, replaced) = python::document(bytes).map_err(malformed)?;
    Ok((read(&name, &document).map_err(malformed)?, replaced))
}

fn read(file_name: &str, document: &Value) -> Result<Script, Fault> {
    let root = Node::root(document);
    let entries = root.field("trajectory")?.items()?;
    if entries.is_empty() {
        return Err(Fault::new("trajectory", "no steps: an episode has at least one"));
    }
    let history = root.optional_items("history")?;

    let mut calls = Calls::of(&history)?;
    let mut steps = Vec::with_capacity(entries.len());
    let mut states = Vec::with_capacity(entries.len());
    for entry in &entries {
        steps.push(step(entry, &mut calls)?);
        states.push(State::of(entry)?);
    }

    let environment = root.optional_text("environment")?.unwrap_or_default();
    let info = Info::of(&root)?;
    let replay = root.optional_object("replay_config")?;
    let agent = |pointer: &str| replay.get("agent")?.pointer(pointer)?.as_str();
    let stem = file_name.strip_suffix(".traj").unwrap_or(file_name);
    let repository = states
        .iter()
        .map(|state| state.working_dir.as_str())
        .chain(agent("/name"))
        .chain([environment, stem])
        .find_map(meaning::repository);
    let language = meaning::language(steps.iter().map(|step| step.action.as_str()))
        .or_else(|| meaning::language(states.iter().map(|state| state.open_file.as_str())));
    let task = match task(&history)? {
        Some(task) => Some(task),
        // Without a history, the messages of the first step begin with the same conversation.
        None => task(&entries[0].optional_items("messages")?)?,
    };
    let name = if environment.is_empty() { stem } else { environment };

    let metadata = [
        ("source", Some(file_name)),
        ("environment", Some(environment)),
        ("exit_status", info.exit_status),
        ("model", agent("/model/name")),
        ("repository", repository.as_ref().map(|repository| repository.full.as_str())),
    ];
    let known = metadata.into_iter().filter_map(|(key, value)| Some((key, value.filter(|value| !value.is_empty())?)));
    let metadata = named(known.map(|(key, value)| (key, value.to_owned())));
    let tags = ["swe-agent"].into_iter().chain(calls.seen.then_some("function-calling"));
    let context = TaskContext {
        language: language.map(str::to_owned),
        framework: repository.map(|repository| repository.project),
        domain: "software-engineering".to_owned(),
        complexity: complexity(steps.len()),
        tags: tags.map(str::to_owned).collect(),
    };
    let task = task.unwrap_or_else(|| name.to_owned());
    let start = StartEpisode { task, task_type: "issue".to_owned(), context, metadata };
    Ok(Script { start, steps, outcome: meaning::outcome(info.exit_status, info.submission) })
}

fn step(entry: &Node<'_>, calls: &mut Calls) -> Result<NewStep, Fault> {
    let action = entry.field("action")?.text()?;
    // A step whose command the environment refused to run has `null` here.
    entry.field("observation")?;
    let observation = entry.optional_text("observation")?.unwrap_or_default();
    let latency_ns = entry.optional("execution_time").map_or(Ok(0), |seconds| seconds.seconds_as_ns())?;
    let call = calls.next_for(action);
    let (function, parameters) = call.map_or((None, BTreeMap::new()), |call| (Some(call.function), call.parameters));
    Ok(NewStep {
        tool: meaning::tool(function.as_deref(), action),
        action: action.to_owned(),
        parameters,
        status: meaning::status(observation),
        observation: observation.to_owned(),
        latency_ns,
        tokens: None,
    })
}

/// The function calls in the history, matched to the steps by their action and their order: the trajectory has none.
struct Calls {
    actions: Vec<(String, Option<Call>)>,
    next: usize,
    seen: bool,
}

#[derive(Clone)]
struct Call {
    function: String,
    parameters: BTreeMap<String, String>,
}

impl Calls {
    /// The number of actions in a row that may lack a step. It is small, so that no file makes matching quadratic.
    const LOOK_AHEAD: usize = 16;

    fn of(history: &[Node<'_>]) -> Result<Calls, Fault> {
        let mut actions = Vec::new();
        for entry in history {
            let Some(action) = entry.optional_text("action")? else { continue };
            if !is_demonstration(entry) {
                actions.push((action.trim_end().to_owned(), call(entry)?));
            }
        }
        let seen = actions.iter().any(|(_, call)| call.is_some());
        Ok(Calls { actions, next: 0, seen })
    }

    fn next_for(&mut self, action: &str) -> Option<Call> {
        let ahead = &self.actions[self.next..];
        let found = ahead.iter().take(Calls::LOOK_AHEAD).position(|(of, _)| of == action.trim_end())?;
        self.next += found + 1;
        self.actions[self.next - 1].1.take()
    }
}

fn call(entry: &Node<'_>) -> Result<Option<Call>, Fault> {
    let calls = entry.optional_items("tool_calls")?;
    // SWE-agent runs one function per step and sends back the others.
    let Some(first) = calls.first() else { return Ok(None) };
    let function = first.field("function")?;
    let name = function.field("name")?.text()?.to_owned();
    let parameters = function.optional("arguments").map_or(Ok(BTreeMap::new()), |arguments| parameters(&arguments))?;
    Ok(Some(Call { function: name, parameters }))
}

/// Arguments are a string of JSON that the model wrote, or an object; a string that is no JSON is kept whole, as it is
/// part of what happened.
fn parameters(arguments: &Node<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let Some(object) = arguments.object_or_text()? else {
        return Ok(named([("arguments", arguments.text()?.to_owned())]));
    };
    let flat = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(object.iter().map(|(key, value)| (key.clone(), flat(value))).collect())
}

fn is_demonstration(entry: &Node<'_>) -> bool {
    entry.optional("is_demo").is_some_and(|demo| demo.value.as_bool() == Some(true))
}

/// The first words of the user, without the instructions around them.
fn task(history: &[Node<'_>]) -> Result<Option<String>, Fault> {
    for entry in history {
        if entry.optional_text("role")? == Some("user") && !is_demonstration(entry) {
            let content = entry.field("content")?.joined_text()?;
            let task = meaning::problem_statement(&content);
            return Ok((!task.is_empty()).then(|| task.to_owned()));
        }
    }
    Ok(None)
}

/// The environment's state before a step.
struct State {
    open_file: String,
    working_dir: String,
}

impl State {
    fn of(entry: &Node<'_>) -> Result<State, Fault> {
        // A string is the output of a shell command in the environment: if it is not JSON, there is no state.
        let state = entry.optional_object("state")?;
        let text = |key: &str| state.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(State { open_file: text("open_file"), working_dir: text("working_dir") })
    }
}

/// The end of the episode.
#[derive(Default)]
struct Info<'a> {
    exit_status: Option<&'a str>,
    submission: &'a str,
}

impl<'a> Info<'a> {
    fn of(root: &Node<'a>) -> Result<Info<'a>, Fault> {
        let Some(info) = root.optional("info") else { return Ok(Info::default()) };
        info.object()?;
        let exit_status = info.optional_text("exit_status")?;
        Ok(Info { exit_status, submission: info.optional_text("submission")?.unwrap_or_default() })
    }
}
