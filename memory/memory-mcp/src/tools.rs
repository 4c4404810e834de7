//! The tools over a memory. Answers are JSON objects, as `memory-server` has them; ids are hexadecimal text, times are
//! in nanoseconds.
//!
//! A mistake of the agent is answered with `isError` and a sentence that says what to do. Arguments of a wrong type or
//! name are refused before the tool runs.

use std::sync::Arc;

use episodes::api::{Logged, MetadataMatches, Patterns, RetrievedEpisode, RetrievedEpisodes, Started};
use memory::{Embedder, Episode, EpisodeId, Error, FeatureHashing, Memory, Query};
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, tool, tool_handler, tool_router};
use serde::Serialize;
use serde_json::json;

use crate::analysis::{clusters, forecast};
use crate::input::{
    ClustersInput, CompleteInput, EpisodeInput, ForecastInput, Measure, MetadataInput, PatternsInput, RetrieveInput,
    StartInput, StepInput,
};
use crate::limits;

/// The most episodes of a series, and of an answer with ids.
const EPISODES_MAX: usize = 5_000;
/// Whole episodes that a forecast reads at a time.
const READ_TOGETHER: usize = 64;
/// Tasks shown for each cluster.
const EXAMPLES: usize = 3;

type Answer = Result<CallToolResult, String>;

/// A memory as tools.
#[derive(Clone)]
pub struct MemoryTools {
    memory: Arc<Memory>,
    router: ToolRouter<MemoryTools>,
}

#[tool_router]
impl MemoryTools {
    /// The tools over this memory, which has the default embedder.
    pub fn new(memory: Arc<Memory>) -> MemoryTools {
        MemoryTools { memory, router: MemoryTools::tool_router() }
    }

