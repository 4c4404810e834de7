//! Cached answers to queries, and the writes that change them.
//!
//! | query | cached | dropped by |
//! |---|---|---|
//! | by metadata | its ids | the start or deletion of an episode with this key and value |
//! | by task | the newest ids; they also answer smaller limits | the start or deletion of one of this type and domain |
//! | retrieval | the ranking: ids and scores | the completion of one that may be among the best, the deletion of one |
//!
//! Nothing else changes an answer: a step is in none, and metadata, task and context never change after the start. The
//! episodes of a retrieval come from the cache of episodes. A completion is scored for each cached ranking: one dot
//! product each, less than the scan that it saves. Lists of more than [`LONGEST`] ids are not cached, and neither are
//! rankings of queries over [`LONGEST_QUERY`]: a cache full of them would be larger than the store.

use std::sync::Arc;

use super::{Cache, CacheAnswer, InsertLease};
use crate::retrieval::{Ranked, Ranking};
use crate::{EpisodeId, Head, Query, Result, TaskContext};

/// The longest list that is cached.
const LONGEST: usize = 4_096;

/// The longest query whose ranking is cached, in bytes of its texts: it is the key.
const LONGEST_QUERY: usize = 16_384;

/// A new score this far below the worst of the best still counts as one that may belong there.
const SLACK: f32 = 1e-5;

/// The key of a list of ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum ListKey {
    Metadata { key: String, value: String },
    Task { task_type: String, domain: String },
}

/// The ids that answer a query.
#[derive(Debug, Clone)]
pub(super) struct CachedIds {
    ids: Arc<[EpisodeId]>,
    /// The number that was asked for.
    limit: usize,
}

impl CachedIds {
    fn answers(&self, limit: usize) -> bool {
        limit <= self.limit || self.ids.len() < self.limit
    }
}

/// The ranking that answers a retrieval.
#[derive(Debug, Clone)]
pub(crate) struct CachedRanking {
    pub embedding: Arc<[f32]>,
    /// The best first.
    pub ranked: Arc<[Ranked]>,
}

impl CachedRanking {
    /// A completed episode may belong among the best.
    fn may_change(&self, query: &Query, head: &Head, embedding: &[f32]) -> bool {
        self.ranked.len() < query.limit
            || self.embedding.len() != embedding.len()
            || self.ranked.last().is_none_or(|worst| {
                let ranking = Ranking::new(&self.embedding, query.context.as_ref(), query.limit);
                let place = ranking.place(head.id, ranking.match_of(&head.context), embedding);
                place.score >= worst.score - SLACK
            })
    }
}

pub(crate) struct Queries {
    lists: Arc<dyn Cache<ListKey, CachedIds>>,
    best: Arc<dyn Cache<Query, CachedRanking>>,
}

impl Queries {
    pub(super) fn new(
        lists: Arc<dyn Cache<ListKey, CachedIds>>,
        best: Arc<dyn Cache<Query, CachedRanking>>,
    ) -> Queries {
        Queries { lists, best }
    }

    /// The answer to a query by metadata, cached or from `read`.
    pub(crate) async fn by_metadata(
        &self,
        key: &str,
        value: &str,
        read: impl Future<Output = Result<Vec<EpisodeId>>>,
    ) -> Result<Vec<EpisodeId>> {
        let key = || ListKey::Metadata { key: key.to_owned(), value: value.to_owned() };
        self.list(&key, usize::MAX, read).await
    }

    /// The answer to a query by task, cached or from `read`.
    pub(crate) async fn by_task(
        &self,
        task_type: &str,
        domain: &str,
        limit: usize,
        read: impl Future<Output = Result<Vec<EpisodeId>>>,
    ) -> Result<Vec<EpisodeId>> {
        let key = || ListKey::Task { task_type: task_type.to_owned(), domain: domain.to_owned() };
        self.list(&key, limit, read).await
    }

    async fn list(
        &self,
        key: &(dyn Fn() -> ListKey + Sync),
        limit: usize,
        read: impl Future<Output = Result<Vec<EpisodeId>>>,
    ) -> Result<Vec<EpisodeId>> {
        let wanted = match self.lists.get(&key, &|listed| listed.answers(limit)) {
            CacheAnswer::Hit(CachedIds { ids, .. }) => return Ok(ids[..ids.len().min(limit)].to_vec()),
            CacheAnswer::Miss(wanted) => wanted,
        };
        let ids = read.await?;
        if ids.len() <= LONGEST {
            self.lists.put(wanted, CachedIds { ids: ids.as_slice().into(), limit });
        }
        Ok(ids)
    }

