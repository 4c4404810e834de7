//! Retrieval `scan`: scores every completed episode. The naive strategy, and the one that others are compared with.

use super::ranking::Ranking;
use crate::sharing::Sharing;
use crate::store::{Store, Visit};
use crate::{Counters, Error, Head, Result, SharingKind};

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
    match sharing.kind {
        SharingKind::Clone => visit_copies(store, offer, &sharing.counters).await?,
        SharingKind::Arc => visit_in_place(store, offer, &sharing.counters).await?,
    }
    match misfit {
        Some(stored) => Err(Error::EmbeddingDimensions { stored, expected }),
        None => Ok(()),
    }
}

/// Copies all heads and embeddings out of the store, then shows the copies.
async fn visit_copies(store: &dyn Store, visit: &mut Visit<'_>, counters: &Counters) -> Result<()> {
    let mut copies: Vec<(Head, Vec<f32>)> = Vec::new();
    store.scan(&mut |head, embedding| copies.push((head.clone(), embedding.to_vec()))).await?;
    counters.heads_cloned.add(copies.len() as u64);
    copies.iter().for_each(|(head, embedding)| visit(head, embedding));
    Ok(())
}

/// Shows heads and embeddings where the store has them.
async fn visit_in_place(store: &dyn Store, visit: &mut Visit<'_>, counters: &Counters) -> Result<()> {
    let mut heads = 0;
    let shown = store
        .scan(&mut |head, embedding| {
            heads += 1;
            visit(head, embedding);
        })
        .await;
    counters.heads_shared.add(heads);
    shown
}
