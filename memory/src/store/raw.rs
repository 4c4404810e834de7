//! The engines beneath the stores: batches of steps straight into one table, and nothing else.
//!
//! No store can be faster than its engine. This is the measure of how near each comes: the same values, as many to a
//! commit, as durable, without episodes, step numbers, indexes, queues and pools. Nothing is read but the number of
//! rows.

use async_trait::async_trait;

use crate::{EpisodeId, Result};

/// A step as an engine keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRow {
    /// The episode.
    pub id: EpisodeId,
    /// The step's number.
    pub number: u32,
    /// The step, encoded.
    pub value: Vec<u8>,
}

/// An engine with one table of steps.
#[async_trait]
pub trait RawEngine: Send {
    /// Puts the rows into the table, in one transaction.
    async fn commit(&mut self, rows: &[RawRow]) -> Result<()>;

    /// How many rows the table has.
    async fn count(&mut self) -> Result<u64>;
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::open_raw;
    use crate::{Durability, StoreKind};

    #[tokio::test]
    async fn what_is_committed_is_in_the_table() {
        for (store, durability) in [
            (StoreKind::Redb, Durability::Buffered),
            (StoreKind::Redb, Durability::Fsynced),
            (StoreKind::Libsql, Durability::Committed),
            (StoreKind::Libsql, Durability::Fsynced),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut engine = open_raw(store, durability, &folder.path().join("raw")).await.expect("opens");
            let rows = |from: u32| -> Vec<RawRow> {
                (from..from + 3).map(|number| RawRow { id: EpisodeId(7), number, value: vec![1; 40] }).collect()
            };
            engine.commit(&rows(0)).await.expect("commits");
            engine.commit(&rows(3)).await.expect("commits");
            assert_eq!(engine.count().await.expect("counts"), 6, "{store} {durability}");
        }
    }

    #[tokio::test]
    async fn what_is_no_engine_is_refused() {
        let refused = open_raw(StoreKind::Tiered, Durability::Committed, Path::new("x")).await.err().expect("refused");
        assert!(refused.to_string().contains("store=tiered,durability=committed is no engine"), "{refused}");
    }
}
