//! Retrieval: the completed episodes that are most like a query, by text and by context.
//!
//! [`Query`] has the formula, which a [`Ranking`] computes. The `retrieval` toggle decides which episodes are offered
//! to it: all of them ([`scan`]), or those that an index does not leave out ([`indexed`]).

mod indexed;
mod ranking;
mod scan;

use std::sync::Arc;

use self::indexed::{Indexed, PendingCompletion};
pub use self::ranking::{Query, Retrieved};
pub(crate) use self::ranking::{Ranked, Ranking};
use crate::sharing::Sharing;
use crate::store::Store;
use crate::{Counters, EpisodeId, Head, Result, RetrievalKind};

/// A strategy of finding the best.
pub(crate) enum Retrieval {
    /// Every episode is scored.
    Scan(Sharing),
    /// An index leaves episodes out.
    Indexed(Box<Indexed>),
}

impl Retrieval {
    /// Opens the strategy over a store of so many episodes.
    pub fn open(kind: RetrievalKind, episodes: u64, sharing: Sharing, counters: Arc<Counters>) -> Retrieval {
        match kind {
            RetrievalKind::Scan => Retrieval::Scan(sharing),
            RetrievalKind::Indexed => Retrieval::Indexed(Box::new(Indexed::open(episodes, counters))),
        }
    }

    /// Offers every completed episode to the ranking that may be among its best. Fails with
    /// [`crate::Error::EmbeddingDimensions`] if one was embedded otherwise than the query.
    pub async fn rank(&self, store: &dyn Store, ranking: &mut Ranking<'_>) -> Result<()> {
        match self {
            Retrieval::Scan(sharing) => scan::rank(store, sharing, ranking).await,
            Retrieval::Indexed(indexed) => indexed.rank(store, ranking).await,
        }
    }

    /// Announces that an episode is about to be completed in the store. The answer must be told how that ended.
    pub fn completing(&self, head: &Head, embedding: &[f32]) -> PendingCompletion<'_> {
        match self {
            Retrieval::Scan(_) => PendingCompletion::ignored(),
            Retrieval::Indexed(indexed) => indexed.completing(head, embedding),
        }
    }

    /// Forgets an episode that the store has not any more.
    pub fn forget(&self, id: EpisodeId) {
        if let Retrieval::Indexed(indexed) = self {
            indexed.forget(id);
        }
    }

    /// Releases its contents. Later calls fail with [`crate::Error::Closed`].
    pub fn close(&self) {
        if let Retrieval::Indexed(indexed) = self {
            indexed.close(); // of a scan, the store refuses
        }
    }
}
