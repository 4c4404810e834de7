//! Episodes by metadata: from every head, or from a table ordered by key and value.
//!
//! redb has no JSON to look into: `json-extract` is for stores with SQL.

use ::redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::error::BackendResult;
use super::{HEADS, Redb};
use crate::{EpisodeId, Head};

/// Key, value, episode.
pub(super) const METADATA: TableDefinition<'_, (&str, &str, u128), ()> = TableDefinition::new("metadata");

pub(super) fn insert(transaction: &WriteTransaction, head: &Head) -> BackendResult<()> {
    if !head.metadata.is_empty() {
        let mut table = transaction.open_table(METADATA)?;
        for (key, value) in &head.metadata {
            table.insert((key.as_str(), value.as_str(), head.id.0), ())?;
        }
    }
    Ok(())
}

impl Redb {
    /// Strategy `scan`: decodes every head.
    pub(super) fn scan_metadata(
        &self,
        read: &ReadTransaction,
        key: &str,
        value: &str,
    ) -> BackendResult<Vec<EpisodeId>> {
        let (mut ids, mut rows) = (Vec::new(), 0);
        for entry in read.open_table(HEADS)?.iter()? {
            let head: Head = self.encoding.decode(entry?.1.value())?;
            rows += 1;
            if head.metadata.get(key).is_some_and(|stored| stored == value) {
                ids.push(head.id);
            }
        }
        self.counters.metadata_scanned.add(rows);
        self.counters.rows_read.add(rows);
        Ok(ids)
    }

    /// Strategy `indexed`: reads only what it finds.
    pub(super) fn search_metadata(
        &self,
        read: &ReadTransaction,
        key: &str,
        value: &str,
    ) -> BackendResult<Vec<EpisodeId>> {
        let mut ids = Vec::new();
        for entry in read.open_table(METADATA)?.range((key, value, 0)..=(key, value, u128::MAX))? {
            ids.push(EpisodeId(entry?.0.value().2));
        }
        self.counters.metadata_index_searches.increment();
        self.counters.rows_read.add(ids.len() as u64);
        Ok(ids)
    }
}
