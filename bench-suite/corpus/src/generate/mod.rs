//! Seeded synthetic corpora, for machines that have no recorded episodes and for sizes that nobody has recorded.
//!
//! A parametric model, not a replay: sizes are drawn from fitted quantiles, words from a seeded vocabulary under Zipf's
//! law, and code from line templates over a project's identifiers. All arithmetic is on integers, so that a seed gives
//! the same bytes on every machine. Episode `i` of a seed is the same however many are made. The text compresses and
//! tokenises like the real thing, but has no meaning.

mod coding;
mod conversation;
mod project;
mod syntax;
mod text;

use episodes::api::Script;

use text::Vocabulary;

/// The style of the episodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EpisodeStyle {
    /// A coding agent in a shell, fitted to SWE-agent trajectories: about ten steps of about a kilobyte.
    #[default]
    SweAgent,
    /// A conversation, fitted to the published figures of LoCoMo: about twenty steps of about a hundred bytes.
    Conversation,
}

/// The first episodes of a seed.
///
/// ```
/// use corpus::generate::{EpisodeStyle, generate};
/// let few = generate(7, 3, EpisodeStyle::Conversation);
/// assert_eq!(few, generate(7, 5, EpisodeStyle::Conversation)[..3]);
/// ```
pub fn generate(seed: u64, episodes: usize, profile: EpisodeStyle) -> Vec<Script> {
    Generator::new(seed, profile).take(episodes).collect()
}

/// All episodes of a seed, without an end.
#[derive(Debug)]
pub struct Generator {
    seed: u64,
    next: u64,
    world: World,
}

#[derive(Debug)]
enum World {
    Coding(Box<coding::World>),
    Conversation(Box<Vocabulary>),
}

impl Generator {
    /// The episodes of a seed.
    pub fn new(seed: u64, profile: EpisodeStyle) -> Generator {
        let vocabulary = Vocabulary::new(seed);
        let world = match profile {
            EpisodeStyle::SweAgent => World::Coding(Box::new(coding::World::new(seed, vocabulary))),
            EpisodeStyle::Conversation => World::Conversation(Box::new(vocabulary)),
        };
        Generator { seed, next: 0, world }
    }
}

impl Iterator for Generator {
    type Item = Script;

    fn next(&mut self) -> Option<Script> {
        let index = self.next;
        self.next += 1;
        Some(match &self.world {
            World::Coding(world) => coding::episode(world, self.seed, index),
            World::Conversation(vocabulary) => conversation::episode(vocabulary, self.seed, index),
        })
    }
}
