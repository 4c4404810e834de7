//! Episodes of an agent as they are sent and kept: for the memory, its server and the load generator.
//!
//! The types of [`Episode`], its end ([`Completion`]) and what recurs over episodes ([`Pattern`]); the bodies of HTTP
//! ([`api`]); whole episodes in a file, to be played ([`corpus`]). Nothing here computes or stores anything: that is
//! done by the crate `memory`, whose glossary has the words.

pub mod api;
pub mod corpus;
mod episode;
mod ids;
mod labels;
mod outcome;
mod pattern;

pub use corpus::CorpusError;
pub use episode::{Complexity, Episode, Head, NewStep, StartEpisode, Step, StepStatus, TaskContext};
pub use ids::{EpisodeId, MalformedId, PatternId};
pub use labels::Labels;
pub use outcome::{Completion, Outcome, Reflection, Reward};
pub use pattern::{Pattern, PatternKind};
