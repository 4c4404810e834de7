//! Recall: what part of a scan's answers the index of retrieval finds, and what an answer costs.
//!
//! Two memories hold the same episodes. One scans, which is the truth; the other has the index. Both are asked in
//! turns, so that their times can be compared. [`Retrieving`] is the one with the index alone, to be counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use memory::{EpisodeId, IdSource, ManualClock, Memory, Options, Outcome, Query, Retrieved, StartEpisode};
use tokio::runtime::{Builder, Runtime};
use worker::Prepared;

use crate::natural::{Asked, Clustered, Data};

/// The number of best results that are compared.
pub const LIMIT: usize = 10;

/// The same episodes, scanned and indexed.
pub struct ScanAndIndex {
    data: Data,
    seed: u64,
    scanning: Memory,
    indexing: Memory,
    stored: usize,
}

/// What the two answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// The part of the scan's results that the index found, from 0 to 1.
    pub recall: f64,
    /// The median time of a scan over that of a retrieval by the index.
    pub times_as_fast: f64,
    /// The episodes that the index scored, for one query.
    pub scored: u64,
}

impl ScanAndIndex {
    /// Two empty memories.
    pub async fn open(data: Data, seed: u64) -> Result<ScanAndIndex> {
        let (scanning, indexing) = (open(data, seed, "scan").await?, open(data, seed, "indexed").await?);
        Ok(ScanAndIndex { data, seed, scanning, indexing, stored: 0 })
    }

    /// The number of episodes in each.
    pub fn stored(&self) -> usize {
        self.stored
    }

    /// Stores one more episode in both.
    pub async fn add(&mut self) -> Result<()> {
        let start = self.data.episode(self.seed, self.stored);
        complete(&self.scanning, start.clone()).await?;
        complete(&self.indexing, start).await?;
        self.stored += 1;
        Ok(())
    }

    /// Asks both so many queries; every second one has a context.
    pub async fn compare(&self, asked: Asked, queries: usize) -> Result<Compared> {
        let (mut right, mut found) = (0, 0);
        let (mut scan_times, mut index_times) = (Vec::new(), Vec::new());
        let before = self.indexing.counters()["episodes_scored"];
        for number in 0..queries {
            let query = query(self.data.query(self.seed, asked, number, queries, self.stored), number);
            let expected = timed(&self.scanning, &query, &mut scan_times).await?;
            let answer = timed(&self.indexing, &query, &mut index_times).await?;
            right += expected.len();
            found += found_of(&expected, &answer);
        }
        let scored = (self.indexing.counters()["episodes_scored"] - before) / queries as u64;
        let times_as_fast = median(scan_times) / median(index_times);
        Ok(Compared { recall: found as f64 / right as f64, times_as_fast, scored })
    }
}

/// A memory with the index, and the queries of one kind, which are the operations.
pub struct Retrieving {
    runtime: Runtime,
    memory: Memory,
    queries: Vec<Query>,
    asked: usize,
    short: usize,
}

impl Retrieving {
    /// So many queries to a memory of so many episodes, whose index is made.
    ///
    /// # Errors
    /// The memory refused something.
    pub fn among(data: Data, asked: Asked, stored: usize, queries: usize, seed: u64) -> Result<Retrieving> {
        let runtime = Builder::new_current_thread().build().context("no runtime")?;
        let memory = runtime.block_on(async {
            let memory = open(data, seed, "indexed").await?;
            for number in 0..stored {
                complete(&memory, data.episode(seed, number)).await?;
            }
            memory.retrieve(&query(data.episode(seed, 0), 0)).await?;
            anyhow::Ok(memory)
        })?;
        let queries = (0..queries).map(|number| query(data.query(seed, asked, number, queries, stored), number));
        Ok(Retrieving { runtime, memory, queries: queries.collect(), asked: 0, short: 0 })
    }
}

impl Prepared for Retrieving {
    fn run(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            let query = &self.queries[self.asked % self.queries.len()];
            let found = self.runtime.block_on(self.memory.retrieve(query))?;
            self.short += usize::from(found.len() != LIMIT);
            self.asked += 1;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        ensure!(self.short == 0, "{} of {} retrievals returned fewer than {LIMIT}", self.short, self.asked);
        Ok(())
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.memory.counters()
    }
}

/// An empty memory with that retrieval.
async fn open(data: Data, seed: u64, retrieval: &str) -> Result<Memory> {
    let options = Options {
        clock: Arc::new(ManualClock::new(1_700_000_000_000_000_000)),
        ids: IdSource::seeded(seed),
        ..Options::default()
    };
    let options = match data {
        Data::Text => options,
        Data::Vectors => Options { embedder: Arc::new(Clustered), ..options },
    };
    Ok(Memory::open(&format!("retrieval={retrieval},sharing=arc").parse()?, options).await?)
}

/// The query for such an episode; every second one has a context.
fn query(StartEpisode { task, context, .. }: StartEpisode, number: usize) -> Query {
    Query { text: task, context: (number % 2 == 1).then_some(context), limit: LIMIT }
}

/// The number of right results that were found.
pub fn found_of(right: &[Retrieved], found: &[Retrieved]) -> usize {
    let ids: Vec<EpisodeId> = found.iter().map(|one| one.id).collect();
    right.iter().filter(|one| ids.contains(&one.id)).count()
}

async fn complete(memory: &Memory, start: StartEpisode) -> Result<()> {
    let id = memory.start_episode(start).await?;
    memory.complete_episode(id, Outcome::Success { verdict: String::new() }).await?;
    Ok(())
}

async fn timed(memory: &Memory, query: &Query, times: &mut Vec<f64>) -> Result<Vec<Retrieved>> {
    let begun = Instant::now();
    let answer = memory.retrieve(query).await?;
    times.push(begun.elapsed().as_secs_f64());
    Ok(answer)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_finds_what_a_scan_finds_and_scores_little() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // From 16,384 vectors on, the index has cells.
        for (data, episodes, least) in
            [(Data::Text, 6_000, 1.0), (Data::Vectors, 6_000, 0.95), (Data::Vectors, 40_000, 0.95)]
        {
            runtime.block_on(async {
                let mut pair = ScanAndIndex::open(data, 11).await.unwrap();
                for _ in 0..episodes {
                    pair.add().await.unwrap();
                }
                for asked in [Asked::Known, Asked::New, Asked::Unlike] {
                    let Compared { recall, scored, .. } = pair.compare(asked, 40).await.unwrap();
                    assert!(recall >= least, "{episodes} {data:?} {asked:?}: {recall}");
                    assert!(scored <= episodes / 5, "{episodes} {data:?} {asked:?}: {scored} scored");
                }
            });
        }
    }
}
