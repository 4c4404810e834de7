//! The benchmarks, one workload a file, and the fixture that those with a memory share.

pub mod bursts;
pub mod engine;
pub mod payload;
pub mod pure;
pub mod reading;
pub mod retrieval;
pub mod searching;
pub mod together;
pub mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use episodes::api::Script;
use memory::{EpisodeId, IdSource, ManualClock, Memory, NewStep, Options};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::benchmark::Setup;
use crate::scratch;

/// Reads with which a pool that follows the demand settles: ten of its windows.
const SETTLING: usize = 160;

/// A memory of the variant under test, in its own folder, on a single-threaded runtime: two runs with the same seed do
/// the same work.
pub struct Fixture {
    /// Drives the memory's futures.
    pub runtime: Runtime,
    /// The memory under test.
    pub memory: Arc<Memory>,
    // Dropped last: the memory's files are in it.
    _folder: Option<TempDir>,
}

impl Fixture {
    /// Opens a memory of the variant, in its own file or on the setup's server.
    pub fn new(setup: &Setup<'_>) -> Result<Fixture> {
        Fixture::with(setup, Options::default())
    }

    /// Opens a memory of the variant with these options, except for its place, clock, ids and flush interval.
    pub fn with(setup: &Setup<'_>, options: Options) -> Result<Fixture> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
        let folder = match (setup.variant.store, setup.remote) {
            (memory::StoreKind::Memory, _) | (_, Some(_)) => None,
            _ => Some(scratch::folder()?),
        };
        let options = Options {
            path: folder.as_ref().map(|folder| folder.path().join("memory")),
            remote: setup.remote.cloned(),
            clock: Arc::new(ManualClock::new(1_700_000_000_000_000_000)),
            ids: IdSource::seeded(setup.input.seed),
            flush_interval_ns: 0, // the clock stands still
            ..options
        };
        let memory = Arc::new(runtime.block_on(Memory::open(&setup.variant, options))?);
        Ok(Fixture { runtime, memory, _folder: folder })
    }

    /// Plays a script to its end, with at most `steps` steps.
    pub fn play(&self, script: &Script, steps: usize) -> Result<EpisodeId> {
        self.runtime.block_on(play(&self.memory, script, steps))
    }

    /// Reads an unknown episode, and rests for as long each time. A pool that follows the demand measures by the
    /// machine's clock how busy its connections are. One caller keeps them busy for so much of the time that the
    /// machine's speed decides when the limit falls to one, and each fall allocates. With rests it falls before
    /// anything is counted, on every machine, and with one caller it never rises again.
    pub fn settle(&self) -> Result<()> {
        for _ in 0..SETTLING {
            let begun = Instant::now();
            self.runtime.block_on(self.memory.get_episode(EpisodeId(0)))?;
            std::thread::sleep(begun.elapsed());
        }
        Ok(())
    }

    /// The counters of the strategies.
    pub fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.memory.counters()
    }
}

/// Plays a script to its end, with exactly `steps` steps: a shorter script starts over.
pub async fn play(memory: &Memory, script: &Script, steps: usize) -> Result<EpisodeId> {
    let id = memory.start_episode(script.start.clone()).await?;
    for step in script.steps.iter().cycle().take(steps) {
        memory.log_step(id, step.clone()).await?;
    }
    memory.complete_episode(id, script.outcome.clone()).await?;
    Ok(id)
}

/// Checks that an episode is stored as it was played.
pub async fn check_stored(memory: &Memory, id: EpisodeId, expected: &[&NewStep], completed: bool) -> Result<()> {
    let episode = memory.get_episode(id).await?.with_context(|| format!("episode {id} is not stored"))?;
    ensure!(
        episode.steps.len() == expected.len(),
        "episode {id} has {} steps, not {}",
        episode.steps.len(),
        expected.len()
    );
    for (step, expected) in episode.steps.iter().zip(expected) {
        ensure!(
            step.tool == expected.tool && step.action == expected.action && step.observation == expected.observation,
            "step {} of episode {id} is not the one that was logged",
            step.number
        );
    }
    ensure!(episode.head.completion.is_some() == completed, "episode {id}: completed is not {completed}");
    Ok(())
}
