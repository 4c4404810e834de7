//! The arguments of the tools: their fields, units and limits, from which the SDK makes the JSON schemas.
//!
//! [`crate::limits`] holds each call to the schema. Fields that an agent may leave out have the memory's defaults.

use std::collections::BTreeMap;

use memory::{Complexity, NewStep, Outcome, StartEpisode, StepStatus, TaskContext};
use rmcp::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// The longest names and labels, in characters.
const NAME: usize = 200;
/// The longest texts of a task, a query or a sentence, in characters.
const TEXT: usize = 4_000;
/// The longest observations and values, in characters.
const OBSERVATION: usize = 64_000;
/// The most labels, parameters or parts.
const MANY: usize = 64;

/// `start_episode`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct StartInput {
    /// The task, in words. Later retrievals find the episode by them.
    #[schemars(length(min = 1, max = TEXT))]
    task: String,
    /// The kind of task, such as `bug-fix`.
    #[serde(default)]
    #[schemars(length(max = NAME))]
    task_type: String,
    /// The context of the task.
    #[serde(default)]
    context: ContextInput,
    /// Keys and values to find the episode by, such as `agent`: `planner`. `forecast` reads series by them.
    #[serde(default)]
    #[schemars(schema_with = "labels")]
    metadata: BTreeMap<String, String>,
}

impl From<StartInput> for StartEpisode {
    fn from(input: StartInput) -> StartEpisode {
        let StartInput { task, task_type, context, metadata } = input;
        StartEpisode { task, task_type, context: context.into(), metadata }
    }
}

/// The context of a task.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline)]
#[serde(deny_unknown_fields, default)]
pub struct ContextInput {
    /// The programming language, such as `rust`.
    #[schemars(length(max = NAME))]
    language: Option<String>,
    /// The framework, such as `axum`.
    #[schemars(length(max = NAME))]
    framework: Option<String>,
    /// The field of the task, such as `web-api`.
    #[schemars(length(max = NAME))]
    domain: String,
    /// The difficulty: a change in one place, in several places, or one that needs a plan.
    complexity: Difficulty,
    /// Free labels.
    #[schemars(length(max = MANY), inner(length(max = NAME)))]
    tags: Vec<String>,
}

impl From<ContextInput> for TaskContext {
    fn from(input: ContextInput) -> TaskContext {
        let ContextInput { language, framework, domain, complexity, tags } = input;
        let complexity = match complexity {
            Difficulty::Simple => Complexity::Simple,
            Difficulty::Moderate => Complexity::Moderate,
            Difficulty::Complex => Complexity::Complex,
        };
        TaskContext { language, framework, domain, complexity, tags }
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline)]
#[serde(rename_all = "snake_case")]
enum Difficulty {
    Simple,
    #[default]
    Moderate,
    Complex,
}

/// `log_step`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct StepInput {
    /// The id of the running episode.
    #[schemars(length(max = NAME))]
    pub episode: String,
    /// The tool that was used, such as `shell`.
    #[schemars(length(min = 1, max = NAME))]
    tool: String,
    /// The action, in words or as a command.
    #[serde(default)]
    #[schemars(length(max = TEXT))]
    action: String,
    /// The arguments of the call.
    #[serde(default)]
    #[schemars(schema_with = "parameters")]
    parameters: BTreeMap<String, String>,
    /// The result. Cut a long one to what matters.
    #[serde(default)]
    #[schemars(length(max = OBSERVATION))]
    observation: String,
    /// True if the step failed.
    #[serde(default)]
    failed: bool,
    /// The time that the step took, in nanoseconds.
    #[serde(default)]
    latency_ns: u64,
    /// The tokens that the step cost, if known.
    tokens: Option<u32>,
}

impl From<StepInput> for NewStep {
    fn from(input: StepInput) -> NewStep {
        let StepInput { tool, action, parameters, observation, failed, latency_ns, tokens, .. } = input;
        let status = if failed { StepStatus::Error } else { StepStatus::Ok };
        NewStep { tool, action, parameters, observation, status, latency_ns, tokens }
    }
}

/// `complete_episode`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct CompleteInput {
    /// The id of the running episode.
    #[schemars(length(max = NAME))]
    pub episode: String,
    /// The end of the task. `abstained`: the agent decided not to act.
    outcome: Ending,
    /// The evidence of a success, or the reason of a failure.
    #[schemars(length(max = TEXT))]
    why: String,
    /// For `partial`: the parts that were done.
    #[serde(default)]
    #[schemars(length(max = MANY), inner(length(max = TEXT)))]
    done: Vec<String>,
    /// For `partial`: the parts that failed.
    #[serde(default)]
    #[schemars(length(max = MANY), inner(length(max = TEXT)))]
    failed: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline)]
