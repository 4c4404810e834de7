//! How many episodes at once are fetched from a store: the `batch` toggle, one strategy a file.
//!
//! A store answers a question about one episode as of one moment; only `single-query` answers about all of them as of one moment. Left out on purpose:
//! caches and doubles, which are the facade's.

mod parallel;
mod serial;
mod single_query;

use std::sync::Arc;

use crate::store::Store;
use crate::{BatchKind, Counters, Episode, EpisodeId, Result};

/// The episodes of those ids, each in the place of its id.
///
/// # Errors
/// The store's first one.
pub(crate) async fn fetch(
    kind: BatchKind,
    store: &Arc<dyn Store>,
    ids: &[EpisodeId],
    counters: &Counters,
) -> Result<Vec<Option<Arc<Episode>>>> {
    match kind {
        BatchKind::Serial => serial::fetch(&**store, ids).await,
        BatchKind::SingleQuery => single_query::fetch(&**store, ids, counters).await,
        BatchKind::Parallel => parallel::fetch(store, ids, counters).await,
    }
}