    /// The cached ranking of a retrieval.
    pub(crate) fn best(&self, query: &Query) -> CacheAnswer<Query, CachedRanking> {
        if text_bytes(query) > LONGEST_QUERY {
            return CacheAnswer::Miss(InsertLease(None));
        }
        self.best.get(&|| query.clone(), &|_| true)
    }

    /// Caches a ranking that was made after the lease was drawn. `best` is called only if there is a cache.
    pub(crate) fn keep(&self, wanted: InsertLease<Query>, best: impl FnOnce() -> CachedRanking) {
        if wanted.is_cached() {
            self.best.put(wanted, best());
        }
    }

    /// Drops the answers that the start of this episode changes.
    pub(crate) fn started(&self, head: &Head) {
        let (task_type, domain) = (&head.task_type, &head.context.domain);
        self.lists.invalidate(&|| ListKey::Task { task_type: task_type.clone(), domain: domain.clone() });
        for (key, value) in head.metadata.iter() {
            self.lists.invalidate(&|| ListKey::Metadata { key: key.to_owned(), value: value.to_owned() });
        }
    }

    /// Drops the answers that the deletion of this episode changes.
    pub(crate) fn deleted(&self, head: &Head) {
        self.started(head); // the same lists
        self.gone(head.id);
    }

    /// Drops the rankings with an episode that is not there any more.
    pub(crate) fn gone(&self, id: EpisodeId) {
        self.best.invalidate_where(&|_, best| best.ranked.iter().any(|ranked| ranked.id == id));
    }

    /// Drops the answers that the completion of this episode may change.
    pub(crate) fn completed(&self, head: &Head, embedding: &[f32]) {
        self.best.invalidate_where(&|query, best| best.may_change(query, head, embedding));
    }
}

/// The bytes of all texts of a query.
fn text_bytes(Query { text, context, .. }: &Query) -> usize {
    let of_context = |TaskContext { language, framework, domain, tags, .. }: &TaskContext| -> usize {
        [language, framework].into_iter().flatten().chain([domain]).chain(tags).map(String::len).sum()
    };
    text.len() + context.as_ref().map_or(0, of_context)
}

#[cfg(test)]
mod tests {
    use super::super::{CacheLimits, open};
    use super::*;
    use crate::{CacheKind, Clock, Counters, ManualClock, StartEpisode};

    fn queries() -> (Queries, Arc<Counters>) {
        let (clock, counters): (Arc<dyn Clock>, _) = (Arc::new(ManualClock::new(1)), Arc::new(Counters::default()));
        (open(CacheKind::Lru, CacheLimits { capacity: 10, ttl_ns: u64::MAX }, &clock, &counters).1, counters)
    }

    fn head(id: u128, task_type: &str, metadata: &[(&str, &str)]) -> Head {
        let metadata = metadata.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let start = StartEpisode { task_type: task_type.to_owned(), metadata, ..StartEpisode::default() };
        Head::new(EpisodeId(id), 0, start)
    }

    fn ids(count: u128) -> Vec<EpisodeId> {
        (1..=count).map(EpisodeId).collect()
    }

    /// The answer, and whether the store was asked.
    async fn by_task(queries: &Queries, limit: usize, stored: u128) -> (usize, bool) {
        let mut asked = false;
        let read = async {
            asked = true;
            Ok(ids(stored.min(limit as u128)))
        };
        let found = queries.by_task("fix", "", limit, read).await.unwrap();
        assert_eq!(found, ids(found.len() as u128));
        (found.len(), asked)
    }

    #[tokio::test]
    async fn a_longer_list_answers_a_smaller_limit_and_a_whole_one_every_limit() {
        let (queries, _) = queries();
        assert_eq!(by_task(&queries, 3, 9).await, (3, true));
        assert_eq!(by_task(&queries, 2, 9).await, (2, false));
        assert_eq!(by_task(&queries, 5, 9).await, (5, true));
        assert_eq!(by_task(&queries, 20, 9).await, (9, true));
        assert_eq!(by_task(&queries, 1_000, 9).await, (9, false), "there are no more than nine");
        assert_eq!(by_task(&queries, 0, 9).await, (0, false));
    }

