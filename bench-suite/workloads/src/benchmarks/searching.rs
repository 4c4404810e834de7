//! Searching by something other than the id: a metadata value, or a task type and a domain.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use memory::{CacheKind, EpisodeId};

use super::Fixture;
use worker::Prepared;

use crate::benchmark::Setup;

/// The number of episodes, and of the groups that they form.
const SEARCHED: usize = 64;
const GROUPS: usize = 16;

/// Task types; with the domains, they form the groups of `task/query`.
const TASK_TYPES: usize = 4;

/// Episodes that one `task/query` returns: the newer half of a group.
const NEWEST: usize = SEARCHED / GROUPS / 2;

/// The kind of query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Metadata,
    Task,
}

struct Searching {
    fixture: Fixture,
    question: Question,
    /// The right answer for each group.
    expected: Vec<Vec<EpisodeId>>,
    next: usize,
    wrong: usize,
}

/// The operation of `metadata/query`.
pub fn by_metadata(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    searching(setup, Question::Metadata)
}

/// The operation of `task/query`.
pub fn by_task(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    searching(setup, Question::Task)
}

fn searching(setup: &Setup<'_>, question: Question) -> Result<Box<dyn Prepared>> {
    let fixture = Fixture::new(setup)?;
    let mut expected = vec![Vec::new(); GROUPS];
    for (number, script) in setup.input.scripts.iter().cycle().take(SEARCHED).enumerate() {
        let group = number % GROUPS;
        let mut script = script.clone();
        script.start.metadata.insert("shard".to_owned(), group.to_string());
        (script.start.task_type, script.start.context.domain) = task(group);
        expected[group].push(fixture.play(&script, 1)?);
    }
    for group in &mut expected {
        group.sort_unstable();
        if question == Question::Task {
            // The fixture's clock stands still, so the highest ids are the newest.
            group.reverse();
            group.truncate(NEWEST);
        }
    }
    let mut searching = Searching { fixture, question, expected, next: 0, wrong: 0 };
    if setup.variant.cache != CacheKind::None {
        searching.run(GROUPS as u64)?; // a cache is measured warm
    }
    Ok(Box::new(searching))
}

/// The task type and the domain of a group.
fn task(group: usize) -> (String, String) {
    (format!("type-{}", group % TASK_TYPES), format!("domain-{}", group / TASK_TYPES))
}

impl Prepared for Searching {
    fn run(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            let group = self.next % GROUPS;
            self.next += 1;
            let Fixture { runtime, memory, .. } = &self.fixture;
            let found = match self.question {
                Question::Metadata => runtime.block_on(memory.query_by_metadata("shard", &group.to_string()))?,
                Question::Task => {
                    let (task_type, domain) = task(group);
                    runtime.block_on(memory.query_by_task(&task_type, &domain, NEWEST))?
                }
            };
            self.wrong += usize::from(found != self.expected[group]);
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        ensure!(self.wrong == 0, "{} of {} queries returned the wrong ids", self.wrong, self.next);
        Ok(())
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.fixture.counters()
    }
}
