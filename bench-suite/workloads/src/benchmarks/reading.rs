//! Reading stored episodes: by one id, by many ids at once, and by id with more episodes than a cache holds.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use memory::{EpisodeId, Options, PoolKind};
use rand::RngExt;
use rand_distr::{Distribution, Zipf};
use rand_pcg::Pcg64;

use super::Fixture;
use worker::Prepared;

use crate::benchmark::Setup;
use crate::input::Input;

/// Episodes that `episode/get` and `episode/get_many` choose from.
const STORED: usize = 32;

/// The number of ids in one `episode/get_many`.
const MANY: usize = 10;

/// The benchmark with a full cache, which has to choose what to keep.
pub const CROWDED: &str = "episode/get_crowded";

/// Episodes that it chooses from, and how many of them a cache holds.
const CROWD: usize = 128;
const PLACES: usize = 16;

/// The skew of the choice: YCSB's default.
const SKEW: f64 = 0.99;

/// The operation of `episode/get`.
pub fn get(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    reading(setup, 1)
}

/// The operation of `episode/get_many`.
pub fn get_many(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    reading(setup, MANY)
}

/// The operation of `episode/get_crowded`.
pub fn get_crowded(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    let fixture = Fixture::with(setup, Options { cache_capacity: PLACES, ..Options::default() })?;
    let zipf = Zipf::new(CROWD as f64, SKEW).context("no such distribution")?;
    let mut random = seeded(setup.input);
    // The most popular comes first. It was also stored first, so everything else was read after it.
    let order = (0..1024).map(|_| zipf.sample(&mut random) as usize - 1).collect();
    warmed(fixture, setup, CROWD, 1, order)
}

struct Reading {
    fixture: Fixture,
    stored: Vec<(EpisodeId, usize)>,
    many: usize,
    /// The order of the reads, repeated.
    order: Vec<usize>,
    next: usize,
    steps_read: u64,
    steps_expected: u64,
}

fn reading(setup: &Setup<'_>, many: usize) -> Result<Box<dyn Prepared>> {
    let mut random = seeded(setup.input);
    let order = (0..1024).map(|_| random.random_range(0..STORED)).collect();
    warmed(Fixture::new(setup)?, setup, STORED, many, order)
}

fn warmed(
    fixture: Fixture,
    setup: &Setup<'_>,
    episodes: usize,
    many: usize,
    order: Vec<usize>,
) -> Result<Box<dyn Prepared>> {
    let mut stored = Vec::with_capacity(episodes);
    for script in setup.input.scripts.iter().cycle().take(episodes) {
        stored.push((fixture.play(script, script.steps.len())?, script.steps.len()));
    }
    // Read each once, so that the cache is warm and a connection open.
    for (id, _) in &stored {
        fixture.runtime.block_on(fixture.memory.get_episode(*id))?;
    }
    if setup.variant.pool == PoolKind::Adaptive {
        fixture.settle()?;
    }
    Ok(Box::new(Reading { fixture, stored, many, order, next: 0, steps_read: 0, steps_expected: 0 }))
}

fn seeded(input: &Input) -> Pcg64 {
    Pcg64::new(u128::from(input.seed), 0x0a02_bdbf_7bb3_c0a7_ac28_fa16_a64a_bf96)
}

impl Prepared for Reading {
    fn run(&mut self, operations: u64) -> Result<()> {
        let Reading { fixture, stored, many, order, next, steps_read, steps_expected } = self;
        let mut choose = || {
            let (id, steps) = stored[order[*next % order.len()]];
            *next += 1;
            *steps_expected += steps as u64;
            id
        };
        fixture.runtime.block_on(async {
            for _ in 0..operations {
                if *many == 1 {
                    let episode =
                        fixture.memory.get_episode(choose()).await?.context("a stored episode is not found")?;
                    *steps_read += episode.steps.len() as u64;
                } else {
                    let ids: Vec<EpisodeId> = (0..*many).map(|_| choose()).collect();
                    for episode in fixture.memory.get_episodes(&ids).await? {
                        *steps_read += episode.context("a stored episode is not found")?.steps.len() as u64;
                    }
                }
            }
            Ok(())
        })
    }

    fn check(&mut self) -> Result<()> {
        ensure!(
            self.steps_read == self.steps_expected,
            "{} steps were read, {} are stored",
            self.steps_read,
            self.steps_expected
        );
        Ok(())
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.fixture.counters()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use crate::input::Source;

    #[test]
    fn a_pool_that_follows_the_demand_has_settled_before_anything_is_counted() {
        let case = cases::find("episode_get_libsql_adaptive", &[]).expect("listed");
        let input = Source::default().load(case.benchmark.episodes).expect("generated");
        let mut prepared = get(&Setup { variant: case.variant, input: &input, remote: None }).expect("set up");
        let moved = |prepared: &dyn Prepared| {
            let counters = prepared.counters();
            counters["permits_shrunk"] - counters["permits_grown"]
        };
        // From four, its first limit, to one.
        assert_eq!(moved(prepared.as_ref()), 3);
        prepared.run(200).expect("reads");
        assert_eq!(moved(prepared.as_ref()), 3);
    }
}
