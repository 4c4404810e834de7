//! Writing side by side: several agents log a step at the same moment.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context, Result, ensure};
use memory::{EpisodeId, NewStep};

use super::{Bed, check_stored};
use crate::benchmark::{Prepared, Setup};

/// Agents, each with an episode of its own.
pub(super) const AGENTS: usize = 8;

struct Together {
    bed: Bed,
    source: Vec<NewStep>,
    ids: [EpisodeId; AGENTS],
    upcoming: VecDeque<[NewStep; AGENTS]>,
    next: usize,
    rounds: usize,
}

/// The operation of `step/together`.
///
/// # Errors
/// The memory can't be opened.
pub fn log_steps(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    let bed = Bed::new(setup)?;
    let scripts = &setup.input.scripts;
    let mut ids = [EpisodeId(0); AGENTS];
    for (id, script) in ids.iter_mut().zip(scripts.iter().cycle()) {
        *id = bed.runtime.block_on(bed.memory.start_episode(script.start.clone()))?;
    }
    let source: Vec<NewStep> = scripts.iter().flat_map(|script| script.steps.iter().cloned()).collect();
    ensure!(!source.is_empty(), "the input has no step");
    Ok(Box::new(Together { bed, source, ids, upcoming: VecDeque::new(), next: 0, rounds: 0 }))
}

impl Prepared for Together {
    fn refill(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            let from = self.next;
            self.upcoming
                .push_back(std::array::from_fn(|agent| self.source[(from + agent) % self.source.len()].clone()));
            self.next += AGENTS;
        }
        Ok(())
    }

    fn run(&mut self, operations: u64) -> Result<()> {
        let Together { bed, ids, upcoming, rounds, .. } = self;
        let memory = &bed.memory;
        bed.runtime.block_on(async {
            for _ in 0..operations {
                let [a, b, c, d, e, f, g, h] = upcoming.pop_front().context("refill comes before run")?;
                tokio::try_join!(
                    memory.log_step(ids[0], a),
                    memory.log_step(ids[1], b),
                    memory.log_step(ids[2], c),
                    memory.log_step(ids[3], d),
                    memory.log_step(ids[4], e),
                    memory.log_step(ids[5], f),
                    memory.log_step(ids[6], g),
                    memory.log_step(ids[7], h),
                )?;
                *rounds += 1;
            }
            Ok(())
        })
    }

    fn check(&mut self) -> Result<()> {
        self.bed.runtime.block_on(async {
            for (agent, &id) in self.ids.iter().enumerate() {
                let expected: Vec<&NewStep> =
                    (0..self.rounds).map(|round| &self.source[(round * AGENTS + agent) % self.source.len()]).collect();
                check_stored(&self.bed.memory, id, &expected, false).await?;
            }
            Ok(())
        })
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.bed.counters()
    }
}
