//! The rows of the episodes that get steps, so that not every step looks its episode up.
//!
//! An episode keeps its row as long as it is stored. It is remembered when a step needed it, and forgotten when the
//! episode is completed or deleted. A transaction that fails may have made some of the rows, so that all are forgotten.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::EpisodeId;
use crate::hash::FixedState;

/// The most rows that are remembered: beyond, all are forgotten, and looked up when needed.
const REMEMBERED: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct Rows(Mutex<HashMap<EpisodeId, u64, FixedState>>);

impl Rows {
    pub fn get(&self, id: EpisodeId) -> Option<u64> {
        self.0.lock().get(&id).copied()
    }

    pub fn remember(&self, id: EpisodeId, row: u64) {
        let mut rows = self.0.lock();
        if rows.len() >= REMEMBERED {
            rows.clear();
        }
        rows.insert(id, row);
    }

    pub fn forget(&self, id: EpisodeId) {
        self.0.lock().remove(&id);
    }

    pub fn forget_all(&self) {
        self.0.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_remembered_until_they_are_forgotten_or_too_many() {
        let rows = Rows::default();
        (0..REMEMBERED as u64).for_each(|row| rows.remember(EpisodeId(row.into()), row));
        assert_eq!((rows.get(EpisodeId(7)), rows.get(EpisodeId(8))), (Some(7), Some(8)));
        rows.forget(EpisodeId(7));
        assert_eq!((rows.get(EpisodeId(7)), rows.get(EpisodeId(8))), (None, Some(8)));
        rows.remember(EpisodeId(7), 7);
        rows.remember(EpisodeId(u128::MAX), 1);
        assert_eq!((rows.get(EpisodeId(8)), rows.get(EpisodeId(u128::MAX))), (None, Some(1)));
        rows.forget_all();
        assert_eq!(rows.get(EpisodeId(u128::MAX)), None);
    }
}
