//! SWE-agent trajectories (`.traj`, JSON) as scripts: one file, one episode.
//!
//! Read are several generations of the format: `state` as a string of JSON or as an object, with and without `execution_time`,
//! `messages`, `replay_config` and `tool_calls`. Unknown keys are ignored, a known key of the wrong type is an error that names its place.
//!
//! Left out on purpose: `thought` and `response` (the memory stores what was done and what came back), demonstrations in the history, tokens
//! (the files count them for the whole episode only), and whether the submitted patch is right (the files do not say).

mod meaning;
mod place;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use memory::api::Script;
use memory::{NewStep, StartEpisode, TaskContext};
use serde_json::Value;

use place::{Fault, Node};

/// What to do about a malformed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMalformed {
    /// Import nothing, and say which file and where.
    Refuse,
    /// Leave it out, and list it in [`Imported::skipped`].
    Skip,
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// One script a file, in the order of the paths.
    pub scripts: Vec<Script>,
    /// The files that were left out, in the order of the paths.
    pub skipped: Vec<Malformed>,
}

/// A file that is not a trajectory, and where it stops being one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {place}: {reason}", path.display())]
pub struct Malformed {
    /// The file.
    pub path: PathBuf,
    /// The place: a path of keys as in `trajectory[3].observation`, or a line and column where the file is not JSON.
    pub place: String,
    /// What is wrong there.
    pub reason: String,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is missing or not readable: never skipped, because its name is probably wrong.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A malformed file under [`OnMalformed::Refuse`].
    #[error("{0}; mend or remove the file, or skip what is malformed")]
    Malformed(#[from] Malformed),
}

/// Imports trajectory files.
///
/// # Errors
/// A file that cannot be read; under [`OnMalformed::Refuse`] also the first malformed one.
pub fn import(paths: &[PathBuf], on_malformed: OnMalformed) -> Result<Imported, Error> {
    let mut imported = Imported { scripts: Vec::with_capacity(paths.len()), skipped: Vec::new() };
    for path in paths {
        let bytes = std::fs::read(path).map_err(|source| Error::Unreadable { path: path.clone(), source })?;
        match (parse(path, &bytes), on_malformed) {
            (Ok(script), _) => imported.scripts.push(script),
            (Err(malformed), OnMalformed::Refuse) => return Err(Error::Malformed(malformed)),
            (Err(malformed), OnMalformed::Skip) => imported.skipped.push(malformed),
        }
    }
    Ok(imported)
}

/// One trajectory from the bytes of its file; the path serves messages, and its name goes into the metadata.
///
/// # Errors
/// The first place where the bytes are not a trajectory.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Script, Malformed> {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    read(&name, bytes).map_err(|Fault { place, reason }| Malformed { path: path.to_owned(), place, reason })
}

fn read(file_name: &str, bytes: &[u8]) -> Result<Script, Fault> {
    let document = place::document(bytes)?;
    let root = Node::root(&document);
    let entries = root.field("trajectory")?.items()?;
    if entries.is_empty() {
        return Err(Fault::new("trajectory", "no steps: an episode has at least one"));
    }
    let history = match root.optional("history") {
        Some(history) => history.items()?,
        None => Vec::new(),
    };

    let mut calls = Calls::of(&history)?;
    let mut steps = Vec::with_capacity(entries.len());
    let mut states = Vec::with_capacity(entries.len());
    for entry in &entries {
        steps.push(step(entry, &mut calls)?);
        states.push(State::of(entry)?);
    }

    let environment = root.optional_text("environment")?.unwrap_or_default();
    let info = Info::of(&root)?;
    let replay = Replay::of(&root)?;
    let stem = file_name.strip_suffix(".traj").unwrap_or(file_name);
    let repository = states
        .iter()
        .map(|state| state.working_dir.as_str())
        .chain(replay.agent.as_deref())
        .chain([environment, stem])
        .find_map(meaning::repository);
    let language = meaning::language(steps.iter().map(|step| step.action.as_str()))
        .or_else(|| meaning::language(states.iter().map(|state| state.open_file.as_str())));
    let task = match task(&history)? {
        Some(task) => task,
        // Without a history, the messages of the first step begin with the same conversation.
        None => match entries[0].optional("messages") {
            Some(messages) => task_or_name(&messages.items()?, environment, stem)?,
            None => name_of(environment, stem),
        },
    };

    let mut metadata = BTreeMap::from([("source".to_owned(), file_name.to_owned())]);
    let named = [
        ("environment", Some(environment.to_owned())),
        ("exit_status", info.exit_status.clone()),
        ("model", replay.model),
        ("repository", repository.clone().map(|repository| repository.full)),
    ];
    for (key, value) in named {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            metadata.insert(key.to_owned(), value);
        }
    }
    let mut tags = vec!["swe-agent".to_owned()];
    if calls.seen {
        tags.push("function-calling".to_owned());
    }
    let context = TaskContext {
        language: language.map(str::to_owned),
        framework: repository.map(|repository| repository.project),
        domain: "software-engineering".to_owned(),
        complexity: meaning::complexity(steps.len()),
        tags,
    };
    let start = StartEpisode { task, task_type: "issue".to_owned(), context, metadata };
    Ok(Script { start, steps, outcome: meaning::outcome(info.exit_status.as_deref(), &info.submission) })
}

