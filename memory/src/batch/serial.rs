//! Batch `serial`: one question after the other. The naive one.

use std::sync::Arc;

use crate::store::Store;
use crate::{Episode, EpisodeId, Result};

pub(super) async fn fetch(store: &dyn Store, ids: &[EpisodeId]) -> Result<Vec<Option<Arc<Episode>>>> {
    let mut episodes = Vec::with_capacity(ids.len());
    for &id in ids {
        episodes.push(store.episode(id).await?);
    }
    Ok(episodes)
}
