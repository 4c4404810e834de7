//! Retrieval `scan`: every completed episode is scored. The naive one, and the one that others are compared with.

use super::Ranking;
use crate::sharing::Sharing;
use crate::store::Store;
use crate::{Error, Head, Result};

pub(super) async fn rank(store: &dyn Store, sharing: &Sharing, ranking: &mut Ranking<'_>) -> Result<()> {
    let expected = ranking.embedding.len();
    let mut misfit = None;
    let offer = &mut |head: &Head, stored: &[f32]| {
        if stored.len() == expected {
            ranking.offer(head.id, &head.context, stored);
        } else {
            misfit = Some(stored.len());
        }
    };
    sharing.scan(store, offer).await?;
    match misfit {
        Some(stored) => Err(Error::EmbeddingDimensions { stored, expected }),
        None => Ok(()),
    }
}
