//! The engines beneath the stores, bare: batches of steps straight into one table, and nothing else.
//!
//! No store can be faster than its engine. How near it comes is measured against this: the same values, as many to a commit, as durable, without
//! episodes, step numbers, indexes, queues and pools. Left out on purpose: reading, and everything that can go wrong with a step.

use std::path::Path;

use async_trait::async_trait;

use crate::{Durability, EpisodeId, Error, Result, StoreKind};

/// A step as an engine keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The episode.
    pub id: EpisodeId,
    /// The step's number.
    pub number: u32,
    /// The step, encoded.
    pub value: Vec<u8>,
}

/// An engine with one table of steps.
#[async_trait]
pub trait Engine: Send {
    /// Puts the rows into the table, in one transaction.
    ///
    /// # Errors
    /// What the engine says.
    async fn commit(&mut self, rows: &[Row]) -> Result<()>;

    /// How many rows the table has.
    ///
    /// # Errors
    /// What the engine says.
    async fn count(&mut self) -> Result<u64>;
}

/// The engine beneath a store, in a new file.
///
/// # Errors
/// [`Error::InvalidVariant`] for a store that is more than one engine or none, and what the engine says.
pub async fn open(store: StoreKind, durability: Durability, path: &Path) -> Result<Box<dyn Engine>> {
    match (store, durability) {
        (StoreKind::Redb, Durability::Buffered | Durability::Fsynced) => {
            Ok(Box::new(super::redb::Bare::open(path, durability)?))
        }
        (StoreKind::Libsql, Durability::Committed | Durability::Fsynced) => {
            Ok(Box::new(super::libsql::Bare::open(path, durability).await?))
        }
        _ => Err(Error::InvalidVariant {
            conflict: format!("store={store},durability={durability} is no engine by itself"),
            remedy: "choose store=redb or libsql, and a class that it offers".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_committed_is_in_the_table() {
        for (store, durability) in [
            (StoreKind::Redb, Durability::Buffered),
            (StoreKind::Redb, Durability::Fsynced),
            (StoreKind::Libsql, Durability::Committed),
            (StoreKind::Libsql, Durability::Fsynced),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut engine = open(store, durability, &folder.path().join("bare")).await.expect("opens");
            let rows = |from: u32| -> Vec<Row> {
                (from..from + 3).map(|number| Row { id: EpisodeId(7), number, value: vec![1; 40] }).collect()
            };
            engine.commit(&rows(0)).await.expect("commits");
            engine.commit(&rows(3)).await.expect("commits");
            assert_eq!(engine.count().await.expect("counts"), 6, "{store} {durability}");
        }
    }

    #[tokio::test]
    async fn what_is_no_engine_is_refused() {
        let refused = open(StoreKind::Tiered, Durability::Committed, Path::new("x")).await.err().expect("refused");
        assert!(refused.to_string().contains("store=tiered,durability=committed is no engine"), "{refused}");
    }
}
