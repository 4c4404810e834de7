//! Cache `none`: nothing is at hand, nothing is counted.

use std::sync::Arc;

use super::{EpisodeCache, Ticket};
use crate::{Episode, EpisodeId};

/// Keeps nothing.
#[derive(Debug)]
pub struct NoCache;

impl EpisodeCache for NoCache {
    fn get(&self, _: EpisodeId) -> Option<Arc<Episode>> {
        None
    }

    fn ticket(&self, _: EpisodeId) -> Ticket {
        Ticket(0)
    }

    fn put(&self, _: Ticket, _: &Arc<Episode>) {}

    fn invalidate(&self, _: EpisodeId) {}
}
