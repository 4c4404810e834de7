//! Growth: how the cost of an episode depends on the number of episodes that are stored already.
//!
//! Stores of different sizes get more episodes in turns, a few at a time, so that all meet the same state of the
//! machine. CPU time is the process's: some engines write in threads of their own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use memory::{IdSource, ManualClock, Memory, Options, StoreKind, Variant};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use crate::benchmarks::{play, retrieval};
use crate::input::Input;
use crate::scratch;

/// Steps of an episode. With its start and its completion an episode is five writes.
const STEPS: usize = 3;

/// Nanoseconds between two episodes on the memory's clock.
const BETWEEN_NS: u64 = 10_000_000;

/// A store that grows.
pub struct Growing<'a> {
    input: &'a Input,
    variant: Variant,
    clock: Arc<ManualClock>,
    memory: Memory,
    episodes: usize,
    path: Option<PathBuf>,
    // Dropped last: the memory's files are in it.
    _folder: Option<TempDir>,
}

/// The cost of some episodes.
#[derive(Debug, Clone, Copy)]
pub struct EpisodeCost {
    /// CPU time of one episode, in nanoseconds.
    pub cpu_ns: f64,
    /// Wall time of one episode, in nanoseconds.
    pub wall_ns: f64,
}

/// The time that it took to open a store and to answer the first retrieval.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// CPU time, of all threads.
    pub cpu: Duration,
    /// Wall time.
    pub wall: Duration,
}

impl<'a> Growing<'a> {
    /// An empty store of the variant, in a file in a temporary folder.
    pub async fn open(variant: &Variant, input: &'a Input) -> Result<Growing<'a>> {
        let folder = (variant.store != StoreKind::Memory).then(scratch::folder).transpose()?;
        let path = folder.as_ref().map(|folder| folder.path().join("memory"));
        let clock = Arc::new(ManualClock::new(1_700_000_000_000_000_000));
        let memory = open(variant, path.clone(), &clock, IdSource::seeded(input.seed)).await?;
        Ok(Growing { input, variant: *variant, clock, memory, episodes: 0, path, _folder: folder })
    }

    /// The number of episodes that it holds.
    pub fn episodes(&self) -> usize {
        self.episodes
    }

    /// Adds episodes: natural tasks have steps of the input, and each is started, logged and completed.
    pub async fn add(&mut self, episodes: usize) -> Result<EpisodeCost> {
        let scripts = &self.input.scripts;
        let of = |number: usize| {
            let script = retrieval::script(self.input, number);
            episodes::api::Script { steps: scripts[number % scripts.len()].steps.clone(), ..script }
        };
        let added: Vec<_> = (self.episodes..self.episodes + episodes).map(of).collect();
        let (cpu, wall) = (cpu_time(), Instant::now());
        for script in &added {
            play(&self.memory, script, STEPS).await?;
            self.clock.advance(BETWEEN_NS);
        }
        let each = |time: Duration| time.as_nanos() as f64 / episodes as f64;
        let cost = EpisodeCost { cpu_ns: each(cpu_time() - cpu), wall_ns: each(wall.elapsed()) };
        self.episodes += episodes;
        Ok(cost)
    }

    /// Closes the store and opens it again. Returns how long the opening took until the first retrieval was answered;
    /// nothing if the store has no file.
    pub async fn reopen(&mut self) -> Result<Option<Opening>> {
        let Some(path) = &self.path else { return Ok(None) };
        self.memory.close().await?;
        let ids = IdSource::seeded(self.input.seed);
        ids.skip(self.episodes as u64);
        let (cpu, begun) = (cpu_time(), Instant::now());
        self.memory = open(&self.variant, Some(path.clone()), &self.clock, ids).await?;
        let text = retrieval::script(self.input, 0).start.task;
        let found = self.memory.retrieve(&memory::Query { text, context: None, limit: 1 }).await?;
        let took = Opening { cpu: cpu_time() - cpu, wall: begun.elapsed() };
        anyhow::ensure!(!found.is_empty(), "nothing was found after {} was opened again", path.display());
        Ok(Some(took))
    }

    /// Bytes of its file; nothing if it has none.
    pub fn stored_bytes(&self) -> Result<Option<u64>> {
        let size = |path: &PathBuf| {
            let metadata = path.metadata().with_context(|| format!("can't read {}", path.display()));
            metadata.map(|metadata| metadata.len())
        };
        self.path.as_ref().map(size).transpose()
    }
}

async fn open(variant: &Variant, path: Option<PathBuf>, clock: &Arc<ManualClock>, ids: IdSource) -> Result<Memory> {
    let clock: Arc<ManualClock> = Arc::clone(clock);
    // The clock stands still while a batch waits.
    let options = Options { path, clock, ids, flush_interval_ns: 0, ..Options::default() };
    Ok(Memory::open(variant, options).await?)
}

/// The CPU time of this process.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The memory of this process that is in RAM, in bytes; nothing where there is no `/proc`.
pub fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Source;

    #[test]
    fn a_store_grows_and_finds_its_episodes_after_it_was_opened_again() {
        let input = Source::default().load(8).expect("generated");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        for (variant, has_file) in [("store=redb,durability=buffered", true), ("store=memory", false)] {
            runtime.block_on(async {
                let mut store = Growing::open(&variant.parse().unwrap(), &input).await.unwrap();
                let cost = store.add(40).await.unwrap();
                assert!(cost.cpu_ns > 0.0 && cost.wall_ns > 0.0, "{cost:?}");
                assert_eq!(store.reopen().await.unwrap().is_some(), has_file);
                store.add(20).await.unwrap();
                assert_eq!(store.episodes(), 60);
                let stats = store.memory.stats().await.unwrap();
                assert_eq!((stats.episodes, stats.steps), (60, 180), "{variant}: ids go on where they were");
                assert_eq!(store.stored_bytes().unwrap().is_some_and(|bytes| bytes > 10_000), has_file);
            });
        }
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }

    /// Prints the time to open stores of 100,000 episodes, or of `ASSAY_EPISODES`, until a retrieval is answered.
    #[test]
    #[ignore = "fills large stores, for minutes"]
    fn large_stores_are_opened() {
        let episodes = std::env::var("ASSAY_EPISODES").map_or(100_000, |episodes| episodes.parse().unwrap());
        let input = Source::default().load(8).expect("generated");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        for variant in [
            "store=redb,codec=postcard,embedding=f32-blob",
            "store=redb",
            "store=libsql,codec=postcard,embedding=postcard,pool=keepalive",
            "store=libsql,pool=keepalive",
        ] {
            let indexed = format!("{variant},retrieval=indexed").parse().unwrap();
            runtime.block_on(async {
                let mut store = Growing::open(&indexed, &input).await.unwrap();
                store.add(episodes).await.unwrap();
                let Opening { cpu, wall } = store.reopen().await.unwrap().expect("it has a file");
                println!("{variant}: {} ms, {} ms CPU", wall.as_millis(), cpu.as_millis());
            });
        }
    }
}
