//! Several writers at once, and writers that go away in the middle: steps keep their numbers, without gaps and without
//! doubles.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use memory::{
    CacheKind, EpisodeId, Error, ManualClock, Memory, NewStep, Outcome, StartEpisode, StoreKind, Variant, WriteKind,
};
use tokio::runtime::Builder;

use crate::open;

/// Every store with a cache and at its first durability class, under both kinds of writes.
fn variants() -> impl Iterator<Item = Variant> {
    let durable = |store: StoreKind, writes, cache| Variant {
        store,
        durability: store.durabilities()[0],
        cache,
        writes,
        ..Variant::naive()
    };
    // Each cache with a store, as the naive one keeps nothing that could be old.
    let caches = CacheKind::ALL[1..].iter().copied().cycle();
    let pairs = StoreKind::ALL.iter().flat_map(|&store| WriteKind::ALL.iter().map(move |&writes| (store, writes)));
    pairs.zip(caches).map(move |((store, writes), cache)| durable(store, writes, cache))
}

fn step(observation: String) -> NewStep {
    NewStep { tool: "shell".to_owned(), observation, ..NewStep::default() }
}

/// The observations of the episode's steps, whose numbers are their places.
async fn observations(memory: &Memory, id: EpisodeId) -> Vec<String> {
    let episode = memory.get_episode(id).await.expect("reads").expect("is there");
    let numbers: Vec<u32> = episode.steps.iter().map(|step| step.number).collect();
    assert_eq!(numbers, (0..episode.steps.len() as u32).collect::<Vec<_>>());
    episode.steps.iter().map(|step| step.observation.clone()).collect()
}

#[test]
fn concurrent_steps_of_one_episode_get_neighbouring_numbers() {
    const WRITERS: usize = 8;
    const STEPS: usize = 10;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    for variant in variants() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        runtime.block_on(async {
            let memory = Arc::new(open(&variant, folder.path(), &Arc::new(ManualClock::new(1))).await);
            let id = memory.start_episode(StartEpisode::default()).await.expect("starts");
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let memory = Arc::clone(&memory);
                    tokio::spawn(async move {
                        let mut numbers = Vec::new();
                        for number in 0..STEPS {
                            numbers.push(memory.log_step(id, step(format!("{writer}.{number}"))).await.expect("logs"));
                            // Reads in between try to put old episodes into the cache.
                            let seen = memory.get_episode(id).await.expect("reads").expect("is there");
                            assert!(seen.steps.len() > numbers[number] as usize, "{}", memory.variant());
                        }
                        numbers
                    })
                })
                .collect();
            let mut numbers = BTreeSet::new();
            for writer in writers {
                let written = writer.await.expect("no panic");
                assert!(written.is_sorted());
                numbers.extend(written);
            }
            assert_eq!(numbers.len(), WRITERS * STEPS, "{variant}");
            assert_eq!(
                observations(&memory, id).await.iter().collect::<BTreeSet<_>>().len(),
                WRITERS * STEPS,
                "{variant}"
            );
            memory.close().await.expect("closes");
        });
    }
}

#[test]
fn a_caller_that_goes_away_leaves_no_gap() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    for variant in variants() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        runtime.block_on(async {
            let memory = open(&variant, folder.path(), &Arc::new(ManualClock::new(1))).await;
            let id = memory.start_episode(StartEpisode::default()).await.expect("starts");
            let mut acknowledged = Vec::new();
            for polls in 0..12 {
                let text = format!("given up after {polls} polls");
                if poll_some(memory.log_step(id, step(text.clone())), polls).await.is_some() {
                    acknowledged.push(text);
                }
                let text = format!("logged after {polls}");
                memory.log_step(id, step(text.clone())).await.expect("logs");
                acknowledged.push(text);
            }
            let stored = observations(&memory, id).await;
            let missing = acknowledged.iter().find(|text| !stored.contains(text));
            assert_eq!(missing, None, "{variant}");

            for polls in 0..3 {
                poll_some(memory.complete_episode(id, Outcome::Abstained { reason: String::new() }), polls).await;
            }
            let completed = memory.complete_episode(id, Outcome::Success { verdict: String::new() }).await;
            let refused = memory.log_step(id, step(String::new())).await;
            assert!(matches!(completed, Ok(_) | Err(Error::EpisodeCompleted { .. })), "{variant}: {completed:?}");
            assert!(matches!(refused, Err(Error::EpisodeCompleted { .. })), "{variant}: {refused:?}");
            assert_eq!(observations(&memory, id).await, stored, "{variant}");
            memory.close().await.expect("closes");
        });
    }
}

/// Polls a future that often at the most, then drops it: what a server does when its client hangs up.
async fn poll_some<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(value);
        }
        tokio::task::yield_now().await;
    }
    None
}