fn step(entry: &Node<'_>, calls: &mut Calls) -> Result<NewStep, Fault> {
    let action = entry.field("action")?.text()?;
    // A step whose command the environment refused to run has `null` here.
    let observation = match entry.present("observation")? {
        Some(observation) => observation.text()?,
        None => "",
    };
    let latency_ns = match entry.optional("execution_time") {
        Some(seconds) => seconds.seconds_as_ns()?,
        None => 0,
    };
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

/// The function calls in the history, matched to the steps by their action and their order: the trajectory itself has none.
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
    /// How many actions of the history may lack a step. A small number, so that a strange file cannot make matching quadratic.
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
    let Some(calls) = entry.optional("tool_calls") else { return Ok(None) };
    let calls = calls.items()?;
    // SWE-agent runs one function a step and sends back the others.
    let Some(first) = calls.first() else { return Ok(None) };
    let function = first.field("function")?;
    let name = function.field("name")?.text()?.to_owned();
    let parameters = match function.optional("arguments") {
        Some(arguments) => parameters(&arguments)?,
        None => BTreeMap::new(),
    };
    Ok(Some(Call { function: name, parameters }))
}

/// Arguments are a string of JSON that the model wrote, or an object; what the model got wrong is kept whole, as it is part of what happened.
fn parameters(arguments: &Node<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let parsed;
    let object = match arguments.value {
        Value::String(text) => {
            parsed = serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
            match parsed.as_object() {
                Some(object) => object,
                None => return Ok(BTreeMap::from([("arguments".to_owned(), text.clone())])),
            }
        }
        _ => arguments.object()?,
    };
    let flat = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(object.iter().map(|(key, value)| (key.clone(), flat(value))).collect())
}

fn is_demonstration(entry: &Node<'_>) -> bool {
    entry.optional("is_demo").is_some_and(|demo| demo.value.as_bool() == Some(true))
}

/// The task is what the user says first, without the instructions around it.
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

fn task_or_name(messages: &[Node<'_>], environment: &str, stem: &str) -> Result<String, Fault> {
    Ok(task(messages)?.unwrap_or_else(|| name_of(environment, stem)))
}

fn name_of(environment: &str, stem: &str) -> String {
    if environment.is_empty() { stem.to_owned() } else { environment.to_owned() }
}

/// The environment's state before a step: where the agent stood, and what it had open.
#[derive(Default)]
struct State {
    open_file: String,
    working_dir: String,
}

impl State {
    fn of(entry: &Node<'_>) -> Result<State, Fault> {
        let Some(state) = entry.optional("state") else { return Ok(State::default()) };
        let parsed;
        let object = match state.value {
            // A string is what a shell command in the environment printed; where that is not JSON there is no state.
            Value::String(text) => {
                parsed = serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
                match parsed.as_object() {
                    Some(object) => object,
                    None => return Ok(State::default()),
                }
            }
            _ => state.object()?,
        };
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(State { open_file: text("open_file"), working_dir: text("working_dir") })
    }
}

/// How the episode ended.
#[derive(Default)]
struct Info {
    exit_status: Option<String>,
    submission: String,
}

impl Info {
    fn of(root: &Node<'_>) -> Result<Info, Fault> {
        let Some(info) = root.optional("info") else { return Ok(Info::default()) };
        info.object()?;
        let exit_status = info.optional_text("exit_status")?.map(str::to_owned);
        let submission = info.optional_text("submission")?.unwrap_or_default().to_owned();
        Ok(Info { exit_status, submission })
    }
}

/// The configuration of the run, in files that carry it.
#[derive(Default)]
struct Replay {
    agent: Option<String>,
    model: Option<String>,
}

impl Replay {
    fn of(root: &Node<'_>) -> Result<Replay, Fault> {
        let Some(config) = root.optional("replay_config") else { return Ok(Replay::default()) };
        let parsed;
        let config = match config.value {
            Value::String(text) => {
                parsed = serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
                &parsed
            }
            object => {
                config.object()?;
                object
            }
        };
        let text = |pointer: &str| config.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Ok(Replay { agent: text("/agent/name"), model: text("/agent/model/name") })
    }
}
