//! The facade: the life of an episode, and queries.
//!
//! It orders the work and knows nothing about bytes: the store keeps them, the cache saves look-ups, pure functions
//! compute the completion. Writes to one episode are one after the other ([`crate::active`]); everything else is
//! concurrent.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use scopeguard::defer;
use tracing::instrument;

use crate::active::{ActiveEpisodes, EpisodeGuard};
use crate::cache::{self, CacheAnswer, CacheLimits, CachedRanking, EpisodeCache, InsertLease, Queries};
use crate::embedding::Embedder;
use crate::encoding::DEFAULT_THRESHOLD_BYTES;
use crate::retrieval::{Ranked, Ranking, Retrieval};
use crate::sharing::Sharing;
use crate::store::{self, Remote, Store};
use crate::trace::Trace;
use crate::writes::{WriteContext, WriteLimits, Writes, syncing};
use crate::{
    Clock, Completion, Counters, Encoding, Episode, EpisodeId, Error, FeatureHashing, Head, IdSource, NewStep, Outcome,
    Pattern, Query, Result, Retrieved, StartEpisode, Stats, Step, SystemClock, Variant, batch, buffers, pattern,
    reflection, reward,
};

pub use self::backup::{BACKUP_FORMAT, Backup};
pub use self::deletion::Retention;

/// The difference that a number of a vector may have from itself, embedded again on another machine.
const SAME_EMBEDDER: f32 = 1e-3;

/// The parts of a memory beside its variant.
#[derive(Debug)]
pub struct Options {
    /// The store's file, for stores that have one; its other files stand beside it.
    pub path: Option<PathBuf>,
    /// The server of `store=libsql`, instead of a file.
    pub remote: Option<Remote>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of ids; by default the system's random numbers.
    pub ids: IdSource,
    /// The embedder. A store must always be opened with the same one.
    pub embedder: Arc<dyn Embedder>,
    /// A stored vector is compared with the embedder's, and another one refused. Without this check retrievals may
    /// find nothing of use: for backups only.
    pub check_embedder: bool,
    /// Encoded values of at least this many bytes are compressed, if the variant compresses.
    pub threshold_bytes: usize,
    /// The capacity of each cache: of episodes, of lists of ids, and of rankings.
    pub cache_capacity: usize,
    /// The time to live of cached entries, in nanoseconds: the most age of an answer where others write to the same
    /// database.
    pub cache_ttl_ns: u64,
    /// The most starts, steps and completions of one batch, if the variant batches writes.
    pub batch_writes: usize,
    /// The most writes that wait for a batch or are being made: further callers wait for room.
    pub queued_writes: usize,
    /// The longest wait of a write for others of its batch, in nanoseconds of the clock. Only 0 is sure to end on a
    /// clock that stands still.
    pub flush_interval_ns: u64,
}

impl Default for Options {
    /// The system's clock and random numbers, feature hashing, a threshold of 1 KiB, 1,000 episodes cached for 5
    /// minutes, batches of up to 64 writes that wait for up to 1 ms, 1,024 writes queued.
    fn default() -> Options {
        Options {
            path: None,
            remote: None,
            clock: Arc::new(SystemClock),
            ids: IdSource::from_os(),
            embedder: Arc::new(FeatureHashing::default()),
            check_embedder: true,
            threshold_bytes: DEFAULT_THRESHOLD_BYTES,
            cache_capacity: 1_000,
            cache_ttl_ns: 300_000_000_000,
            batch_writes: 64,
            queued_writes: 1_024,
            flush_interval_ns: 1_000_000,
        }
    }
}

/// The health of a memory that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Episodes that are being logged: started or written to by this memory, and not completed.
    pub active_episodes: usize,
}

