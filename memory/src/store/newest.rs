//! The order of episodes by age, the same in every store: by when they started, then by id, the newest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::{EpisodeId, Head};

/// The key of the order by age. Times after 2262 are one time: a column of a database holds no later ones.
pub(super) fn newest(head: &Head) -> (u64, EpisodeId) {
    (head.started_at_ns.min(i64::MAX as u64), head.id)
}

/// Keeps the newest of the episodes that are offered.
pub(super) struct Newest {
    limit: usize,
    kept: BinaryHeap<Reverse<(u64, EpisodeId)>>, // the oldest on top
}

impl Newest {
    pub(super) fn new(limit: usize) -> Newest {
        Newest { limit, kept: BinaryHeap::new() }
    }

    pub(super) fn offer(&mut self, head: &Head) {
        self.kept.push(Reverse(newest(head)));
        if self.kept.len() > self.limit {
            self.kept.pop();
        }
    }

    /// The episodes, the newest first.
    pub(super) fn into_ids(self) -> Vec<EpisodeId> {
        self.kept.into_sorted_vec().into_iter().map(|Reverse((_, id))| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StartEpisode;

    #[test]
    fn the_newest_come_first_and_the_others_go() {
        let mut newest = Newest::new(3);
        for (id, started_at_ns) in [(1, 5), (2, 9), (3, 1), (4, 9), (5, 7)] {
            newest.offer(&Head::new(EpisodeId(id), started_at_ns, StartEpisode::default()));
        }
        assert_eq!(newest.into_ids(), [4, 2, 5].map(EpisodeId));
        let mut none = Newest::new(0);
        none.offer(&Head::new(EpisodeId(1), 1, StartEpisode::default()));
        assert_eq!(none.into_ids(), []);
    }

    #[test]
    fn later_than_a_column_holds_is_all_one_time() {
        let at = |id, started_at_ns| newest(&Head::new(EpisodeId(id), started_at_ns, StartEpisode::default()));
        assert!(at(2, u64::MAX - 1) > at(1, u64::MAX));
        assert!(at(1, i64::MAX as u64) > at(2, i64::MAX as u64 - 1));
    }
}