#[serde(rename_all = "snake_case")]
enum Ending {
    Success,
    Partial,
    Failure,
    Abstained,
}

impl CompleteInput {
    /// The outcome, unless parts are named of an episode that is whole.
    pub fn outcome(self) -> Result<Outcome, String> {
        let CompleteInput { outcome, why, done, failed, .. } = self;
        if outcome != Ending::Partial && !(done.is_empty() && failed.is_empty()) {
            return Err("`done` and `failed` belong to the outcome `partial`: leave them out, or say `partial`".into());
        }
        Ok(match outcome {
            Ending::Success => Outcome::Success { verdict: why },
            Ending::Partial => Outcome::Partial { verdict: why, done, failed },
            Ending::Failure => Outcome::Failure { reason: why },
            Ending::Abstained => Outcome::Abstained { reason: why },
        })
    }
}

/// `get_episode`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct EpisodeInput {
    /// The id of the episode: 32 hexadecimal digits.
    #[schemars(length(max = NAME))]
    pub episode: String,
}

/// `find_by_metadata`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct MetadataInput {
    /// The key, as it was given to `start_episode`.
    #[schemars(length(min = 1, max = NAME))]
    pub key: String,
    /// The whole value.
    #[schemars(length(max = TEXT))]
    pub value: String,
}

/// `retrieve`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct RetrieveInput {
    /// The task at hand, in words.
    #[schemars(length(min = 1, max = TEXT))]
    pub text: String,
    /// Its context. Without one, only the words count.
    pub context: Option<ContextInput>,
    /// The most episodes wanted.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 50))]
    pub limit: usize,
    /// True for the steps as well. They may be long.
    #[serde(default)]
    pub steps: bool,
}

/// `patterns`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct PatternsInput {
    /// The most patterns wanted.
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 500))]
    pub limit: usize,
    /// Only patterns whose context starts with this text: `domain/language/task type`, where `-` is unknown.
    #[serde(default)]
    #[schemars(length(max = NAME))]
    pub context: String,
}

/// `clusters`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct ClustersInput {
    /// The completed episodes most like this text are grouped. Empty: any, up to `limit`.
    #[serde(default)]
    #[schemars(length(max = TEXT))]
    pub text: String,
    /// The most episodes to group.
    #[serde(default = "two_hundred")]
    #[schemars(range(min = 2, max = 1_000))]
    pub limit: usize,
    /// The largest distance between neighbours: 1 minus the cosine of the two tasks' embeddings. 0 is the same words,
    /// 1 is no word in common.
    #[serde(default = "half")]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub distance: f64,
    /// The fewest episodes of a cluster.
    #[serde(default = "three")]
    #[schemars(range(min = 2, max = 100))]
    pub size: usize,
}

/// `forecast`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct ForecastInput {
    /// The value of each completed episode. `latency`: the time of all steps, in nanoseconds. `tokens`: those of all
    /// steps; episodes without any are left out. `reward`: from 0 to 1.
    pub measure: Measure,
    /// The metadata key of the series.
    #[serde(default = "agent")]
    #[schemars(length(min = 1, max = NAME))]
    pub key: String,
    /// The value of that key, such as the name of an agent.
    #[schemars(length(max = TEXT))]
    pub value: String,
    /// The number of next episodes to forecast.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 50))]
    pub horizon: usize,
    /// The share of next values that the intervals shall hold.
    #[serde(default = "nine_tenths")]
    #[schemars(range(min = 0.5, max = 0.99))]
    pub level: f64,
}

/// A value of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    Latency,
    Tokens,
    Reward,
}

fn map(value: usize) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": { "maxLength": NAME },
        "additionalProperties": { "type": "string", "maxLength": value },
        "maxProperties": MANY,
        "default": {},
    })
}

fn labels(_: &mut SchemaGenerator) -> Schema {
    map(TEXT)
}

fn parameters(_: &mut SchemaGenerator) -> Schema {
    map(OBSERVATION)
}

fn five() -> usize {
    episodes::api::LIMIT_DEFAULT
}

fn twenty() -> usize {
    20
}

fn two_hundred() -> usize {
    200
}

fn three() -> usize {
    3
}

fn half() -> f64 {
    0.5
}

fn nine_tenths() -> f64 {
    0.9
}

fn agent() -> String {
    "agent".to_owned()
}
