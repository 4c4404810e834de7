//! The reference episodic memory that Assay measures. Nothing in it is simulated, and every optimisation is a runtime toggle.
//!
//! The glossary of this crate; the words about measuring stand in `baselines`:
//!
//! - **episode**: a task, its context and the **steps** an agent took, from start to **completion** ([`episode`]).
//! - **head**: an episode without its steps.
//! - **outcome**: how it ended, as the caller says; **reward** and **reflection**: what the memory makes of it ([`outcome`], [`reward`], [`reflection`]).
//! - **pattern**: something that recurs over episodes ([`pattern`]).
//! - **embedding**: a text as a vector of unit length ([`embedding`]).
//! - **retrieval**: the completed episodes that are most like a query ([`retrieval`]).
//! - **variant**: a strategy for every toggle; **durability class**: what an acknowledged write survives ([`variant`]).
//! - **trace**: an episode's steps, digested once for all that is made of them ([`trace`]).
//! - **envelope**: a stored value with its tags of codec and compression ([`encoding`]).
//! - **counters**: what each strategy did ([`counters`]).
//!
//! [`Memory`] is the way in. Beneath it, a store keeps the bytes, a pool lends its connections, a cache keeps episodes and answers at hand.

mod active;
pub mod api;
mod batch;
pub mod buffers;
pub mod cache;
pub mod clock;
pub mod codec;
pub mod compression;
pub mod corpus;
pub mod counters;
pub mod embedding;
pub mod encoding;
pub mod episode;
mod error;
pub mod hash;
mod id_source;
pub mod ids;
mod memory;
pub mod outcome;
pub mod pattern;
pub mod pool;
pub mod reflection;
mod refusal;
pub mod retrieval;
pub mod reward;
pub mod server;
mod sharing;
pub mod store;
pub mod trace;
pub mod variant;
mod wire;
mod writes;

pub use clock::{Clock, ManualClock, SteadyClock, SystemClock};
pub use counters::{Counter, Counters};
pub use embedding::{Embedder, FeatureHashing};
pub use encoding::Encoding;
pub use episode::{Complexity, Episode, Head, NewStep, StartEpisode, Step, StepStatus, TaskContext};
pub use error::{BoxError, Error, Result};
pub use id_source::IdSource;
pub use ids::{EpisodeId, MalformedId, PatternId};
pub use memory::{Health, Memory, Options};
pub use outcome::{Completion, Outcome, Reflection, Reward};
pub use pattern::{Pattern, PatternKind};
pub use retrieval::{Query, Retrieved};
pub use store::{Remote, StoreStats as Stats};
pub use variant::{
    BatchKind, BufferKind, CacheKind, Codec, Compression, Durability, EmbeddingKind, IndexKind, MetadataKind, PoolKind,
    RetrievalKind, SharingKind, StoreKind, TOGGLES, Toggle, Variant, WireKind, WriteKind,
};
