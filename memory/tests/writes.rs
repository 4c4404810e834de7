//! Batched writes: who writes at the same time shares a commit, and nobody is told before it.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use memory::{
    Clock, EpisodeId, ManualClock, Memory, NewStep, Options, Outcome, Query, StartEpisode, StoreKind, Variant,
};
use tokio::task::{JoinSet, yield_now};

const WRITERS: u64 = 8;

fn options(folder: &Path, clock: &Arc<ManualClock>) -> Options {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    Options { path: Some(folder.join("memory.db")), clock, flush_interval_ns: 0, ..Options::default() }
}

async fn open(variant: &str, options: Options) -> Arc<Memory> {
    let variant: Variant = variant.parse().expect("a valid variant");
    Arc::new(Memory::open(&variant, options).await.expect("a temporary folder takes a store"))
}

async fn start(memory: &Memory, episodes: u64) -> Vec<EpisodeId> {
    let mut ids = Vec::new();
    for _ in 0..episodes {
        ids.push(memory.start_episode(StartEpisode::default()).await.expect("starts"));
    }
    ids
}

/// One step to each of the episodes, all at the same time.
async fn log_each(memory: &Arc<Memory>, ids: &[EpisodeId]) {
    let mut writers = JoinSet::new();
    for &id in ids {
        let memory = Arc::clone(memory);
        writers.spawn(async move { memory.log_step(id, NewStep::default()).await });
    }
    while let Some(logged) = writers.join_next().await {
        logged.expect("no panic").expect("logs");
    }
}

/// What `work` adds to the counters named.
async fn added<const N: usize>(memory: &Memory, names: [&str; N], work: impl Future<Output = ()>) -> [u64; N] {
    let before = memory.counters();
    work.await;
    let after = memory.counters();
    names.map(|name| after[name] - before[name])
}

const SEEN: [&str; 5] = ["steps_appended", "transactions", "batches", "batched_writes", "shared_commits"];

#[tokio::test]
async fn steps_of_one_moment_share_a_commit_and_immediate_ones_do_not() {
    for &store in StoreKind::ALL {
        for (writes, expected) in [("immediate", [24, 24, 0, 0, 0]), ("batched", [24, 3, 3, 24, 24])] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let variant = format!("store={store},writes={writes},pool=keepalive");
            let memory = open(&variant, options(folder.path(), &Arc::new(ManualClock::new(1)))).await;
            let ids = start(&memory, WRITERS).await;
            let rounds = async {
                for _ in 0..3 {
                    log_each(&memory, &ids).await;
                }
            };
            let mut expected = expected;
            if store == StoreKind::Tiered {
                expected[1] *= 2; // one of the record and one of the tier
            }
            assert_eq!(added(&memory, SEEN, rounds).await, expected, "{variant}");
            for id in ids {
                let episode = memory.get_episode(id).await.expect("reads").expect("is there");
                assert!(episode.steps.iter().map(|step| step.number).eq(0..3), "{variant}");
            }
        }
    }
}

/// An episode of two steps.
async fn whole_episode(memory: Arc<Memory>) -> EpisodeId {
    let id = memory.start_episode(StartEpisode::default()).await.expect("starts");
    for _ in 0..2 {
        memory.log_step(id, NewStep::default()).await.expect("logs");
    }
    memory.complete_episode(id, Outcome::Success { verdict: String::new() }).await.expect("completes");
    id
}

#[tokio::test]
async fn whole_episodes_of_one_moment_share_their_commits_from_start_to_completion() {
    for &store in StoreKind::ALL {
        for (writes, expected) in [("immediate", 4 * WRITERS), ("batched", 4)] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let variant = format!("store={store},writes={writes},pool=keepalive");
            let memory = open(&variant, options(folder.path(), &Arc::new(ManualClock::new(1)))).await;
            let mut ids = Vec::new();
            let episodes = async {
                let mut agents = JoinSet::new();
                for _ in 0..WRITERS {
                    agents.spawn(whole_episode(Arc::clone(&memory)));
                }
                while let Some(done) = agents.join_next().await {
                    ids.push(done.expect("no panic"));
                }
            };
            let [transactions] = added(&memory, ["transactions"], episodes).await;
            let copies = if store == StoreKind::Tiered { 2 } else { 1 };
            assert_eq!(transactions, expected * copies, "{variant}");
            let episodes = memory.get_episodes(&ids).await.expect("reads");
            for episode in episodes {
                let episode = episode.expect("is there");
                assert!(episode.head.completion.is_some() && episode.steps.len() == 2, "{variant}");
            }
            let seen = memory.patterns().await.expect("reads");
            assert!(seen.iter().all(|pattern| pattern.occurrences >= WRITERS), "{variant}: no merge was lost");
        }
    }
}

