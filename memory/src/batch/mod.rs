//! Fetching several episodes from a store: the `batch` toggle.
//!
//! A store answers a question about one episode as of one moment; only `single-query` answers about all of them as of
//! one moment. Caches and repeated ids are the facade's.

mod parallel;

use std::sync::Arc;

use crate::store::Store;
use crate::{BatchKind, Counters, Episode, EpisodeId, Result};

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
        BatchKind::Parallel => parallel::fetch(store, ids, counters).await,
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