    #[tool(
        description = "Begin to record a task. Call it once, when you start to work on something, and keep the `id` \
        that it answers: every step and the end are recorded under it. Before that, `retrieve` tells what happened in \
        similar tasks."
    )]
    async fn start_episode(&self, Parameters(input): Parameters<StartInput>) -> Answer {
        answer(&Started { id: self.memory.start_episode(input.into()).await.map_err(told)? })
    }

    #[tool(description = "Record one step of a running episode: a tool call and its result. Call it after each step, \
        with `failed` where it went wrong: failures and how they were overcome become patterns. Answers the step's \
        `number`, from 0.")]
    async fn log_step(&self, Parameters(input): Parameters<StepInput>) -> Answer {
        let id = id(&input.episode)?;
        answer(&Logged { number: self.memory.log_step(id, input.into()).await.map_err(told)? })
    }

    #[tool(description = "End an episode. Call it once, when the task is done, failed or given up: only completed \
        episodes can be retrieved. Answers its `reward` (a total and its parts, each from 0 to 1), `reflection` \
        (sentences for the next time) and `patterns` (ids).")]
    async fn complete_episode(&self, Parameters(input): Parameters<CompleteInput>) -> Answer {
        let id = id(&input.episode)?;
        answer(&self.memory.complete_episode(id, input.outcome()?).await.map_err(told)?)
    }

    #[tool(
        description = "Find completed episodes whose tasks are like the one at hand, the best first. Call it before \
        you start something: it shows what worked, what failed, and the reward of each. `score` orders the results; \
        `similarity` is the cosine of the tasks' embeddings (-1 to 1), `context_match` is from 0 to 1.",
        annotations(read_only_hint = true)
    )]
    async fn retrieve(&self, Parameters(input): Parameters<RetrieveInput>) -> Answer {
        let RetrieveInput { text, context, limit, steps } = input;
        let query = Query { text, context: context.map(Into::into), limit };
        let found = self.memory.retrieve(&query).await.map_err(told)?;
        let results = found.into_iter().map(|found| {
            let Episode { head, steps: logged } = &*found.episode;
            RetrievedEpisode {
                score: found.score,
                similarity: found.similarity,
                context_match: found.context_match,
                head: head.clone(),
                step_count: logged.len(),
                steps: if steps { logged.clone() } else { vec![] },
            }
        });
        answer(&RetrievedEpisodes { results: results.collect() })
    }

    #[tool(
        description = "Read one episode with all its steps. Use it for an id that `retrieve`, `clusters` or \
        `find_by_metadata` answered.",
        annotations(read_only_hint = true)
    )]
    async fn get_episode(&self, Parameters(EpisodeInput { episode }): Parameters<EpisodeInput>) -> Answer {
        let id = id(&episode)?;
        let found = self.memory.get_episode(id).await.map_err(told)?;
        answer(&*found.ok_or_else(|| told(Error::UnknownEpisode { id }))?)
    }

    #[tool(
        description = "Find the ids of the episodes, completed or not, whose metadata has exactly this value under \
        this key.",
        annotations(read_only_hint = true)
    )]
    async fn find_by_metadata(&self, Parameters(MetadataInput { key, value }): Parameters<MetadataInput>) -> Answer {
        answer(&MetadataMatches { ids: self.tagged(&key, &value).await? })
    }

    #[tool(
        description = "List what recurs over completed episodes, the most frequent first: sequences of tools, \
        decisions between tools, recoveries from errors, kinds of task. `successes` of `occurrences` were in episodes \
        that ended well. Use it to learn which ways of working pay off.",
        annotations(read_only_hint = true)
    )]
    async fn patterns(&self, Parameters(PatternsInput { limit, context }): Parameters<PatternsInput>) -> Answer {
        let mut patterns = self.memory.patterns().await.map_err(told)?;
        let context = context.to_lowercase(); // as the keys are
        patterns.retain(|pattern| pattern.context_key.starts_with(&context));
        patterns.sort_by_key(|pattern| (std::cmp::Reverse(pattern.occurrences), pattern.id));
        patterns.truncate(limit);
        answer(&Patterns { patterns })
    }

    #[tool(
        description = "Group completed episodes whose tasks are alike (DBSCAN over their embeddings), the largest \
        group first, with the mean reward of each. Use it to see which kinds of task come up again, and which go badly. \
        `alone` is the number of episodes in no group.",
        annotations(read_only_hint = true)
    )]
    async fn clusters(&self, Parameters(input): Parameters<ClustersInput>) -> Answer {
        let ClustersInput { text, limit, distance, size } = input;
        let found = self.memory.retrieve(&Query { text, context: None, limit }).await.map_err(told)?;
        let embed = |task: &str| {
            let mut vector = Vec::new();
            FeatureHashing::default().embed(task, &mut vector);
            vector
        };
        let vectors: Vec<Vec<f32>> = found.iter().map(|found| embed(&found.episode.head.task)).collect();
        let grouped = clusters::group(&vectors, distance, size);
        let described = grouped.clusters.iter().map(|members| {
            let episodes: Vec<EpisodeId> = members.iter().map(|place| found[*place].id).collect();
            let tasks: Vec<&str> =
                members.iter().take(EXAMPLES).map(|place| &*found[*place].episode.head.task).collect();
            let rewards = members.iter().filter_map(|place| reward(&found[*place].episode)).sum::<f64>();
            json!({ "tasks": tasks, "mean_reward": rewards / members.len() as f64, "episodes": episodes })
        });
        let described: Vec<_> = described.collect();
        answer(&json!({ "grouped": found.len(), "clusters": described, "alone": grouped.alone.len() }))
    }

    #[tool(
        description = "Forecast the latency, tokens or reward of an agent's next episodes from its completed ones, \
        by exponential smoothing (ETS) in the order of their starts. Each of the `next` values has an interval (`low` to \
        `high`) that holds about the share `level`. Latencies are in nanoseconds per episode, rewards from 0 to 1. Use it \
        to plan budgets, or to see if an agent gets worse.",
        annotations(read_only_hint = true)
    )]
    async fn forecast(&self, Parameters(input): Parameters<ForecastInput>) -> Answer {
        let ForecastInput { measure, key, value, horizon, level } = input;
        let ids = self.tagged(&key, &value).await?;
        let mut series = Vec::new();
        for ids in ids.chunks(READ_TOGETHER) {
            for episode in self.memory.get_episodes(ids).await.map_err(told)?.into_iter().flatten() {
                let of_completed = episode.head.completion.as_ref().and_then(|_| measured(measure, &episode));
                series.extend(of_completed.map(|value| (episode.head.started_at_ns, episode.head.id, value)));
            }
        }
        series.sort_by_key(|(started_at_ns, id, _)| (*started_at_ns, *id));
        let values: Vec<f64> = series.iter().map(|(.., value)| *value).collect();
        let (unit, possible) = match measure {
            Measure::Latency => ("ns", [0.0, f64::MAX]),
            Measure::Tokens => ("tokens", [0.0, f64::MAX]),
            Measure::Reward => ("0 to 1", [0.0, 1.0]),
        };
        let forecast = forecast::forecast(&values, horizon, level, possible)
            .map_err(|error| format!("episodes with {key}={value}: {error}"))?;
        answer(&json!({ "unit": unit, "values": values.len(), "last": values.last(), "forecast": forecast }))
    }

    #[tool(
        description = "Check that the memory answers, and how much is in it: episodes that are running, episodes, \
        steps and patterns stored, bytes of its files, and the variant (its storage options).",
        annotations(read_only_hint = true)
    )]
    async fn health(&self) -> Answer {
        let health = self.memory.health().await.map_err(told)?;
        let stats = self.memory.stats().await.map_err(told)?;
        answer(&json!({
            "variant": self.memory.variant().to_string(),
            "active_episodes": health.active_episodes,
            "stored": stats,
        }))
    }

    /// The ids of the episodes with this metadata, if they are not too many for an answer.
    async fn tagged(&self, key: &str, value: &str) -> Result<Vec<EpisodeId>, String> {
        let ids = self.memory.query_by_metadata(key, value).await.map_err(told)?;
        match ids.len() {
            0..=EPISODES_MAX => Ok(ids),
            many => Err(format!(
                "{many} episodes have {key}={value}, and {EPISODES_MAX} are the most: choose a key that tells them apart"
            )),
        }
    }
}