/// Polls a call that often at the most, then drops it, as a server does whose client hangs up.
async fn give_up<T>(call: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut call = pin!(call);
    for _ in 0..polls {
        if let Poll::Ready(done) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(done);
        }
        yield_now().await;
    }
    None
}

#[tokio::test]
async fn a_clock_that_is_set_back_prolongs_no_wait() {
    const HOUR_NS: u64 = 3_600_000_000_000;
    let clock = Arc::new(ManualClock::new(2 * HOUR_NS));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let waiting = Options { flush_interval_ns: 100, ..options(folder.path(), &clock) };
    let memory = open("store=redb,writes=batched", waiting).await;
    // Two companions, so that who comes next waits for another.
    let (one, two) =
        tokio::join!(memory.start_episode(StartEpisode::default()), memory.start_episode(StartEpisode::default()));
    one.and(two).expect("both start");
    let mut third = pin!(memory.start_episode(StartEpisode::default()));
    let mut poll = || third.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending(), "it is queued");
    clock.advance(HOUR_NS.wrapping_neg()); // before the wait begins
    for _ in 0..3 {
        yield_now().await;
        assert!(poll().is_pending(), "it waits for another one");
    }
    clock.advance(100);
    for _ in 0..3 {
        yield_now().await;
    }
    assert!(poll().is_ready());
}

/// Whose caller goes away, is written later: what was cached in between is forgotten then.
#[tokio::test]
async fn a_start_and_a_completion_whose_callers_went_away_leave_no_stale_answer_to_a_query() {
    let clock = Arc::new(ManualClock::new(1));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let waiting = Options { flush_interval_ns: 100, ..options(folder.path(), &clock) };
    let memory = open("store=redb,writes=batched,cache=lru", waiting).await;
    let query = Query { limit: 5, ..Query::default() };
    let ask = async || {
        let by_task = memory.query_by_task("", "", 5).await.expect("reads");
        (by_task.len(), memory.retrieve(&query).await.expect("reads").len())
    };
    // Two companions, so that who comes next waits for another.
    let (one, two) =
        tokio::join!(memory.start_episode(StartEpisode::default()), memory.start_episode(StartEpisode::default()));
    two.expect("starts");
    assert!(give_up(memory.start_episode(StartEpisode::default()), 3).await.is_none());
    assert_eq!(ask().await, (2, 0), "it waits in the queue");
    clock.advance(100);
    let_others_run().await;
    assert_eq!(ask().await, (3, 0));

    // Two companions again: the last batch had one whose caller was gone.
    tokio::join!(memory.start_episode(StartEpisode::default()), memory.start_episode(StartEpisode::default()))
        .0
        .expect("starts");
    assert_eq!(ask().await, (5, 0));
    let id = one.expect("starts");
    let completing = memory.complete_episode(id, Outcome::Success { verdict: String::new() });
    assert!(give_up(completing, 3).await.is_none());
    assert_eq!(ask().await, (5, 0), "it waits in the queue");
    clock.advance(100);
    let_others_run().await;
    assert_eq!(ask().await, (5, 1));
}

#[tokio::test]
async fn a_batch_syncs_once() {
    for store in ["redb", "libsql"] {
        for (writes, syncs) in [("immediate", WRITERS), ("batched", 1)] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let variant = format!("store={store},durability=fsynced,writes={writes},pool=keepalive");
            let memory = open(&variant, options(folder.path(), &Arc::new(ManualClock::new(1)))).await;
            let ids = start(&memory, WRITERS).await;
            assert_eq!(added(&memory, ["fsyncs"], log_each(&memory, &ids)).await, [syncs], "{variant}");
        }
    }
}

