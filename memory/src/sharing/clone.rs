//! Sharing `clone`: everybody gets a deep copy of his own. The naive one.

use std::sync::Arc;

use crate::store::{Store, Visit};
use crate::{Counters, Episode, Head, Result};

pub(super) fn episode(held: &Episode, counters: &Counters) -> Arc<Episode> {
    counters.episodes_cloned.increment();
    Arc::new(held.clone())
}

/// Copies all heads and embeddings out of the store, and then shows the copies.
pub(super) async fn scan(store: &dyn Store, visit: &mut Visit<'_>, counters: &Counters) -> Result<()> {
    let mut copies: Vec<(Head, Vec<f32>)> = Vec::new();
    store.scan(&mut |head, embedding| copies.push((head.clone(), embedding.to_vec()))).await?;
    counters.heads_cloned.add(copies.len() as u64);
    copies.iter().for_each(|(head, embedding)| visit(head, embedding));
    Ok(())
}
