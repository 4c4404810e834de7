//! The bare engine beneath a store: commits the steps of `step/log` and `step/together`, encoded beforehand, with as
//! many to a commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use memory::store::open_raw;
use memory::store::raw::{RawEngine, RawRow};
use memory::{Counters, Encoding, EpisodeId, NewStep, Step};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::together::AGENTS;
use worker::Prepared;

use crate::benchmark::Setup;
use crate::scratch;

struct Bare {
    runtime: Runtime,
    engine: Box<dyn RawEngine>,
    encoding: Encoding,
    steps: Vec<NewStep>,
    together: usize, // rows of a commit
    upcoming: Vec<RawRow>,
    done: usize, // of the upcoming rows
    next: u32,
    committed: usize,
    _folder: TempDir, // dropped after the engine, whose file is in it
}

/// The operation of `engine/step`.
pub fn step(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    committing(setup, 1)
}

/// The operation of `engine/steps`.
pub fn steps(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    committing(setup, AGENTS)
}

fn committing(setup: &Setup<'_>, together: usize) -> Result<Box<dyn Prepared>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let folder = scratch::folder()?;
    let memory::Variant { store, durability, codec, compression, .. } = setup.variant;
    let engine = runtime.block_on(open_raw(store, durability, &folder.path().join("engine")))?;
    let encoding = Encoding::new(codec, compression, Arc::new(Counters::default()));
    let steps: Vec<NewStep> = setup.input.scripts.iter().flat_map(|script| script.steps.iter().cloned()).collect();
    ensure!(!steps.is_empty(), "the input has no step");
    let (upcoming, done, next, committed) = (Vec::new(), 0, 0, 0);
    Ok(Box::new(Bare { runtime, engine, encoding, steps, together, upcoming, done, next, committed, _folder: folder }))
}

impl Prepared for Bare {
    fn prepare_inputs(&mut self, operations: u64) -> Result<()> {
        self.upcoming.drain(..std::mem::take(&mut self.done));
        for _ in 0..operations {
            for agent in 0..self.together {
                let step = self.steps[(self.next as usize + agent) % self.steps.len()].clone();
                let number = self.next / self.together as u32;
                let value = self.encoding.encode(&Step::new(number, u64::from(number), step))?.to_vec();
                self.upcoming.push(RawRow { id: EpisodeId(agent as u128 + 1), number, value });
            }
            self.next += self.together as u32;
        }
        Ok(())
    }

    fn run(&mut self, operations: u64) -> Result<()> {
        let Bare { runtime, engine, together, upcoming, done, committed, .. } = self;
        let rows = usize::try_from(operations).context("too many operations")? * *together;
        let batches = upcoming.get(*done..*done + rows).context("prepare_inputs comes before run")?;
        runtime.block_on(async {
            for batch in batches.chunks(*together) {
                engine.commit(batch).await?;
            }
            anyhow::Ok(())
        })?;
        *done += rows;
        *committed += rows;
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        let stored = self.runtime.block_on(self.engine.count())?;
        ensure!(stored == self.committed as u64, "{stored} of {} rows are in the table", self.committed);
        Ok(())
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.encoding.counters.snapshot()
    }
}