#[tokio::test]
async fn a_batch_has_its_maximum_size() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options { batch_writes: 3, ..options(folder.path(), &Arc::new(ManualClock::new(1))) };
    let memory = open("store=redb,writes=batched", options).await;
    let ids = start(&memory, WRITERS).await;
    assert_eq!(added(&memory, SEEN, log_each(&memory, &ids)).await, [8, 3, 3, 8, 8], "3, 3 and 2");
}

#[tokio::test]
async fn who_writes_alone_waits_for_nobody() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The clock stands still: who waited for it would wait for ever.
    let options = Options { flush_interval_ns: 100, ..options(folder.path(), &Arc::new(ManualClock::new(1))) };
    let memory = open("store=redb,writes=batched", options).await;
    let ids = start(&memory, 1).await;
    let alone = async {
        for _ in 0..5 {
            log_each(&memory, &ids).await;
        }
    };
    assert_eq!(added(&memory, SEEN, alone).await, [5, 5, 5, 5, 0]);
}

/// Lets every other task get as far as it can without the clock.
async fn let_others_run() {
    for _ in 0..50 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_batch_that_does_not_fill_is_flushed_by_the_clock() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(ManualClock::new(1));
    let memory =
        open("store=redb,writes=batched", Options { flush_interval_ns: 100, ..options(folder.path(), &clock) }).await;
    let ids = start(&memory, 3).await;
    let started = memory.counters()["batches"];
    let batches = || memory.counters()["batches"] - started;
    log_each(&memory, &ids).await;
    assert_eq!(batches(), 1);
    // Two of the three come back.
    let two = tokio::spawn({
        let (memory, ids) = (Arc::clone(&memory), ids[..2].to_vec());
        async move { log_each(&memory, &ids).await }
    });
    for _ in 0..4 {
        let_others_run().await;
        assert!(!two.is_finished(), "acknowledged before its commit");
        assert_eq!(batches(), 1, "the third one is waited for");
        clock.advance(24);
    }
    let_others_run().await;
    assert_eq!(batches(), 1, "96 of 100 ns have passed");
    clock.advance(4);
    two.await.expect("the flush came by itself");
    assert_eq!((batches(), memory.counters()["batched_writes"]), (2, 3 + 5));
    // The third one comes after all, and waits for a companion; who drains the queue does not.
    let third = tokio::spawn({
        let (memory, id) = (Arc::clone(&memory), ids[2]);
        async move { memory.log_step(id, NewStep::default()).await }
    });
    let_others_run().await;
    assert!(!third.is_finished());
    memory.flush().await.expect("flushes");
    assert_eq!(third.await.expect("no panic").expect("logs"), 1);
    assert_eq!(batches(), 3);
}

#[tokio::test]
async fn a_full_queue_makes_its_callers_wait() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(ManualClock::new(1));
    let options = Options { queued_writes: 3, ..options(folder.path(), &clock) };
    let memory = open("store=redb,writes=batched", options).await;
    let ids = start(&memory, WRITERS).await;
    let seen = added(&memory, ["queue_waits", "steps_appended"], log_each(&memory, &ids)).await;
    assert_eq!(seen, [WRITERS - 3, WRITERS]);
    let batches = memory.counters()["batches"] - WRITERS;
    assert!(batches >= WRITERS.div_ceil(3), "no batch has more than fits into the queue: {batches}");
}

/// A memory that nobody writes to holds nothing open, and one that is closed has everything on disk.
#[tokio::test]
async fn closing_and_dropping_leave_the_file_free() {
    for close in [true, false] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(ManualClock::new(1));
        let memory = open("store=redb,durability=fsynced,writes=batched", options(folder.path(), &clock)).await;
        let ids = start(&memory, WRITERS).await;
        log_each(&memory, &ids).await;
        if close {
            memory.close().await.expect("closes");
            let late = memory.log_step(ids[0], NewStep::default()).await;
            assert!(matches!(late, Err(memory::Error::Closed)), "{late:?}");
        }
        drop(memory);
        let again = open("store=redb,durability=fsynced", options(folder.path(), &clock)).await;
        assert_eq!(again.stats().await.expect("counts").steps, WRITERS);
    }
}
