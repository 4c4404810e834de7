//! Retrieval by the store's own index of vectors, beside [`Memory::retrieve`].
//!
//! Such an index ignores contexts, so this is no strategy of `retrieval`; it is here to be compared with those: `assay
//! recall` measures what part of a scan's answers it finds, and its size on the disk.
//!
//! More episodes than wanted are asked for, scored by the formula of retrieval from their whole text and context, and
//! ranked. While an episode that is less near than all of them could still be among the best, for its context, four
//! times as many are asked for, up to a limit.

use std::collections::BTreeMap;

use super::Memory;
use crate::retrieval::{Ranked, Ranking};
use crate::{EpisodeId, Query, Result, Retrieved};

/// The first and the largest request, in times of the limit of the query.
const FIRST: usize = 4;
const MOST: usize = 64;

/// The smallest request: small candidate lists make a graph miss near vectors.
const LEAST: usize = 64;

/// The error of the index's cosines, and of embeddings' lengths.
const SLACK: f32 = 1e-4;

impl Memory {
    /// The completed episodes most like the query, the best first, as far as the store's index of vectors knows them:
    /// in a libSQL database under `embedding=f32-blob`, and `None` elsewhere. A query without words has no direction,
    /// and finds nothing.
    pub async fn retrieve_nearest(&self, query: &Query) -> Result<Option<Vec<Retrieved>>> {
        let mut embedding = Vec::with_capacity(self.embedder.dimensions());
        self.embedder.embed(&query.text, &mut embedding);
        let mut ranking = Ranking::new(&embedding, query.context.as_ref(), query.limit);
        let best_match = if query.context.is_some() { 1.0 } else { 0.0 };
        let mut wanted = query.limit.saturating_mul(FIRST).max(LEAST);
        let most = query.limit.saturating_mul(MOST).max(LEAST);
        let mut found = BTreeMap::new();
        let mut task = Vec::with_capacity(self.embedder.dimensions());
        loop {
            let Some(near) = self.store.nearest(&embedding, wanted).await? else { return Ok(None) };
            let new: Vec<EpisodeId> = near.iter().map(|(id, _)| *id).filter(|id| !found.contains_key(id)).collect();
            for episode in self.get_episodes(&new).await?.into_iter().flatten() {
                self.embedder.embed(&episode.head.task, &mut task); // the numbers that were stored
                ranking.offer(episode.head.id, &episode.head.context, &task);
                found.insert(episode.head.id, episode);
            }
            let farthest = near.last().map_or(0.0, |(_, cosine)| *cosine);
            if near.len() < wanted || wanted >= most || !ranking.admits(farthest, best_match, SLACK) {
                break;
            }
            wanted = wanted.saturating_mul(4).min(most);
        }
        self.counters.episodes_scored.add(ranking.scored());
        let best = ranking.into_best().into_iter();
        let retrieved = best.filter_map(|Ranked { id, score, similarity, context_match }| {
            found.remove(&id).map(|episode| Retrieved { id, score, similarity, context_match, episode })
        });
        Ok(Some(retrieved.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IdSource, ManualClock, Options, Outcome, StartEpisode, TaskContext};

    const EPISODES: usize = 400;
    const LIMIT: usize = 10;

    fn start(number: usize) -> StartEpisode {
        let kinds = ["mend the parser", "draw a chart of it", "make the server start", "write a test for the pool"];
        let task = format!("ticket {number} of module m{}: {} again", number % 31, kinds[number % 4]);
        let domain = ["web", "cli", "library"][number % 3].to_owned();
        StartEpisode { task, context: TaskContext { domain, ..TaskContext::default() }, ..StartEpisode::default() }
    }

    async fn filled(variant: &str, folder: &tempfile::TempDir) -> Memory {
        let options = Options {
            path: Some(folder.path().join("memory.db")),
            clock: std::sync::Arc::new(ManualClock::new(1)),
            ids: IdSource::seeded(3),
            ..Options::default()
        };
        let memory = Memory::open(&variant.parse().unwrap(), options).await.unwrap();
        for number in 0..EPISODES {
            let id = memory.start_episode(start(number)).await.unwrap();
            memory.complete_episode(id, Outcome::Success { verdict: String::new() }).await.unwrap();
        }
        memory
    }

    #[tokio::test]
    async fn it_finds_nearly_all_that_a_scan_finds() {
        let folder = tempfile::tempdir().unwrap();
        let memory = filled("store=libsql,embedding=f32-blob,pool=keepalive", &folder).await;
        let (mut right, mut asked) = (0, 0);
        for number in EPISODES..EPISODES + 30 {
            let StartEpisode { task: text, context, .. } = start(number);
            for context in [None, Some(context)] {
                let query = Query { text: text.clone(), context, limit: LIMIT };
                let scanned = memory.retrieve(&query).await.unwrap();
                let found = memory.retrieve_nearest(&query).await.unwrap().unwrap();
                assert_eq!(found.len(), LIMIT);
                asked += LIMIT;
                right += found.iter().filter(|one| scanned.contains(one)).count(); // scores and all
            }
        }
        assert!(right as f64 >= 0.95 * asked as f64, "{right} of {asked}");
        let silent = memory.retrieve_nearest(&Query { limit: 3, ..Query::default() }).await.unwrap();
        assert_eq!(silent, Some(vec![]));
    }

    #[tokio::test]
    async fn a_store_without_such_an_index_says_so() {
        let folder = tempfile::tempdir().unwrap();
        for variant in ["store=memory", "store=redb,embedding=f32-blob"] {
            let memory = filled(variant, &folder).await;
            assert_eq!(
                memory.retrieve_nearest(&Query { limit: 3, ..Query::default() }).await.unwrap(),
                None,
                "{variant}"
            );
        }
    }
}