/// An episodic memory. Every method returns the errors of the store, beside those that it names.
///
/// ```
/// use memory::{Memory, NewStep, Options, Outcome, Query, StartEpisode, Variant};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let memory = Memory::open(&Variant::naive(), Options::default()).await?;
/// let id = memory.start_episode(StartEpisode { task: "fix the parser".to_owned(), ..StartEpisode::default() }).await?;
/// memory.log_step(id, NewStep { tool: "edit".to_owned(), ..NewStep::default() }).await?;
/// memory.complete_episode(id, Outcome::Success { verdict: "tests pass".to_owned() }).await?;
///
/// let found = memory.retrieve(&Query { text: "the parser fails".to_owned(), context: None, limit: 5 }).await?;
/// assert_eq!(found[0].id, id);
/// # Ok::<(), memory::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Memory {
    variant: Variant,
    store: Arc<dyn Store>,
    cache: Arc<EpisodeCache>,
    queries: Arc<Queries>,
    sharing: Sharing,
    writes: Writes,
    retrieval: Retrieval,
    active: ActiveEpisodes,
    clock: Arc<dyn Clock>,
    ids: IdSource,
    embedder: Arc<dyn Embedder>,
    counters: Arc<Counters>,
}

impl Memory {
    /// Opens the memory of that variant, with the contents of its store.
    ///
    /// A seeded source of ids skips as many ids as the store holds episodes: those were given out before.
    pub fn open(variant: &Variant, options: Options) -> Pin<Box<dyn Future<Output = Result<Memory>> + Send + '_>> {
        Box::pin(Memory::open_store(variant, options)) // boxed here, so that the code is here and not in each caller
    }

    async fn open_store(variant: &Variant, options: Options) -> Result<Memory> {
        variant.validate()?;
        let Options { path, remote, clock, ids, embedder, threshold_bytes, cache_capacity, cache_ttl_ns, .. } = options;
        let Options { batch_writes, queued_writes, flush_interval_ns, check_embedder, .. } = options;
        let limits = WriteLimits { batch_writes, queued_writes, flush_interval_ns };
        let counters = Arc::new(Counters::default());
        let buffers = buffers::open(variant.buffers, &counters);
        let encoding = Encoding {
            threshold_bytes,
            buffers,
            ..Encoding::new(variant.codec, variant.compression, Arc::clone(&counters))
        };
        let store = match (path, remote) {
            (Some(path), Some(remote)) => {
                let conflict = format!("the store is to be in {} and at {}", path.display(), remote.url);
                return Err(Error::InvalidVariant { conflict, remedy: "give a path or a URL".to_owned() });
            }
            (_, Some(remote)) => store::open_remote(variant, &remote, Arc::clone(&counters), encoding).await?,
            (path, None) => store::open(variant, path.as_deref(), Arc::clone(&counters), encoding).await?,
        };
        if check_embedder {
            compare_embedder(&*store, &*embedder).await?;
        }
        let episodes = store.stats().await?.episodes;
        ids.skip(episodes);
        let kept = CacheLimits { capacity: cache_capacity, ttl_ns: cache_ttl_ns };
        let (cache, queries) = cache::open(variant.cache, kept, &clock, &counters);
        let queries = Arc::new(queries);
        let context = WriteContext {
            store: Arc::clone(&store),
            cache: Arc::clone(&cache),
            queries: Arc::clone(&queries),
            clock: Arc::clone(&clock),
            counters: Arc::clone(&counters),
        };
        let writes = Writes::open(variant.writes, limits, context);
        syncing::start(variant, &store, &clock);
        let sharing = Sharing { kind: variant.sharing, counters: Arc::clone(&counters) };
        let retrieval = Retrieval::open(variant.retrieval, episodes, sharing.clone(), Arc::clone(&counters));
        let (variant, active) = (*variant, ActiveEpisodes::default());
        Ok(Memory {
            variant,
            store,
            cache,
            queries,
            sharing,
            writes,
            retrieval,
            active,
            clock,
            ids,
            embedder,
            counters,
        })
    }

    /// The variant that it was opened with.
    pub fn variant(&self) -> &Variant {
        &self.variant
    }

    /// Starts an episode, as durable on return as the variant promises.
    #[instrument(level = "debug", skip_all)]
    pub async fn start_episode(&self, start: StartEpisode) -> Result<EpisodeId> {
        let now_ns = self.clock.now_ns();
        let mut head = Head::new(self.ids.next_id(now_ns)?, now_ns, start);
        // A reopened store may hold fewer episodes than a seed has named: the next ids may be taken.
        while let Err(error) = self.create(&head).await {
            match error {
                Error::EpisodeExists { .. } => head.id = self.ids.next_id(now_ns)?,
                error => return Err(error),
            }
        }
        self.active.start(head.id);
        Ok(head.id)
    }

    async fn create(&self, head: &Head) -> Result<()> {
        defer!(self.queries.started(head)); // however the write ends
        self.writes.create(head).await
    }

    /// Logs a step, as durable on return as the variant promises, and returns its number. The number of a step that
    /// could not be stored goes to the next one.
    ///
    /// # Errors
    /// [`Error::UnknownEpisode`], [`Error::EpisodeCompleted`].
    #[instrument(level = "debug", skip_all, fields(%id))]
    pub async fn log_step(&self, id: EpisodeId, step: NewStep) -> Result<u32> {
        let mut guard = self.active.lock(id).await;
        let number = match guard.take() {
            Some(number) => number,
            None => match self.writable(id).await {
                Ok(episode) => next_number(&episode),
                Err(error) => return Err(self.give_up(guard, error)),
            },
        };
        let step = Step::new(number, self.clock.now_ns(), step);
        defer!(self.cache.invalidate(&|| id)); // however the write ends
        self.writes.append(id, step).await?;
        guard.remember(number + 1);
        Ok(number)
    }

    /// Ends an episode: computes its reward, reflection and patterns, and stores all of that at once.
    ///
    /// # Errors
    /// [`Error::UnknownEpisode`], [`Error::EpisodeCompleted`].
    #[instrument(level = "debug", skip_all, fields(%id))]
    pub async fn complete_episode(&self, id: EpisodeId, outcome: Outcome) -> Result<Completion> {
        let mut guard = self.active.lock(id).await;
        guard.take(); // the next writer asks the store how far the episode got
        let Episode { mut head, steps } = match self.writable(id).await {
            Ok(episode) => episode,
            Err(error) => return Err(self.give_up(guard, error)),
        };
        let (completion, patterns) = judge(&head, &steps, outcome, self.clock.now_ns());
        let mut embedding = Vec::with_capacity(self.embedder.dimensions());
        self.embedder.embed(&head.task, &mut embedding);
        head.completion = Some(completion.clone());
        defer! { // however the write ends
            self.cache.invalidate(&|| id);
            self.queries.completed(&head, &embedding);
        }
        let underway = self.retrieval.completing(&head, &embedding);
        let stored = self.writes.complete(&head, &embedding, &patterns).await;
        underway.ended(&stored);
        stored?;
        guard.retire();
        Ok(completion)
    }

    /// The completed episodes most like the query, the best first. The formula stands in [`Query`].
    #[instrument(level = "debug", skip_all, fields(limit = query.limit))]
    pub async fn retrieve(&self, query: &Query) -> Result<Vec<Retrieved>> {
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        loop {
            let best = self.best(query).await?;
            let ids: Vec<EpisodeId> = best.iter().map(|ranked| ranked.id).collect();
            let mut retrieved = Vec::with_capacity(best.len());
            for (ranked, episode) in best.iter().zip(self.get_episodes(&ids).await?) {
                let Ranked { id, score, similarity, context_match } = *ranked;
                match episode {
                    Some(episode) => retrieved.push(Retrieved { id, score, similarity, context_match, episode }),
                    None => self.forget(id), // deleted since it was ranked
                }
            }
            if retrieved.len() == best.len() {
                return Ok(retrieved);
            }
        }
    }

    /// The ranking of a query, from the cache or made now.
    async fn best(&self, query: &Query) -> Result<Arc<[Ranked]>> {
        let wanted = match self.queries.best(query) {
            CacheAnswer::Hit(best) => return Ok(best.ranked),
            CacheAnswer::Miss(wanted) => wanted,
        };
        let mut embedding = Vec::with_capacity(self.embedder.dimensions());
        self.embedder.embed(&query.text, &mut embedding);
        let mut ranking = Ranking::new(&embedding, query.context.as_ref(), query.limit);
        self.retrieval.rank(&*self.store, &mut ranking).await?;
        self.counters.episodes_scored.add(ranking.scored());
        let ranked: Arc<[Ranked]> = ranking.into_best().into();
        self.queries.keep(wanted, || CachedRanking { embedding: embedding.into(), ranked: Arc::clone(&ranked) });
        Ok(ranked)
    }

    /// The episode of that id, completed or not, if there is one.
    #[instrument(level = "debug", skip_all, fields(%id))]
    pub async fn get_episode(&self, id: EpisodeId) -> Result<Option<Arc<Episode>>> {
        let wanted = match self.cached(id) {
            CacheAnswer::Hit(episode) => return Ok(Some(episode)),
            CacheAnswer::Miss(wanted) => wanted,
        };
        let episode = self.store.episode(id).await?;
        if let Some(episode) = &episode {
            self.keep(wanted, episode);
        }
        Ok(episode)
    }

    /// The episodes of those ids, each in the place of its id.
    #[instrument(level = "debug", skip_all, fields(episodes = ids.len()))]
    pub async fn get_episodes(&self, ids: &[EpisodeId]) -> Result<Vec<Option<Arc<Episode>>>> {
        let mut wanted = Vec::new();
        let look_up = |&id: &EpisodeId| match self.cached(id) {
            CacheAnswer::Hit(episode) => Some(episode),
            CacheAnswer::Miss(missing) => {
                wanted.push((id, missing));
                None
            }
        };
        let mut episodes: Vec<Option<Arc<Episode>>> = ids.iter().map(look_up).collect();
        wanted.sort_by_key(|(id, _)| *id);
        wanted.dedup_by_key(|(id, _)| *id);
        let missing: Vec<EpisodeId> = wanted.iter().map(|(id, _)| *id).collect();
        let fetched = batch::fetch(self.variant.batch, &self.store, &missing, &self.counters).await?;
        for ((_, wanted), episode) in wanted.into_iter().zip(&fetched) {
            if let Some(episode) = episode {
                self.keep(wanted, episode);
            }
        }
        for (id, episode) in ids.iter().zip(&mut episodes).filter(|(_, episode)| episode.is_none()) {
            *episode = missing.binary_search(id).ok().and_then(|place| fetched[place].clone());
        }
        Ok(episodes)
    }

    /// A cached episode, as the caller may have it.
    fn cached(&self, id: EpisodeId) -> CacheAnswer<EpisodeId, Arc<Episode>> {
        match self.cache.get(&|| id, &|_| true) {
            CacheAnswer::Hit(held) => CacheAnswer::Hit(self.sharing.hand_out(&held)),
            missing @ CacheAnswer::Miss(_) => missing,
        }
    }

    /// Caches an episode that was read for a caller.
    fn keep(&self, wanted: InsertLease<EpisodeId>, episode: &Arc<Episode>) {
        if wanted.is_cached() {
            self.cache.put(wanted, self.sharing.keep(episode)); // without a cache, a copy would be made for nothing
        }
    }

    /// All patterns so far, merged by id, in the order of ids.
    #[instrument(level = "debug", skip_all)]
    pub async fn patterns(&self) -> Result<Vec<Pattern>> {
        self.store.patterns().await
    }

    /// The episodes, completed or not, whose metadata has exactly this value under this key, in the order of ids.
    #[instrument(level = "debug", skip_all, fields(key))]
    pub async fn query_by_metadata(&self, key: &str, value: &str) -> Result<Vec<EpisodeId>> {
        self.queries.by_metadata(key, value, self.store.by_metadata(key, value)).await
    }

    /// The newest `limit` episodes, completed or not, of that task type in that domain: by start, then by id, the
    /// newest first.
    #[instrument(level = "debug", skip_all, fields(task_type))]
    pub async fn query_by_task(&self, task_type: &str, domain: &str, limit: usize) -> Result<Vec<EpisodeId>> {
        let read = self.store.by_task(task_type, domain, limit);
        self.queries.by_task(task_type, domain, limit, read).await
    }

    /// Checks that the memory can answer.
    #[instrument(level = "debug", skip_all)]
    pub async fn health(&self) -> Result<Health> {
        self.store.check().await?;
        Ok(Health { active_episodes: self.active.len() })
    }

    /// Episodes that are being logged, as in [`Health`].
    pub fn active_episodes(&self) -> usize {
        self.active.len()
    }

    /// The size of the memory's contents.
    #[instrument(level = "debug", skip_all)]
    pub async fn stats(&self) -> Result<Stats> {
        self.store.stats().await
    }

    /// The counters themselves, for a server that counts its own work beside the memory's.
    pub fn shared_counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The engagement counters so far.
    pub fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.counters.snapshot()
    }

    /// Makes everything acknowledged so far as durable as the store can.
    #[instrument(level = "debug", skip_all)]
    pub async fn flush(&self) -> Result<()> {
        self.writes.drain().await;
        self.store.flush().await
    }

    /// Flushes, and releases files and connections. Every later call fails with [`Error::Closed`].
    #[instrument(level = "debug", skip_all)]
    pub async fn close(&self) -> Result<()> {
        self.writes.drain().await;
        self.store.close().await?;
        self.retrieval.close();
        Ok(())
    }

    /// The stored episode, if it may still be written to.
    async fn writable(&self, id: EpisodeId) -> Result<Episode> {
        self.writes.settle().await; // a write whose caller went away may still be on its way to this episode
        let episode = self.store.episode(id).await?.ok_or(Error::UnknownEpisode { id })?;
        if episode.head.completion.is_some() {
            return Err(Error::EpisodeCompleted { id });
        }
        Ok(Arc::unwrap_or_clone(episode)) // nobody else has a running episode: nothing is cloned
    }

    /// Returns the error, and forgets an episode that cannot be written to.
    fn give_up(&self, guard: EpisodeGuard<'_>, error: Error) -> Error {
        if matches!(error, Error::UnknownEpisode { .. } | Error::EpisodeCompleted { .. }) {
            guard.retire();
        }
        error
    }
}

