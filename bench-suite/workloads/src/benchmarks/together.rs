//! Concurrent writing: several agents log a step at the same moment, or play whole episodes at the same time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use episodes::api::Script;
use memory::{EpisodeId, NewStep};
use tokio::task::JoinSet;

use super::writing::STEPS;
use super::{Fixture, check_stored, play};
use worker::Prepared;

use crate::benchmark::Setup;

/// Agents that log a step, each to its own episode.
pub(super) const AGENTS: usize = 8;

/// Agents that play one episode each.
const LIVES: usize = 64;

struct Together {
    fixture: Fixture,
    source: Vec<NewStep>,
    ids: [EpisodeId; AGENTS],
    upcoming: VecDeque<[NewStep; AGENTS]>,
    next: usize,
    rounds: usize,
}

/// The operation of `step/together`.
pub fn log_steps(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    let fixture = Fixture::new(setup)?;
    let scripts = &setup.input.scripts;
    let mut ids = [EpisodeId(0); AGENTS];
    for (id, script) in ids.iter_mut().zip(scripts.iter().cycle()) {
        *id = fixture.runtime.block_on(fixture.memory.start_episode(script.start.clone()))?;
    }
    let source: Vec<NewStep> = scripts.iter().flat_map(|script| script.steps.iter().cloned()).collect();
    ensure!(!source.is_empty(), "the input has no step");
    Ok(Box::new(Together { fixture, source, ids, upcoming: VecDeque::new(), next: 0, rounds: 0 }))
}

impl Prepared for Together {
    fn prepare_inputs(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            let from = self.next;
            self.upcoming
                .push_back(std::array::from_fn(|agent| self.source[(from + agent) % self.source.len()].clone()));
            self.next += AGENTS;
        }
        Ok(())
    }

    fn run(&mut self, operations: u64) -> Result<()> {
        let Together { fixture, ids, upcoming, rounds, .. } = self;
        let memory = &fixture.memory;
        fixture.runtime.block_on(async {
            for _ in 0..operations {
                let [a, b, c, d, e, f, g, h] = upcoming.pop_front().context("prepare_inputs comes before run")?;
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
        self.fixture.runtime.block_on(async {
            for (agent, &id) in self.ids.iter().enumerate() {
                let expected: Vec<&NewStep> =
                    (0..self.rounds).map(|round| &self.source[(round * AGENTS + agent) % self.source.len()]).collect();
                check_stored(&self.fixture.memory, id, &expected, false).await?;
            }
            Ok(())
        })
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.fixture.counters()
    }
}

struct Lives {
    fixture: Fixture,
    scripts: Vec<Arc<Script>>,
    upcoming: VecDeque<Vec<Arc<Script>>>,
    next: usize,
    done: Vec<(EpisodeId, Arc<Script>)>,
}

/// The operation of `lifecycle/together`.
pub fn whole_episodes(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    let fixture = Fixture::new(setup)?;
    let scripts: Vec<Arc<Script>> = setup.input.scripts.iter().cloned().map(Arc::new).collect();
    // Play one first, as in a memory in use.
    fixture.play(&scripts[0], STEPS)?;
    Ok(Box::new(Lives { fixture, scripts, upcoming: VecDeque::new(), next: 0, done: Vec::new() }))
}

impl Prepared for Lives {
    fn prepare_inputs(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            let script = |agent| Arc::clone(&self.scripts[(self.next + agent) % self.scripts.len()]);
            self.upcoming.push_back((0..LIVES).map(script).collect());
            self.next += LIVES;
        }
        Ok(())
    }

    fn run(&mut self, operations: u64) -> Result<()> {
        let Lives { fixture, upcoming, done, .. } = self;
        let memory = &fixture.memory;
        fixture.runtime.block_on(async {
            for _ in 0..operations {
                let mut agents = JoinSet::new();
                for script in upcoming.pop_front().context("prepare_inputs comes before run")? {
                    let memory = Arc::clone(memory);
                    agents.spawn(async move { anyhow::Ok((play(&memory, &script, STEPS).await?, script)) });
                }
                while let Some(played) = agents.join_next().await {
                    done.push(played.context("an agent panicked")??);
                }
            }
            Ok(())
        })
    }

    fn check(&mut self) -> Result<()> {
        self.fixture.runtime.block_on(async {
            // Only the last round: reading thousands back would take longer than the measurement.
            for (id, script) in self.done.iter().rev().take(LIVES) {
                let expected: Vec<&NewStep> = script.steps.iter().cycle().take(STEPS).collect();
                check_stored(&self.fixture.memory, *id, &expected, true).await?;
            }
            Ok(())
        })
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.fixture.counters()
    }
}
