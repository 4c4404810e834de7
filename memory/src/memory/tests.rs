//! The facade over a store that fails when it is told to.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::*;
use crate::store::InMemory;
use crate::store::{Keep, Visit, Write};

/// A store whose writes fail while it is told so, before or after they were done, or never answer although they were
/// done.
struct Flaky {
    inner: InMemory,
    fails_before: AtomicBool,
    fails_after: AtomicBool,
    hangs_after: AtomicBool,
}

impl Flaky {
    async fn around<T>(&self, write: impl Future<Output = Result<T>>) -> Result<T> {
        let broken = || Err(Error::store("flaky", "writing", "the disk is full"));
        if self.fails_before.load(Ordering::SeqCst) {
            return broken();
        }
        let done = write.await?;
        if self.hangs_after.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.fails_after.load(Ordering::SeqCst) { broken() } else { Ok(done) }
    }
}

#[async_trait]
impl Store for Flaky {
    async fn create(&self, head: &Head) -> Result<()> {
        self.around(self.inner.create(head)).await
    }
    async fn append(&self, id: EpisodeId, step: &Step) -> Result<()> {
        self.around(self.inner.append(id, step)).await
    }
    async fn write_many(&self, writes: &[Write]) -> Result<Vec<Result<()>>> {
        self.around(self.inner.write_many(writes)).await
    }
    async fn complete(&self, head: &Head, embedding: &[f32], patterns: &[Pattern]) -> Result<()> {
        self.around(self.inner.complete(head, embedding, patterns)).await
    }
    async fn delete(&self, head: &Head, patterns: &[Pattern]) -> Result<()> {
        self.around(self.inner.delete(head, patterns)).await
    }
    async fn head(&self, id: EpisodeId) -> Result<Option<Head>> {
        self.inner.head(id).await
    }
    async fn episode(&self, id: EpisodeId) -> Result<Option<Arc<Episode>>> {
        self.inner.episode(id).await
    }
    async fn episodes(&self, ids: &[EpisodeId]) -> Result<Vec<Option<Arc<Episode>>>> {
        self.inner.episodes(ids).await
    }
    async fn scan(&self, visit: &mut Visit<'_>) -> Result<()> {
        self.inner.scan(visit).await
    }
    async fn snapshot(&self, keep: &mut Keep<'_>) -> Result<()> {
        self.inner.snapshot(keep).await
    }
    async fn patterns(&self) -> Result<Vec<Pattern>> {
        self.inner.patterns().await
    }
    async fn by_metadata(&self, key: &str, value: &str) -> Result<Vec<EpisodeId>> {
        self.inner.by_metadata(key, value).await
    }
    async fn by_task(&self, task_type: &str, domain: &str, limit: usize) -> Result<Vec<EpisodeId>> {
        self.inner.by_task(task_type, domain, limit).await
    }
    async fn stats(&self) -> Result<Stats> {
        self.inner.stats().await
    }
    async fn check(&self) -> Result<()> {
        self.inner.check().await
    }
    async fn flush(&self) -> Result<()> {
        self.inner.flush().await
    }
    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

/// A memory with a cache over a store that can be made to fail.
async fn flaky() -> (Memory, Arc<Flaky>) {
    flaky_with("cache=lru").await
}

async fn flaky_with(variant: &str) -> (Memory, Arc<Flaky>) {
    let variant: Variant = variant.parse().unwrap();
    let mut memory = Memory::open(&variant, Options::default()).await.unwrap();
    let inner = InMemory::new(&variant, Arc::clone(&memory.counters));
    let [fails_before, fails_after, hangs_after] = [false; 3].map(AtomicBool::new);
    let store = Arc::new(Flaky { inner, fails_before, fails_after, hangs_after });
    memory.store = Arc::clone(&store) as Arc<dyn Store>;
    let context = WriteContext {
        store: Arc::clone(&memory.store),
        cache: Arc::clone(&memory.cache),
        queries: Arc::clone(&memory.queries),
        clock: Arc::clone(&memory.clock),
        counters: Arc::clone(&memory.counters),
    };
    let limits = WriteLimits { batch_writes: 10, queued_writes: 10, flush_interval_ns: 0 };
    memory.writes = Writes::open(variant.writes, limits, context);
    (memory, store)
}

fn success() -> Outcome {
    Outcome::Success { verdict: String::new() }
}

#[tokio::test]
async fn a_batch_that_could_not_be_stored_fails_all_its_steps_and_uses_up_no_number() {
    let (memory, store) = flaky_with("writes=batched").await;
    let one = memory.start_episode(StartEpisode::default()).await.unwrap();
    let two = memory.start_episode(StartEpisode::default()).await.unwrap();
    let batches = || memory.counters()["batches"];
    let started = batches();
    let log_both =
        async || tokio::join!(memory.log_step(one, NewStep::default()), memory.log_step(two, NewStep::default()));
    store.fails_before.store(true, Ordering::SeqCst);
    let (first, second) = log_both().await;
    for error in [first.unwrap_err(), second.unwrap_err()] {
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(
            (error.to_string().as_str(), source.as_str()),
            ("storing a batch failed", "store flaky: writing failed")
        );
    }
    store.fails_before.store(false, Ordering::SeqCst);
    let (first, second) = log_both().await;
    assert_eq!((first.unwrap(), second.unwrap()), (0, 0));
    assert_eq!(batches() - started, 1);
}

#[tokio::test]
async fn a_step_that_could_not_be_stored_does_not_use_up_its_number() {
    let (memory, store) = flaky().await;
    let id = memory.start_episode(StartEpisode::default()).await.unwrap();
    assert_eq!(memory.log_step(id, NewStep::default()).await.unwrap(), 0);
    store.fails_before.store(true, Ordering::SeqCst);
    assert!(memory.log_step(id, NewStep::default()).await.is_err());
    store.fails_before.store(false, Ordering::SeqCst);
    assert_eq!(memory.log_step(id, NewStep::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn an_error_after_the_write_leaves_neither_a_double_nor_a_stale_answer() {
    let (memory, store) = flaky().await;
    let id = memory.start_episode(StartEpisode::default()).await.unwrap();
    memory.get_episode(id).await.unwrap(); // into the cache
    store.fails_after.store(true, Ordering::SeqCst);
    assert!(memory.log_step(id, NewStep::default()).await.is_err());
    assert_eq!(memory.get_episode(id).await.unwrap().unwrap().steps.len(), 1);
    store.fails_after.store(false, Ordering::SeqCst);
    assert_eq!(memory.log_step(id, NewStep::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_start_and_a_completion_that_failed_after_the_write_leave_no_stale_answer_to_a_query() {
    let (memory, store) = flaky().await;
    let query = Query { limit: 5, ..Query::default() };
    let ask = async || {
        let (by_task, best) = (memory.query_by_task("", "", 5).await.unwrap(), memory.retrieve(&query).await.unwrap());
        (by_task, best.len())
    };
    assert_eq!(ask().await, (vec![], 0));
    store.fails_after.store(true, Ordering::SeqCst);
    memory.start_episode(StartEpisode::default()).await.unwrap_err();
    let (stored, _) = ask().await;
    assert_eq!(stored.len(), 1);
    memory.complete_episode(stored[0], success()).await.unwrap_err();
    assert_eq!(ask().await, (stored, 1));
}

#[tokio::test]
async fn a_completion_that_failed_can_be_tried_again() {
    let (memory, store) = flaky().await;
    let id = memory.start_episode(StartEpisode::default()).await.unwrap();
    store.fails_before.store(true, Ordering::SeqCst);
    assert!(memory.complete_episode(id, success()).await.is_err());
    store.fails_before.store(false, Ordering::SeqCst);
    assert_eq!(memory.log_step(id, NewStep::default()).await.unwrap(), 0);
    memory.complete_episode(id, success()).await.unwrap();
    let again = memory.complete_episode(id, success()).await;
    assert!(matches!(again, Err(Error::EpisodeCompleted { .. })), "{again:?}");
    assert_eq!(memory.health().await.unwrap().active_episodes, 0);
}

#[tokio::test]
async fn embeddings_of_another_length_are_an_error_and_no_low_score() {
    for retrieval in ["scan", "indexed"] {
        another_length(&format!("retrieval={retrieval}")).await;
    }
}

async fn another_length(variant: &str) {
    let (mut memory, _) = flaky_with(variant).await;
    let id = memory.start_episode(StartEpisode::default()).await.unwrap();
    memory.complete_episode(id, success()).await.unwrap();
    memory.embedder = Arc::new(FeatureHashing::new(64));
    let answer = memory.retrieve(&Query { limit: 1, ..Query::default() }).await;
    assert!(matches!(answer, Err(Error::EmbeddingDimensions { stored: 256, expected: 64 })), "{answer:?}");
}

/// The ids that a retrieval finds.
async fn found(memory: &Memory) -> Vec<EpisodeId> {
    let query = Query { limit: 10, ..Query::default() };
    memory.retrieve(&query).await.unwrap().into_iter().map(|retrieved| retrieved.id).collect()
}

#[tokio::test]
async fn the_index_has_what_the_store_has_however_a_completion_ended() {
    let (memory, store) = flaky_with("retrieval=indexed").await;
    let doubted = || memory.counters()["completions_doubted"];
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(memory.start_episode(StartEpisode::default()).await.unwrap());
    }
    let [before, after, gone] = ids[..] else { panic!("three were started") };

    store.fails_before.store(true, Ordering::SeqCst);
    assert!(memory.complete_episode(before, success()).await.is_err());
    store.fails_before.store(false, Ordering::SeqCst);
    assert_eq!((found(&memory).await, doubted()), (vec![], 1), "a phantom");

    store.fails_after.store(true, Ordering::SeqCst);
    assert!(memory.complete_episode(after, success()).await.is_err());
    store.fails_after.store(false, Ordering::SeqCst);
    assert_eq!((found(&memory).await, doubted()), (vec![after], 3), "the other is still asked about");

    store.hangs_after.store(true, Ordering::SeqCst);
    {
        let mut completing = Box::pin(memory.complete_episode(gone, success()));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(completing.as_mut().poll(&mut context).is_pending());
        assert_eq!(found(&memory).await, [after], "it is not acknowledged yet");
    } // its caller goes away
    store.hangs_after.store(false, Ordering::SeqCst);
    let mut both = [after, gone];
    both.sort_unstable();
    assert_eq!(found(&memory).await, both);

    memory.complete_episode(before, success()).await.unwrap();
    ids.sort_unstable();
    let asked = doubted();
    assert_eq!((found(&memory).await, doubted() - asked), (ids, 0), "nothing is doubtful any more");
    assert_eq!(memory.counters()["episodes_indexed"], 3, "each once");
}

#[tokio::test]
async fn a_closed_memory_answers_no_retrieval() {
    for retrieval in ["scan", "indexed"] {
        let memory =
            Memory::open(&format!("retrieval={retrieval}").parse().unwrap(), Options::default()).await.unwrap();
        memory.close().await.unwrap();
        let answer = memory.retrieve(&Query { limit: 1, ..Query::default() }).await;
        assert!(matches!(answer, Err(Error::Closed)), "{retrieval}: {answer:?}");
    }
}

#[tokio::test]
async fn a_store_in_a_file_wants_a_path() {
    let refused = Memory::open(&"store=redb".parse().unwrap(), Options::default()).await.err().unwrap();
    assert_eq!(refused.to_string(), "store=redb lives in a file: give Options a path");
}

#[tokio::test]
async fn a_deletion_that_failed_half_way_leaves_nothing_behind_that_the_store_has_not() {
    for variant in ["cache=lru,retrieval=indexed", "cache=lru,retrieval=scan"] {
        let (memory, store) = flaky_with(variant).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            let id = memory.start_episode(StartEpisode { task: "alike".to_owned(), ..StartEpisode::default() }).await;
            ids.push(id.unwrap());
            memory.complete_episode(ids[ids.len() - 1], success()).await.unwrap();
        }
        let query = Query { text: "alike".to_owned(), context: None, limit: 2 };
        let found = async || memory.retrieve(&query).await.unwrap().iter().map(|one| one.id).collect::<Vec<_>>();
        ids.sort_unstable();
        assert_eq!(found().await, ids[..2], "{variant}");
        store.fails_before.store(true, Ordering::SeqCst);
        memory.delete_episode(ids[0]).await.unwrap_err();
        assert_eq!(found().await, ids[..2], "{variant}: it was not deleted");
        store.fails_before.store(false, Ordering::SeqCst);
        store.fails_after.store(true, Ordering::SeqCst);
        memory.delete_episode(ids[0]).await.unwrap_err();
        assert_eq!(memory.get_episode(ids[0]).await.unwrap(), None, "{variant}: it was deleted all the same");
        assert_eq!(found().await, ids[1..], "{variant}");
        store.fails_after.store(false, Ordering::SeqCst);
        assert!(matches!(memory.delete_episode(ids[0]).await, Err(Error::UnknownEpisode { .. })), "{variant}");
        memory.delete_episode(ids[2]).await.unwrap();
        assert_eq!(found().await, ids[1..2], "{variant}");
        assert_eq!(memory.active.len(), 0, "{variant}");
    }
}
