//! Writing: whole episodes, and each operation by itself.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context, Result, ensure};
use episodes::api::Script;
use memory::{EpisodeId, NewStep};

use super::{Fixture, check_stored, play};
use worker::Prepared;

use crate::benchmark::Setup;

/// Steps of an episode here, as in the published figures that these benchmarks are compared with.
pub(super) const STEPS: usize = 10;

/// The operation of `lifecycle`.
pub fn whole_episode(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    prepared(setup, Operation::Whole)
}

/// The operation of `episode/start`.
pub fn start(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    prepared(setup, Operation::Start)
}

/// The operation of `step/log`.
pub fn log_step(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    prepared(setup, Operation::Log)
}

/// The operation of `episode/complete`.
pub fn complete(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    prepared(setup, Operation::Complete)
}

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Whole,
    Start,
    Log,
    Complete,
}

struct Writing {
    fixture: Fixture,
    scripts: Vec<Script>,
    operation: Operation,
    /// Inputs: scripts to play or start, steps to log, and running episodes to complete with their scripts.
    upcoming: VecDeque<usize>,
    steps: VecDeque<NewStep>,
    running: VecDeque<(EpisodeId, usize)>,
    next_script: usize,
    /// The episodes written, each with its script.
    done: Vec<(EpisodeId, usize)>,
    target: Option<EpisodeId>,
    logged: Vec<(u32, u64)>,
}

fn prepared(setup: &Setup<'_>, operation: Operation) -> Result<Box<dyn Prepared>> {
    let fixture = Fixture::new(setup)?;
    let mut writing = Writing {
        fixture,
        scripts: setup.input.scripts.clone(),
        operation,
        upcoming: VecDeque::new(),
        steps: VecDeque::new(),
        running: VecDeque::new(),
        next_script: 0,
        done: Vec::new(),
        target: None,
        logged: Vec::new(),
    };
    // Play one first, so that files, tables and connections exist as in a memory in use.
    writing.fixture.play(&setup.input.scripts[0], STEPS)?;
    if operation == Operation::Log {
        let start = setup.input.scripts[0].start.clone();
        writing.target = Some(writing.fixture.runtime.block_on(writing.fixture.memory.start_episode(start))?);
    }
    Ok(Box::new(writing))
}

impl Writing {
    fn script(&mut self) -> usize {
        let index = self.next_script % self.scripts.len();
        self.next_script += 1;
        index
    }
}

impl Prepared for Writing {
    fn prepare_inputs(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            let index = self.script();
            match self.operation {
                Operation::Whole | Operation::Start => self.upcoming.push_back(index),
                Operation::Log => {
                    let steps = &self.scripts[index].steps;
                    self.steps.push_back(steps[self.next_script % steps.len()].clone());
                }
                Operation::Complete => {
                    let script = &self.scripts[index];
                    let memory = &self.fixture.memory;
                    let id = self.fixture.runtime.block_on(async {
                        let id = memory.start_episode(script.start.clone()).await?;
                        for step in script.steps.iter().cycle().take(STEPS) {
                            memory.log_step(id, step.clone()).await?;
                        }
                        anyhow::Ok(id)
                    })?;
                    self.running.push_back((id, index));
                }
            }
        }
        self.done.reserve(usize::try_from(operations).unwrap_or(0));
        self.logged.reserve(usize::try_from(operations).unwrap_or(0));
        Ok(())
    }

    fn run(&mut self, operations: u64) -> Result<()> {
        let Writing { fixture, scripts, operation, upcoming, steps, running, done, target, logged, .. } = self;
        let empty = "prepare_inputs comes before run";
        fixture.runtime.block_on(async {
            for _ in 0..operations {
                match operation {
                    Operation::Whole => {
                        let index = upcoming.pop_front().context(empty)?;
                        done.push((play(&fixture.memory, &scripts[index], STEPS).await?, index));
                    }
                    Operation::Start => {
                        let index = upcoming.pop_front().context(empty)?;
                        done.push((fixture.memory.start_episode(scripts[index].start.clone()).await?, index));
                    }
                    Operation::Log => {
                        let step = steps.pop_front().context(empty)?;
                        let check = step.observation.len() as u64;
                        let id = target.context("the setup started an episode")?;
                        logged.push((fixture.memory.log_step(id, step).await?, check));
                    }
                    Operation::Complete => {
                        let (id, index) = running.pop_front().context(empty)?;
                        fixture.memory.complete_episode(id, scripts[index].outcome.clone()).await?;
                        done.push((id, index));
                    }
                }
            }
            Ok(())
        })
    }

    fn check(&mut self) -> Result<()> {
        let memory = &self.fixture.memory;
        self.fixture.runtime.block_on(async {
            // Only the last ones: reading thousands back would take longer than the measurement.
            for (id, index) in self.done.iter().rev().take(32) {
                let expected: Vec<&NewStep> = match self.operation {
                    Operation::Start => vec![],
                    _ => self.scripts[*index].steps.iter().cycle().take(STEPS).collect(),
                };
                check_stored(memory, *id, &expected, self.operation != Operation::Start).await?;
            }
            if let Some(id) = self.target {
                let episode = memory.get_episode(id).await?.context("the running episode is not stored")?;
                ensure!(
                    episode.steps.len() == self.logged.len(),
                    "{} steps of {} are stored",
                    episode.steps.len(),
                    self.logged.len()
                );
                for (step, (number, bytes)) in episode.steps.iter().zip(&self.logged) {
                    ensure!(
                        step.number == *number && step.observation.len() as u64 == *bytes,
                        "step {number} is not the one that was logged"
                    );
                }
            }
            Ok(())
        })
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.fixture.counters()
    }
}
