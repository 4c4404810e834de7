//! Any two strategies of any two toggles, in any store, give the answers of a plain `BTreeMap`, under random sequences
//! of operations, also after closing and reopening the store; and a store that one variant wrote is read by every
//! other.
//!
//! The sequences are random but the same in every run: each variant has its own seed, made of its name. A sequence that
//! fails is shrunk and printed by proptest.

mod covering;
mod operation;
mod reference;
mod writers;

use std::path::Path;
use std::sync::Arc;

use memory::{Codec, Compression, IdSource, ManualClock, Memory, NewStep, Options, StartEpisode, StoreKind, Variant};
use operation::Operation;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseResult, TestError, TestRng, TestRunner};
use reference::Model;
use tokio::runtime::{Builder, Runtime};

/// Sequences tried on each variant, and the most operations of one.
const CASES: u32 = 6;
const OPERATIONS: usize = 50;

/// A memory of that variant in `folder`, with a small cache of short time, so that it also evicts and expires.
pub async fn open(variant: &Variant, folder: &Path, clock: &Arc<ManualClock>) -> Memory {
    let options = Options {
        path: Some(folder.join("memory.db")),
        clock: Arc::clone(clock) as Arc<dyn memory::Clock>,
        ids: IdSource::seeded(7),
        threshold_bytes: 128,
        cache_capacity: 3,
        cache_ttl_ns: 12,
        flush_interval_ns: 0, // the clock does not move while one waits
        ..Options::default()
    };
    Memory::open(variant, options).await.expect("a temporary folder takes a store")
}

/// Both kinds of runtime are tried: stores hand blocking work over on the one and not on the other.
fn runtime(multi_thread: bool) -> Runtime {
    let mut builder = if multi_thread { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    builder.worker_threads(1).enable_all().build().expect("a runtime")
}

#[test]
fn memory_is_the_model() {
    every_variant_is_the_model(StoreKind::Memory);
}

#[test]
fn redb_is_the_model() {
    every_variant_is_the_model(StoreKind::Redb);
}

#[test]
fn libsql_is_the_model() {
    every_variant_is_the_model(StoreKind::Libsql);
}

#[test]
fn tiered_is_the_model() {
    every_variant_is_the_model(StoreKind::Tiered);
}

fn every_variant_is_the_model(store: StoreKind) {
    let variants = covering::variants(|variant| variant.store == store);
    assert!(!variants.is_empty());
    let runtimes = [runtime(false), runtime(true)];
    for (place, variant) in variants.iter().enumerate() {
        let seed = memory::hash::fnv1a(variant.to_string().as_bytes()).to_le_bytes().repeat(4);
        let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
        let runtime = &runtimes[place % 2];
        let tried =
            runner.run(&operation::sequences(OPERATIONS), |operations| runtime.block_on(run(variant, operations)));
        match tried {
            Ok(()) => {}
            Err(TestError::Fail(reason, operations)) => panic!("{variant}: {reason}\nafter {operations:#?}"),
            Err(error) => panic!("{variant}: {error}"),
        }
    }
}

/// Does every operation to the memory and to the model, and compares the answers.
async fn run(variant: &Variant, operations: Vec<Operation>) -> TestCaseResult {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(ManualClock::new(1));
    let mut memory = open(variant, folder.path(), &clock).await;
    let mut model = Model::default();
    for operation in operations {
        clock.advance(1);
        if matches!(operation, Operation::Reopen) && variant.store != StoreKind::Memory {
            memory.close().await.expect("a store closes");
            memory = open(variant, folder.path(), &clock).await;
        } else {
            model.check(&memory, &clock, operation).await?;
        }
    }
    model.check_everything(&memory).await?;
    if variant.store != StoreKind::Memory {
        memory.close().await.expect("a store closes");
        drop(memory);
        model.check_everything(&open(variant, folder.path(), &clock).await).await?;
    }
    Ok(())
}

#[test]
fn redb_is_read_by_every_codec_and_compression() {
    every_pair_reads_what_every_pair_wrote(StoreKind::Redb);
}

#[test]
fn libsql_is_read_by_every_codec_and_compression() {
    every_pair_reads_what_every_pair_wrote(StoreKind::Libsql);
}

#[test]
fn tiered_is_read_by_every_codec_and_compression() {
    every_pair_reads_what_every_pair_wrote(StoreKind::Tiered);
}

fn every_pair_reads_what_every_pair_wrote(store: StoreKind) {
    let naive = Variant { store, durability: store.durabilities()[0], ..Variant::naive() };
    let pairs = Codec::ALL
        .iter()
        .flat_map(|&codec| Compression::ALL.iter().map(move |&compression| Variant { codec, compression, ..naive }));
    let pairs: Vec<Variant> = pairs.collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(ManualClock::new(1));
    runtime(false).block_on(async {
        let mut model = Model::default();
        let mut open_episode = None;
        for variant in &pairs {
            let memory = open(variant, folder.path(), &clock).await;
            // One episode that the next pair completes, so that a single episode mixes formats, and its steps on both
            // sides of the threshold.
            let task = format!("written by {variant}");
            let id = memory.start_episode(StartEpisode { task, ..StartEpisode::default() }).await.expect("starts");
            let mut steps = vec![(id, "short".to_owned()), (id, "a long observation, again\n".repeat(40))];
            steps.extend(open_episode.map(|id| (id, format!("appended by {variant}"))));
            for (id, observation) in steps {
                let step = NewStep { tool: "shell".to_owned(), observation, ..NewStep::default() };
                memory.log_step(id, step).await.expect("logs");
            }
            if let Some(id) = open_episode.replace(id) {
                let outcome = memory::Outcome::Success { verdict: variant.to_string() };
                memory.complete_episode(id, outcome).await.expect("completes");
            }
            // What this pair reads of its own writing is what all others must read.
            for id in [Some(id), model.last()].into_iter().flatten() {
                let episode = memory.get_episode(id).await.expect("reads").expect("it is there");
                model.adopt(episode);
            }
            model.adopt_patterns(memory.patterns().await.expect("reads"));
            memory.close().await.expect("closes");
        }
        for variant in &pairs {
            let memory = open(variant, folder.path(), &clock).await;
            model.check_everything(&memory).await.unwrap_or_else(|error| panic!("{variant}: {error}"));
            memory.close().await.expect("closes");
        }
    });
}
