//! Fetching several episodes from a store: the `batch` toggle.
//!
//! A store answers a question about one episode as of one moment; only `single-query` answers about all of them as of
//! one moment. Caches and repeated ids are the facade's.

use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

use crate::store::Store;
use crate::{BatchKind, Counters, Episode, EpisodeId, Error, Result};

/// The most questions of `parallel` at a time, as many as a store has readers. More would queue for connections, and
/// take those of other callers.
const SIDE_BY_SIDE: usize = 8;

/// The episodes of those ids, each in the place of its id.
pub(crate) async fn fetch(
    kind: BatchKind,
    store: &Arc<dyn Store>,
    ids: &[EpisodeId],
    counters: &Counters,
) -> Result<Vec<Option<Arc<Episode>>>> {
    match kind {
        BatchKind::Serial => serial(&**store, ids).await,
        BatchKind::SingleQuery => single_query(&**store, ids, counters).await,
        BatchKind::Parallel => parallel(store, ids, counters).await,
    }
}

/// Batch `serial`: one question after the other. The naive strategy.
async fn serial(store: &dyn Store, ids: &[EpisodeId]) -> Result<Vec<Option<Arc<Episode>>>> {
    let mut episodes = Vec::with_capacity(ids.len());
    for &id in ids {
        episodes.push(store.episode(id).await?);
    }
    Ok(episodes)
}

/// Batch `single-query`: one question for all of them.
async fn single_query(store: &dyn Store, ids: &[EpisodeId], counters: &Counters) -> Result<Vec<Option<Arc<Episode>>>> {
    match ids {
        [] => Ok(Vec::new()),
        &[id] => Ok(vec![store.episode(id).await?]), // the plain question is prepared already, and its plan simpler
        ids => {
            let episodes = store.episodes(ids).await?;
            counters.fetched_together.add(ids.len() as u64);
            Ok(episodes)
        }
    }
}

/// Batch `parallel`: one question per episode, each on its own task.
async fn parallel(store: &Arc<dyn Store>, ids: &[EpisodeId], counters: &Counters) -> Result<Vec<Option<Arc<Episode>>>> {
    let [_, _, ..] = ids else {
        return serial(&**store, ids).await; // nothing to do beside it
    };
    let mut episodes = vec![None; ids.len()];
    let mut asked = JoinSet::new(); // dropped with this future, and its tasks with it
    for (place, &id) in ids.iter().enumerate() {
        if asked.len() == SIDE_BY_SIDE
            && let Some(answer) = asked.join_next().await
        {
            keep(answer, &mut episodes)?;
        }
        let store = Arc::clone(store);
        asked.spawn(async move { (place, store.episode(id).await) });
        counters.fetched_in_parallel.increment();
    }
    while let Some(answer) = asked.join_next().await {
        keep(answer, &mut episodes)?;
    }
    Ok(episodes)
}

type Answer = (usize, Result<Option<Arc<Episode>>>);

/// Puts the answer of a task in its place among the others.
fn keep(answer: std::result::Result<Answer, JoinError>, episodes: &mut [Option<Arc<Episode>>]) -> Result<()> {
    match answer {
        Ok((place, episode)) => episodes[place] = episode?,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => return Err(Error::Closed), // the runtime is shutting down
        },
    }
    Ok(())
}
