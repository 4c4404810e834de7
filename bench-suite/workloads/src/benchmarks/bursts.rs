//! A changing load: few callers, many, few again, as a pool that follows the demand is made for.
//!
//! It also sums the time that connections were open and the time that they were in use. Both change only when a fetch
//! begins or ends, so they are added up there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use memory::{EpisodeId, Memory};
use tokio::task::JoinSet;

use super::Fixture;
use worker::Prepared;

use crate::benchmark::Setup;

/// Concurrent callers of each burst. They are the same for every seed: the load is part of the definition.
const CALLERS: [usize; 6] = [2, 24, 4, 40, 2, 12];

/// Episodes that each caller of a burst fetches, one by one.
const GETS: usize = 6;

/// Episodes that the callers choose from.
const STORED: usize = 16;

/// Open connections that read nothing: the writer's, and the one that made the tables, whose closing is not counted.
const NOT_READING: u64 = 2;

/// Time that connections were in use, and that they were open, ns, summed over connections.
pub const BUSY: &str = "connection_busy_ns";
/// See [`BUSY`].
pub const OPEN: &str = "connection_open_ns";

struct Bursts {
    fixture: Fixture,
    ids: Arc<Vec<EpisodeId>>,
    gauge: Arc<Mutex<Gauge>>,
    fetched: u64,
    expected: u64,
}

/// The fetches under way, and the times summed so far.
#[derive(Default)]
struct Gauge {
    since: Option<Instant>,
    under_way: u64,
    busy_ns: u64,
    open_ns: u64,
}

/// The operation of `episode/burst`.
pub fn gets(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    let fixture = Fixture::new(setup)?;
    let scripts = setup.input.scripts.iter().cycle().take(STORED);
    let ids = scripts.map(|script| fixture.play(script, 1)).collect::<Result<Vec<EpisodeId>>>()?;
    // Fetch each once, so that the cache is warm and a connection open.
    for id in &ids {
        fixture.runtime.block_on(fixture.memory.get_episode(*id))?;
    }
    Ok(Box::new(Bursts { fixture, ids: Arc::new(ids), gauge: Arc::default(), fetched: 0, expected: 0 }))
}

impl Prepared for Bursts {
    fn run(&mut self, operations: u64) -> Result<()> {
        let Bursts { fixture, ids, gauge, fetched, expected } = self;
        fixture.runtime.block_on(async {
            lock(gauge).since = None; // the time between two slices does not count
            for _ in 0..operations {
                for callers in CALLERS {
                    let mut burst = JoinSet::new();
                    for caller in 0..callers {
                        burst.spawn(call(caller, Arc::clone(&fixture.memory), Arc::clone(ids), Arc::clone(gauge)));
                    }
                    while let Some(called) = burst.join_next().await {
                        *fetched += called.context("a caller panicked")??;
                    }
                    *expected += (callers * GETS) as u64;
                }
            }
            Ok(())
        })
    }

    fn check(&mut self) -> Result<()> {
        ensure!(self.fetched == self.expected, "{} episodes of {} were fetched", self.fetched, self.expected);
        Ok(())
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        let gauge = lock(&self.gauge);
        let mut counters = self.fixture.counters();
        counters.extend([(BUSY, gauge.busy_ns), (OPEN, gauge.open_ns)]);
        counters
    }
}

/// Fetches episodes one by one; returns the number of those with the one step that they were stored with.
async fn call(caller: usize, memory: Arc<Memory>, ids: Arc<Vec<EpisodeId>>, gauge: Arc<Mutex<Gauge>>) -> Result<u64> {
    let mut right = 0;
    for get in 0..GETS {
        lock(&gauge).changes(&memory, 1);
        let episode = memory.get_episode(ids[(caller * GETS + get) % ids.len()]).await;
        lock(&gauge).changes(&memory, -1);
        right += u64::from(episode?.is_some_and(|episode| episode.steps.len() == 1));
    }
    Ok(right)
}

impl Gauge {
    /// A fetch begins or ends.
    fn changes(&mut self, memory: &Memory, by: i64) {
        let counters = memory.counters();
        let open = (counters["connections_opened"] - counters["connections_retired"]).saturating_sub(NOT_READING);
        let now = Instant::now();
        let elapsed_ns = self.since.map_or(0, |since| now.duration_since(since).as_nanos() as u64);
        // Fetches that wait for a connection do not use one.
        self.busy_ns += self.under_way.min(open) * elapsed_ns;
        self.open_ns += open * elapsed_ns;
        self.under_way = self.under_way.saturating_add_signed(by);
        self.since = Some(now);
    }
}

fn lock(gauge: &Mutex<Gauge>) -> MutexGuard<'_, Gauge> {
    gauge.lock().unwrap_or_else(PoisonError::into_inner)
}
