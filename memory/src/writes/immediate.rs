//! Writes `immediate`: each one is made by its caller, in a transaction of its own. The naive one.

use std::sync::Arc;

use crate::store::Store;
use crate::{EpisodeId, Head, Pattern, Result, Step};

/// Straight to the store.
pub(crate) struct Immediate {
    store: Arc<dyn Store>,
}

impl Immediate {
    pub(super) fn new(store: Arc<dyn Store>) -> Immediate {
        Immediate { store }
    }

    pub(super) async fn create(&self, head: &Head) -> Result<()> {
        self.store.create(head).await
    }

    pub(super) async fn append(&self, id: EpisodeId, step: Step) -> Result<()> {
        self.store.append(id, &step).await
    }

    pub(super) async fn complete(&self, head: &Head, embedding: &[f32], patterns: &[Pattern]) -> Result<()> {
        self.store.complete(head, embedding, patterns).await
    }
}
