//! Episodes of two people talking: short steps, hardly compressible.
//!
//! Sizes follow the figures of LoCoMo (Maharana et al. 2024): steps per episode mean 21.6, p50 20, p90 31, p99 43;
//! bytes per step mean 124, p50 109, p90 220, p99 331; 27 sessions per agent. The knots at 0 and 1000 are chosen so
//! that the means come out. No topic spans several sessions.

use episodes::api::Script;
use episodes::{Complexity, NewStep, Outcome, StartEpisode, TaskContext};

use super::text::{Dice, Quantiles, Vocabulary};
use crate::named;

const STEPS: &Quantiles = &[(0, 10), (500, 20), (900, 31), (990, 43), (1000, 47)];
const BYTES: &Quantiles = &[(0, 10), (500, 109), (900, 220), (990, 331), (1000, 400)];
const SESSIONS: u64 = 27;
/// Between two messages: not published, so chosen as people type.
const LATENCY_US: &Quantiles = &[(0, 800_000), (500, 6_000_000), (1000, 60_000_000)];

pub(super) fn episode(vocabulary: &Vocabulary, seed: u64, index: u64) -> Script {
    let mut dice = Dice::new(seed, index);
    let (agent, session) = (index / SESSIONS, index % SESSIONS);
    // Two names an agent, the same in all its sessions.
    let mut of_agent = Dice::new(seed ^ 0xa9e7, agent);
    let speakers = [vocabulary.name(&mut of_agent), vocabulary.name(&mut of_agent)];

    let mut task = format!("session {session} of {} and {}: ", speakers[0], speakers[1]);
    let words = 4 + dice.below(8);
    vocabulary.phrase(&mut dice, words, &mut task);
    let steps = (0..dice.draw(STEPS)).map(|turn| step(vocabulary, speakers[(turn % 2) as usize], &mut dice)).collect();
    let context = TaskContext {
        language: Some("english".to_owned()),
        framework: None,
        domain: "conversation".to_owned(),
        complexity: Complexity::Simple,
        tags: vec!["generated".to_owned()],
    };
    let metadata = [
        ("agent", agent.to_string()),
        ("session", session.to_string()),
        ("source", format!("conversation-{seed}-{index}")),
    ];
    let start = StartEpisode { task, task_type: "conversation".to_owned(), context, metadata: named(metadata) };
    Script { start, steps, outcome: Outcome::Success { verdict: "the session ended".to_owned() } }
}

fn step(vocabulary: &Vocabulary, speaker: &str, dice: &mut Dice) -> NewStep {
    let size = dice.draw(BYTES) as usize;
    let mut observation = String::with_capacity(size + 16);
    // The speaker and a line break belong to the payload.
    while observation.len() + speaker.len() + 1 < size {
        let end = if dice.chance(100) { ". " } else { " " };
        observation.push_str(vocabulary.word(dice));
        observation.push_str(end);
    }
    observation.truncate(size.saturating_sub(speaker.len() + 1));
    NewStep {
        tool: "message".to_owned(),
        action: speaker.to_owned(),
        observation,
        latency_ns: dice.draw(LATENCY_US) * 1000,
        ..NewStep::default()
    }
}
