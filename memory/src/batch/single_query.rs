//! Batch `single-query`: one question for all of them.

use std::sync::Arc;

use crate::store::Store;
use crate::{Counters, Episode, EpisodeId, Result};

pub(super) async fn fetch(
    store: &dyn Store,
    ids: &[EpisodeId],
    counters: &Counters,
) -> Result<Vec<Option<Arc<Episode>>>> {
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
