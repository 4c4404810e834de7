//! Other memories of agents under the same harness: what each finds, keeps, costs and asks of a model.
//!
//! - [`adapter`]: a memory as a file describes it: how to start it, and the calls that store, search and clear.
//! - `connection`: calls over HTTP or MCP. `running`: one memory that runs, and what an adapter's operations do to it.
//! - [`model`]: a stand-in for the language model and the embedder, which counts its calls.
//! - `texts`: the episodes that are stored, and the queries for them.
//! - `arrivals`: operations at times that do not depend on the answers.
//! - [`measure`]: the measurement of one memory; [`results`]: what it gives; [`table`]: all of them side by side.
//!
//! A memory is a black box: nothing of it is linked or changed. This crate measures and shows; it does not judge.
//!
//! Errors are [`anyhow::Result`], as no caller distinguishes them: the message names the thing, the reason and the
//! remedy.

pub mod adapter;
mod arrivals;
mod connection;
pub mod measure;
pub mod model;
pub mod results;
mod running;
pub mod table;
mod template;
mod texts;
