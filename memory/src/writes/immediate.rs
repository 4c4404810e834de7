//! Writes `immediate`: each step is written by its caller, in a transaction of its own. The naive one.

use std::sync::Arc;

use crate::store::Store;
use crate::{EpisodeId, Result, Step};

/// Straight to the store.
pub(crate) struct Immediate {
    store: Arc<dyn Store>,
}

impl Immediate {
    pub(super) fn new(store: Arc<dyn Store>) -> Immediate {
        Immediate { store }
    }

    pub(super) async fn append(&self, id: EpisodeId, step: Step) -> Result<()> {
        self.store.append(id, &step).await
    }
}
