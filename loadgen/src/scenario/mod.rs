//! Scenarios: a file that says which requests any service gets, over HTTP or as tools of MCP, and how its answers are
//! checked.
//!
//! - [`definition`]: the file's fields.
//! - [`read`]: reading it, and the checks that need no server; [`target`], [`pace`] and [`preset`]: some of its tables;
//!   [`values`]: each value is there when it is needed.
//! - [`template`], [`data`], [`pool`], [`draw`], [`json_path`]: values that are put into requests and taken out of
//!   answers.
//! - [`answer`]: the checks of an answer.
//! - [`client`], [`play`]: the workload.
//! - [`import`]: a first scenario from what there is already.

pub mod answer;
pub mod client;
pub mod data;
pub mod definition;
pub mod draw;
pub mod error;
pub mod import;
pub mod json_path;
pub mod pace;
pub mod play;
pub mod pool;
pub mod preset;
pub mod read;
pub mod target;
pub mod template;
pub mod values;

use std::collections::BTreeMap;
use std::time::Duration;

use self::data::DataSet;
use self::draw::Draw;
use self::json_path::JsonPath;
use self::pool::ValuePool;
use self::target::ScenarioTarget;
use self::template::Template;

/// A scenario that was read and found sound.
#[derive(Debug)]
pub struct Scenario {
    pub name: String,
    /// None of a server that is started for the run.
    pub base_url: Option<String>,
    pub target: ScenarioTarget,
    /// Arguments of the load generator.
    pub pace: Vec<String>,
    pub data: BTreeMap<String, (DataSet, Draw)>,
    pub pools: BTreeMap<String, ValuePool>,
    pub requests: Vec<RequestTemplate>,
    pub sessions: Vec<SessionTemplate>,
}

/// A request whose values are not filled in yet.
#[derive(Debug)]
pub struct RequestTemplate {
    pub name: String,
    pub action: RequestAction,
    pub extract: Vec<(String, JsonPath)>,
    /// Values for pools, once the answer was right.
    pub put: Vec<(String, Template)>,
    pub check: AnswerCheck,
}

/// The question to the server.
#[derive(Debug)]
pub enum RequestAction {
    Http {
        method: String,
        path: Template,
        headers: Vec<(String, Template)>,
        body: Option<Template>,
    },
    /// A tool of an MCP server; the arguments are a JSON object.
    Tool {
        tool: String,
        arguments: Option<Template>,
    },
}

/// The requests of a session, by their positions.
#[derive(Debug)]
pub struct SessionTemplate {
    /// 0 if it is only played before the run.
    pub weight: f64,
    /// The number of times that it is played before the run.
    pub before: u32,
    pub requests: Vec<usize>,
}

/// The conditions of a right answer.
#[derive(Debug)]
pub struct AnswerCheck {
    /// Empty for any from 200 to 299.
    pub statuses: Vec<u16>,
    pub latency: Option<Duration>,
    pub exists: Vec<JsonPath>,
    pub equals: Vec<(JsonPath, ExpectedValue)>,
}

/// The value that an answer must have.
#[derive(Debug)]
pub enum ExpectedValue {
    /// Exactly this one.
    Json(serde_json::Value),
    /// A value with this text, once it is filled in: of a string, a number or a truth value.
    Text(Template),
}
