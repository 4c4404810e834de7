//! Class `buffered`: what was acknowledged is on the disk a second later.
//!
//! A task asks the store to sync every second of the memory's clock, which costs nothing where nothing was written. It
//! holds the store only meanwhile, and ends with it.

use std::sync::Arc;

use crate::store::Store;
use crate::{Clock, Durability, Error, Variant};

/// The age of the oldest write that a kill can take, in nanoseconds: the time between two syncs.
pub(crate) const SYNC_EVERY_NS: u64 = 1_000_000_000;

/// Syncs the store now and then from now on, if its class is `buffered`.
pub(crate) fn start(variant: &Variant, store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) {
    if variant.durability == Durability::Buffered {
        let (store, clock) = (Arc::downgrade(store), Arc::clone(clock));
        tokio::spawn(async move {
            loop {
                clock.sleep_until(clock.now_ns().saturating_add(SYNC_EVERY_NS)).await;
                let Some(store) = store.upgrade() else { return };
                match store.sync().await {
                    Ok(()) => {}
                    Err(Error::Closed) => return,
                    Err(error) => tracing::error!(%error, "what was written is not synced"),
                }
            }
        });
    }
}
