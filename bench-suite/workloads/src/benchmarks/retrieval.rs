//! Retrieval by context and embedding, at three sizes of the memory.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use episodes::api::Script;
use memory::{CacheKind, EpisodeId, Query, StartEpisode};

use super::Fixture;
use worker::Prepared;

use crate::benchmark::Setup;
use crate::input::Input;

/// Episodes that one retrieval returns.
const LIMIT: usize = 10;

/// The operation of `retrieve/100`.
pub fn among_100(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    among(setup, 100)
}

/// The operation of `retrieve/1000`.
pub fn among_1000(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    among(setup, 1000)
}

/// The operation of `retrieve/10000`.
pub fn among_10000(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    among(setup, 10_000)
}

/// Words of a task: the length of a title, not of a whole issue.
const TASK_WORDS: usize = 16;

struct Retrieving {
    fixture: Fixture,
    /// Queries, each with the episode that must come first: the one with this task and context.
    queries: Vec<(Query, EpisodeId)>,
    next: usize,
    wrong: usize,
}

/// Retrieval among this number of episodes.
pub fn among(setup: &Setup<'_>, episodes: usize) -> Result<Box<dyn Prepared>> {
    let fixture = Fixture::new(setup)?;
    let mut queries = Vec::new();
    for number in 0..episodes {
        let script = script(setup.input, number);
        let id = fixture.play(&script, 0)?;
        if number % (episodes / 16).max(1) == 0 {
            let query =
                Query { text: script.start.task.clone(), context: Some(script.start.context.clone()), limit: LIMIT };
            queries.push((query, id));
        }
    }
    let mut retrieving = Retrieving { fixture, queries, next: 0, wrong: 0 };
    if setup.variant.cache != CacheKind::None {
        retrieving.run(retrieving.queries.len() as u64)?; // a cache is measured warm
    }
    Ok(Box::new(retrieving))
}

/// The episode with this number: a task of the input, made unique by its words. It has no steps, as retrieval ignores
/// them.
pub fn script(input: &Input, number: usize) -> Script {
    let Script { start, outcome, .. } = &input.scripts[number % input.scripts.len()];
    let words: Vec<&str> = start.task.split_whitespace().take(TASK_WORDS).collect();
    let task = format!("ticket {number} of module m{}: {}", number % 97, words.join(" "));
    Script { start: StartEpisode { task, ..start.clone() }, steps: vec![], outcome: outcome.clone() }
}

impl Prepared for Retrieving {
    fn run(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            let (query, expected) = &self.queries[self.next % self.queries.len()];
            self.next += 1;
            let found = self.fixture.runtime.block_on(self.fixture.memory.retrieve(query))?;
            let right = found.len() == LIMIT && found.first().is_some_and(|first| first.id == *expected);
            self.wrong += usize::from(!right);
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        ensure!(
            self.wrong == 0,
            "{} of {} retrievals did not return the episode of the same task first",
            self.wrong,
            self.next
        );
        Ok(())
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.fixture.counters()
    }
}
