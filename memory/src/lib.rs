//! The reference episodic memory that Assay measures. Nothing in it is simulated, and every optimisation is a runtime
//! toggle.
//!
//! [`Memory`] is the facade. Beneath it:
//!
//! | layer | modules |
//! |---|---|
//! | the facade: order of writes, retrieval, completion | `memory`, `active` |
//! | computed at completion, pure | [`trace`], [`reward`], [`reflection`], [`pattern`] |
//! | search | [`embedding`], `vector`, `retrieval` |
//! | caches, shared or copied episodes | [`cache`], `sharing` |
//! | single writes or batches, many reads at once | `writes`, `batch` |
//! | stores, and the pools of their connections | [`store`], `pool` |
//! | values as bytes | `encoding`, `codec`, `compression`, [`buffers`] |
//! | for all of them | `variant`, [`Counters`], [`Error`], [`hash`], `clock` |
//!
//! The glossary of this crate; the words about measuring stand in `baselines`:
//!
//! - **episode**: a task, its context and the **steps** of an agent, from start to **completion** ([`Episode`]).
//! - **head**: an episode without its steps ([`Head`]).
//! - **outcome**: the end of an episode in the caller's words; **reward** and **reflection**: the memory's judgement of
//!   it ([`Outcome`], [`Reward`], [`Reflection`]).
//! - **pattern**: something that recurs over episodes ([`Pattern`]).
//! - **embedding**: a text as a vector of unit length ([`Embedder`]).
//! - **retrieval**: the completed episodes that are most like a query ([`Query`]).
//! - **toggle**: a choice between **strategies**, the first of which is the naive one ([`TOGGLES`]); **variant**: a
//!   strategy for every toggle ([`Variant`]); **durability class**: what an acknowledged write survives
//!   ([`Durability`]).
//! - **trace**: an episode's steps, digested once for all that is computed from them ([`trace`]).
//! - **envelope**: a stored value with the tags of its codec and compression ([`Encoding`]).
//! - **counters**: the work of each strategy in numbers ([`Counters`]).
//! - **corpus**: whole episodes in a file, to be played ([`episodes::corpus`]).

mod active;
mod batch;
pub mod buffers;
pub mod cache;
mod clock;
mod codec;
mod compression;
mod counters;
pub mod embedding;
mod encoding;
mod error;
pub mod hash;
mod id_source;
mod memory;
pub mod pattern;
mod pool;
pub mod reflection;
mod retrieval;
pub mod reward;
mod sharing;
pub mod store;
pub mod trace;
mod variant;
mod vector;
mod writes;

pub use clock::{Clock, ManualClock, SteadyClock, SystemClock};
pub use counters::{Counter, Counters};
pub use embedding::{Embedder, FeatureHashing};
pub use encoding::Encoding;
pub use episodes::{
    Completion, Complexity, Episode, EpisodeId, Head, Labels, MalformedId, NewStep, Outcome, Pattern, PatternId,
    PatternKind, Reflection, Reward, StartEpisode, Step, StepStatus, TaskContext,
};
pub use error::{BoxError, Error, Result};
pub use id_source::IdSource;
pub use memory::{BACKUP_FORMAT, Backup, Health, Memory, Options, Retention};
pub use retrieval::{Query, Retrieved};
pub use store::{Remote, StoreStats as Stats};
pub use variant::{
    BatchKind, BufferKind, CacheKind, Codec, Compression, Durability, EmbeddingKind, IndexKind, MetadataKind, PoolKind,
    RetrievalKind, SharingKind, StoreKind, TOGGLES, Toggle, Variant, WireKind, WriteKind,
};