#[tool_handler(
    router = self.router,
    name = "memory-mcp",
    instructions = "An agent's episodic memory. When you start a task: `retrieve` similar episodes, then \
        `start_episode`. While you work: `log_step` after each step. At the end: `complete_episode`. `patterns`, \
        `clusters` and `forecast` tell what past episodes have in common."
)]
impl ServerHandler for MemoryTools {
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let (Some(tool), Some(arguments)) = (self.router.get(&request.name), &request.arguments)
            && let Err(said) = limits::check(&tool.input_schema, arguments)
        {
            return Ok(CallToolResult::error(vec![ContentBlock::text(said)]).into());
        }
        self.router.call(ToolCallContext::new(self, request, context)).await
    }
}

fn answer(value: &impl Serialize) -> Answer {
    serde_json::to_value(value).map(CallToolResult::structured).map_err(|error| error.to_string())
}

/// The error with its causes on one line; the last one is the store's.
fn told(error: Error) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

fn id(text: &str) -> Result<EpisodeId, String> {
    text.parse().map_err(|error| told(Error::MalformedId(error)))
}

fn measured(measure: Measure, episode: &Episode) -> Option<f64> {
    match measure {
        Measure::Latency => Some(episode.steps.iter().map(|step| step.latency_ns as f64).sum()),
        Measure::Tokens => {
            let known: Vec<f64> = episode.steps.iter().filter_map(|step| step.tokens.map(f64::from)).collect();
            (!known.is_empty()).then(|| known.iter().sum())
        }
        Measure::Reward => reward(episode),
    }
}

fn reward(episode: &Episode) -> Option<f64> {
    episode.head.completion.as_ref().map(|completion| f64::from(completion.reward.total))
}