    #[tokio::test]
    async fn a_start_drops_its_own_task_and_metadata_only() {
        let (queries, counters) = queries();
        let ask = async |key: &str, value: &str| {
            let mut asked = false;
            let read = async {
                asked = true;
                Ok(ids(1))
            };
            queries.by_metadata(key, value, read).await.unwrap();
            asked
        };
        for (key, value) in [("team", "a"), ("team", "b"), ("run", "a")] {
            assert!(ask(key, value).await);
        }
        by_task(&queries, 1, 1).await;
        queries.started(&head(2, "other", &[("team", "a"), ("user", "x")]));
        assert_eq!([ask("team", "a").await, ask("team", "b").await, ask("run", "a").await], [true, false, false]);
        assert!(!by_task(&queries, 1, 1).await.1);
        queries.started(&head(3, "fix", &[]));
        assert!(by_task(&queries, 1, 1).await.1);
        assert_eq!(counters.query_invalidations.get(), 2);
    }

    #[tokio::test]
    async fn an_answer_that_changed_while_it_was_read_is_not_kept() {
        let (queries, _) = queries();
        let read = async {
            queries.started(&head(2, "fix", &[])); // somebody else's, after the store was read
            Ok(ids(1))
        };
        assert_eq!(queries.by_task("fix", "", 9, read).await.unwrap(), ids(1));
        assert_eq!(by_task(&queries, 9, 2).await, (2, true));
        let query = Query { text: "x".to_owned(), context: None, limit: 1 };
        let CacheAnswer::Miss(wanted) = queries.best(&query) else { panic!("nothing is kept yet") };
        queries.completed(&head(3, "fix", &[]), &[1.0]);
        queries.keep(wanted, || CachedRanking { embedding: [1.0].into(), ranked: [].into() });
        assert!(matches!(queries.best(&query), CacheAnswer::Miss(_)));
    }

    #[tokio::test]
    async fn a_list_longer_than_the_longest_is_read_each_time() {
        let (queries, _) = queries();
        for stored in [LONGEST as u128, LONGEST as u128 + 1] {
            queries.started(&head(1, "fix", &[]));
            by_task(&queries, usize::MAX, stored).await;
            assert_eq!(by_task(&queries, usize::MAX, stored).await.1, stored > LONGEST as u128);
        }
    }

    #[test]
    fn the_ranking_of_a_long_query_is_made_each_time() {
        let (queries, _) = queries();
        let tagged = |tags| Some(TaskContext { tags, ..TaskContext::default() });
        for (length, tags, kept) in [
            (LONGEST_QUERY, vec![], true),
            (LONGEST_QUERY + 1, vec![], false),
            (LONGEST_QUERY - 3, vec!["a".to_owned(), "bc".to_owned()], true),
            (LONGEST_QUERY - 2, vec!["a".to_owned(), "bc".to_owned()], false),
        ] {
            let query = Query { text: "x".repeat(length), context: tagged(tags), limit: 1 };
            let CacheAnswer::Miss(wanted) = queries.best(&query) else { panic!("nothing is kept yet") };
            queries.keep(wanted, || CachedRanking { embedding: [1.0].into(), ranked: [].into() });
            assert_eq!(matches!(queries.best(&query), CacheAnswer::Hit(_)), kept, "{length}");
        }
    }

    #[test]
    fn a_completion_drops_the_rankings_that_it_belongs_in() {
        let (queries, counters) = queries();
        let query = |limit| Query { text: "x".to_owned(), context: None, limit };
        let keep = |limit: usize, scores: &[f32]| {
            let ranked = (1..).zip(scores).map(|(id, &score)| Ranked {
                id: EpisodeId(id),
                score,
                similarity: score,
                context_match: 0.0,
            });
            let CacheAnswer::Miss(wanted) = queries.best(&query(limit)) else { panic!("it is kept already") };
            queries.keep(wanted, || CachedRanking { embedding: [1.0, 0.0].into(), ranked: ranked.collect() });
        };
        let kept = || [1, 2, 3].map(|limit| matches!(queries.best(&query(limit)), CacheAnswer::Hit(_)));
        keep(1, &[0.9]);
        keep(2, &[0.9, 0.5]);
        keep(3, &[0.9, 0.5]); // has room
        queries.completed(&head(9, "", &[]), &[0.4, 0.0]);
        assert_eq!(kept(), [true, true, false]);
        queries.completed(&head(9, "", &[]), &[0.5, 0.0]);
        assert_eq!(kept(), [true, false, false], "equal scores go by id");
        queries.completed(&head(9, "", &[]), &[0.1]);
        assert_eq!(kept(), [false; 3], "who cannot compare drops");
        assert_eq!(counters.query_invalidations.get(), 3);
    }
}
