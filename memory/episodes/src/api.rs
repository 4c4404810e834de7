//! The bodies of HTTP requests and answers, for both ends: `memory-server` and `loadgen`.
//!
//! Most requests carry the memory's own types: [`StartEpisode`] to `POST /episodes`, [`NewStep`] to `POST
//! /episodes/{id}/steps`, [`Outcome`] to `POST /episodes/{id}/complete`, which answers with a [`crate::Completion`];
//! `GET /episodes/{id}` answers with a [`crate::Episode`]. This module has the others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{EpisodeId, Head, NewStep, Outcome, Pattern, StartEpisode, Step, TaskContext};

/// The most episodes of one retrieval.
pub const LIMIT_MAX: usize = 1000;

/// The number of episodes of a retrieval that names none.
pub const LIMIT_DEFAULT: usize = 5;

/// The longest body of a request, in bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Under `wire=compressed`, bodies of at least this many bytes are compressed.
pub const WIRE_THRESHOLD_BYTES: u16 = 1024;

/// The encoding of compressed bodies: this server, the load generator and a database server all know it.
pub const WIRE_ENCODING: &str = "gzip";

/// A whole episode: an entry of a corpus, which the load generator plays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The task, its context and its metadata.
    pub start: StartEpisode,
    /// Its steps, in order; never empty in a corpus file.
    pub steps: Vec<NewStep>,
    /// Its end.
    pub outcome: Outcome,
}

/// The answer to `POST /episodes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The name of the new episode in every later request.
    pub id: EpisodeId,
}

/// The answer to `POST /episodes/{id}/steps`: the step is as durable now as the variant promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// The step's number in its episode, from 0, without gaps.
    pub number: u32,
}

/// The body of `POST /retrieve`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieve {
    /// The task at hand, in words.
    pub text: String,
    /// Its context, if known.
    #[serde(default)]
    pub context: Option<TaskContext>,
    /// The most episodes of the answer, up to [`LIMIT_MAX`].
    #[serde(default = "limit_default")]
    pub limit: usize,
    /// The answer carries the steps; it has their number in any case.
    #[serde(default)]
    pub steps: bool,
}

fn limit_default() -> usize {
    LIMIT_DEFAULT
}

/// The answer to `POST /retrieve`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrievedEpisodes {
    /// The best first; ties by id.
    pub results: Vec<RetrievedEpisode>,
}

/// One episode that a retrieval found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrievedEpisode {
    /// The order of the results, descending.
    pub score: f32,
    /// The similarity of the texts, -1 to 1.
    pub similarity: f32,
    /// The part of the context that agrees, 0 to 1.
    pub context_match: f32,
    /// The episode's task, context and completion.
    pub head: Head,
    /// The number of its steps.
    pub step_count: usize,
    /// Its steps, where the request asked for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// The answer to `GET /patterns`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Patterns {
    /// All patterns, by id.
    pub patterns: Vec<Pattern>,
}

/// The query of `GET /metadata`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataQuery {
    /// The key to look for.
    pub key: String,
    /// The value that it must have.
    pub value: String,
}

/// The answer to `GET /metadata`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataMatches {
    /// The episodes with that key and value, by id.
    pub ids: Vec<EpisodeId>,
}

/// The answer to `GET /health`, with status 200, or 503 while the database does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healthy {
    /// The variant, all toggles written.
    pub variant: String,
    /// The episodes that are being logged.
    pub active_episodes: usize,
    /// The store.
    pub database: DatabaseHealth,
    /// The caches, of episodes and of queries together.
    pub cache: CacheHealth,
    /// The connections to the database; all 0 where it needs none.
    pub pool: PoolHealth,
    /// The server's process.
    pub memory: ProcessStats,
}

/// The state of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseHealth {
    /// It answered a read.
    pub ok: bool,
    /// The time that this took, in nanoseconds.
    pub latency_ns: u64,
    /// The reason why it did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What the caches did since the server started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheHealth {
    /// Look-ups that were answered.
    pub hits: u64,
    /// Look-ups that were not.
    pub misses: u64,
}

/// What the pools of connections did since the server started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolHealth {
    /// Connections that were opened.
    pub opened: u64,
    /// Checkouts that were given a connection opened before.
    pub reused: u64,
    /// Connections that were closed because they were idle, old, or too many.
    pub retired: u64,
}

/// The answer to `GET /stats`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStats {
    /// The variant, all toggles written.
    pub variant: String,
    /// The episodes in the store.
    pub episodes: u64,
    /// The steps in the store.
    pub steps: u64,
    /// The patterns in the store.
    pub patterns: u64,
    /// The bytes of the store's files; 0 where there are none.
    pub stored_bytes: u64,
    /// The engagement counters since the server started.
    pub counters: BTreeMap<String, u64>,
    /// The process's own cost since it started.
    pub process: ProcessStats,
}

/// The cost of the server's process so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessStats {
    /// CPU time of all threads, user and system, in nanoseconds.
    pub cpu_time_ns: u64,
    /// The peak of resident memory, in bytes; absent where the system does not tell.
    pub peak_resident_bytes: Option<u64>,
}

/// The one line that `memory-server` prints on stdout once it answers requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerReady {
    /// The address with the port that it got, as in `http://127.0.0.1:40123`.
    pub listening: String,
    /// The variant, all toggles written.
    pub variant: String,
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The problem and the remedy, on one line.
    pub error: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retrieval_needs_only_its_text() {
        let retrieve: Retrieve = serde_json::from_str(r#"{"text":"fix the parser"}"#).expect("the rest has defaults");
        assert_eq!(retrieve.limit, LIMIT_DEFAULT);
        assert_eq!((retrieve.context, retrieve.steps), (None, false));
        assert!(serde_json::from_str::<Retrieve>(r#"{"text":"a","limits":3}"#).is_err(), "a misspelt field is refused");
    }
}
