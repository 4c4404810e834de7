//! A memory as a file describes it: what it is, how it starts, and the calls of each operation.
//!
//! FORMAT.md describes the file; [`read()`] refuses one that could not be measured, with the line. The file has no
//! code: a memory that needs some is started by a small program beside its adapter.

mod definition;
mod read;

use std::path::PathBuf;

use serde::Deserialize;
use toml::Value;

pub use read::read;

/// The values that every text of an adapter may name.
pub const PLACES: [&str; 6] = ["folder", "port", "installed", "programs", "adapters", "model_url"];

/// A memory, and the calls that make it do something.
#[derive(Debug, Clone)]
pub struct MemoryAdapter {
    /// Its name in the table.
    pub name: String,
    /// The version that the adapter was written for.
    pub version: String,
    /// A sentence on how it stores and finds.
    pub about: String,
    /// A sentence on what is as installed, and what is set otherwise.
    pub defaults: String,
    /// The file, for messages.
    pub file: PathBuf,
    /// Command lines that install it.
    pub install: Vec<String>,
    /// The command line that starts it; none if it runs already.
    pub start: Option<String>,
    /// The base of its URLs.
    pub url: Option<String>,
    /// Variables of its process.
    pub environment: Vec<(String, String)>,
    /// The protocol of all calls.
    pub protocol: MemoryProtocol,
    /// Calls that empty it before anything is stored.
    pub reset: Vec<AdapterCall>,
    /// Calls that store an episode.
    pub ingest: Vec<AdapterCall>,
    /// The call that tells if everything stored can be found, and the values at JSON pointers of its answer which say
    /// so.
    pub indexed: Option<(AdapterCall, Vec<(String, Value)>)>,
    /// The call that finds episodes.
    pub search: AdapterCall,
    /// The JSON pointer to the results in its answer, the best first; empty for the whole answer.
    pub found: String,
    /// Calls that empty it after all.
    pub clear: Vec<AdapterCall>,
    /// What its model answers; none if it asks none.
    pub model: Option<ModelRules>,
}

/// The protocol of a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryProtocol {
    /// The Model Context Protocol on stdin and stdout.
    Mcp,
    /// HTTP with JSON.
    Http,
}

/// One call of an operation.
#[derive(Debug, Clone)]
pub struct AdapterCall {
    /// What is called.
    pub action: CallAction,
    /// Values of its answer, by name and JSON pointer, for the calls after it.
    pub take: Vec<(String, String)>,
    /// It is made once for each stored episode.
    pub each: bool,
}

/// What is called.
#[derive(Debug, Clone)]
pub enum CallAction {
    /// A tool, over MCP.
    Tool {
        /// Its name.
        name: String,
        /// A table of its arguments.
        arguments: Value,
    },
    /// A request, over HTTP.
    Request {
        /// The method, in capitals.
        method: String,
        /// The path, from `/` on.
        path: String,
        /// Headers beside that of the body's type.
        headers: Vec<(String, String)>,
        /// The body, which is sent as JSON.
        body: Option<Value>,
    },
}

/// The stand-in's answers to a memory.
#[derive(Debug, Clone, Default)]
pub struct ModelRules {
    /// The length of embeddings that a request does not choose.
    pub dimensions: usize,
    /// The answers of a chat: the first whose text was asked is given. Without any, the last message is.
    pub answers: Vec<AnswerRule>,
}

/// One answer of the stand-in for a language model.
#[derive(Debug, Clone)]
pub struct AnswerRule {
    /// The text that the messages must have.
    pub asked: String,
    /// `part` is the last message behind this text.
    pub after: String,
    /// And before this one.
    pub before: String,
    /// The answer: a text, or what is sent as JSON.
    pub answer: Value,
}