/// Fails if a stored vector is clearly not the embedder's. A text without words says nothing.
async fn compare_embedder(store: &dyn Store, embedder: &dyn Embedder) -> Result<()> {
    let Some((head, stored)) = store.sample().await? else { return Ok(()) };
    let mut made = Vec::with_capacity(embedder.dimensions());
    embedder.embed(&head.task, &mut made);
    let near = |(one, other): (&f32, &f32)| (one - other).abs() < SAME_EMBEDDER;
    if stored.len() == made.len() && stored.iter().zip(&made).all(near) {
        return Ok(());
    }
    Err(Error::OtherEmbedder { id: head.id })
}

/// The completion of an episode, and its patterns. Pure: the same episode always gives the same.
#[inline(never)]
fn judge(head: &Head, steps: &[Step], outcome: Outcome, completed_at_ns: u64) -> (Completion, Vec<Pattern>) {
    let trace = Trace::of(steps);
    let reward = reward::reward(&head.context, &trace, &outcome);
    let reflection = reflection::reflect(head, steps, &trace, &outcome);
    let patterns = pattern::extract(head, &trace, &outcome);
    let ids = patterns.iter().map(|pattern| pattern.id).collect();
    (Completion { completed_at_ns, outcome, reward, reflection, patterns: ids }, patterns)
}

/// The number of the step after those that are stored.
fn next_number(episode: &Episode) -> u32 {
    episode.steps.last().map_or(0, |step| step.number + 1)
}

mod backup;
mod deletion;
mod nearest;
#[cfg(test)]
mod tests;
