//! Sharing `arc`: everybody gets a counted reference to the one that is held.

use std::sync::Arc;

use crate::store::{Store, Visit};
use crate::{Counters, Episode, Result};

pub(super) fn episode(held: &Arc<Episode>) -> Arc<Episode> {
    Arc::clone(held)
}

/// Shows heads and embeddings where the store has them.
pub(super) async fn scan(store: &dyn Store, visit: &mut Visit<'_>, counters: &Counters) -> Result<()> {
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
