//! Scenarios: a file that says which requests any HTTP service gets, and how its answers are checked.
//!
//! - [`definition`]: the file's fields.
//! - [`read`]: reading it, and the checks that need no server.
//! - [`template`], [`data`], [`json_path`]: values that are put into requests and taken out of answers.
//! - [`answer`]: the checks of an answer.
//! - [`play`]: the workload.
//! - [`import`]: a first scenario from what there is already.

pub mod answer;
pub mod data;
pub mod definition;
pub mod import;
pub mod json_path;
pub mod play;
pub mod read;
pub mod template;

use std::collections::BTreeMap;
use std::time::Duration;

use self::data::DataSet;
use self::json_path::JsonPath;
use self::template::Template;

/// A scenario that was read and found sound.
#[derive(Debug)]
pub struct Scenario {
    pub name: String,
    pub base_url: String,
    pub data: BTreeMap<String, DataSet>,
    pub requests: Vec<RequestTemplate>,
    pub sessions: Vec<SessionTemplate>,
}

/// A request whose values are not filled in yet.
#[derive(Debug)]
pub struct RequestTemplate {
    pub name: String,
    pub method: String,
    pub path: Template,
    pub headers: Vec<(String, Template)>,
    pub body: Option<Template>,
    pub extract: Vec<(String, JsonPath)>,
    pub check: AnswerCheck,
}

/// The requests of a session, by their positions.
#[derive(Debug)]
pub struct SessionTemplate {
    pub weight: f64,
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
