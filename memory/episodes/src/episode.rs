//! Episodes: the task of an agent, its context, and its steps.
//!
//! An episode is stored in two parts, because they change at different times: the [`Head`], written at the start and at
//! the completion, and the steps, each written once. Appending a step never touches the others. No field is left out of
//! the stored form and nothing is flattened: binary codecs know no field names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Completion, EpisodeId, Labels};

/// The difficulty of a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// A change in one place.
    Simple,
    /// A change in several places.
    #[default]
    Moderate,
    /// A change that needs a plan.
    Complex,
}

impl Complexity {
    /// The name in JSON and in features.
    pub fn name(self) -> &'static str {
        match self {
            Complexity::Simple => "simple",
            Complexity::Moderate => "moderate",
            Complexity::Complex => "complex",
        }
    }
}

/// The context of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskContext {
    /// The programming language, such as `rust`.
    pub language: Option<String>,
    /// The framework, such as `axum`.
    pub framework: Option<String>,
    /// The field of the task, such as `web-api`.
    pub domain: String,
    /// Its difficulty.
    pub complexity: Complexity,
    /// Free labels.
    pub tags: Vec<String>,
}

/// The start of an episode.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartEpisode {
    /// The task, in words.
    pub task: String,
    /// The kind of task, such as `bug-fix`.
    pub task_type: String,
    /// Its context.
    pub context: TaskContext,
    /// Free keys and values to find it by.
    pub metadata: BTreeMap<String, String>,
}

/// The end of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// It worked.
    #[default]
    Ok,
    /// It failed.
    Error,
}

/// A step as the caller logs it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewStep {
    /// The tool used, such as `shell`.
    pub tool: String,
    /// The action.
    pub action: String,
    /// The arguments.
    pub parameters: BTreeMap<String, String>,
    /// The result.
    pub observation: String,
    /// Its status.
    pub status: StepStatus,
    /// The time that it took.
    pub latency_ns: u64,
    /// The tokens it cost, where known.
    pub tokens: Option<u32>,
}

/// A step as it is stored: with its number and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its place in the episode, from 0, without gaps.
    pub number: u32,
    /// The time of logging, in nanoseconds since 1970.
    pub at_ns: u64,
    /// The tool used.
    pub tool: String,
    /// The action.
    pub action: String,
    /// The arguments.
    pub parameters: BTreeMap<String, String>,
    /// The result.
    pub observation: String,
    /// Its status.
    pub status: StepStatus,
    /// The time that it took.
    pub latency_ns: u64,
    /// The tokens it cost, where known.
    pub tokens: Option<u32>,
}

impl Step {
    /// The step that `new` becomes at that place and time.
    pub fn new(number: u32, at_ns: u64, new: NewStep) -> Step {
        let NewStep { tool, action, parameters, observation, status, latency_ns, tokens } = new;
        Step { number, at_ns, tool, action, parameters, observation, status, latency_ns, tokens }
    }

    /// The bytes of its texts.
    pub fn text_bytes(&self) -> usize {
        let parameters: usize = self.parameters.iter().map(|(key, value)| key.len() + value.len()).sum();
        self.tool.len() + self.action.len() + self.observation.len() + parameters
    }

    /// It failed.
    pub fn failed(&self) -> bool {
        self.status == StepStatus::Error
    }
}

/// An episode without its steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Its id.
    pub id: EpisodeId,
    /// The task, in words.
    pub task: String,
    /// The kind of task.
    pub task_type: String,
    /// Its context.
    pub context: TaskContext,
    /// What the caller wants to find it by.
    pub metadata: Labels,
    /// Its start, in nanoseconds since 1970.
    pub started_at_ns: u64,
    /// Its completion, once it has ended.
    pub completion: Option<Completion>,
}

impl Head {
    /// The head of an episode that starts now.
    pub fn new(id: EpisodeId, started_at_ns: u64, start: StartEpisode) -> Head {
        let StartEpisode { task, task_type, context, metadata } = start;
        Head { id, task, task_type, context, metadata: metadata.into(), started_at_ns, completion: None }
    }
}

/// An episode: its head and its steps in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// The task, and its end.
    pub head: Head,
    /// The steps.
    pub steps: Vec<Step>,
}
